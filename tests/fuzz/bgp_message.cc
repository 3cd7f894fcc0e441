// Fuzzes everything of BGP that reads from a peer. The first octet of the input chooses what the
// session agreed on, bit by bit; the second, in which pieces the stream arrives. If the first one
// has kPathIds, a third one says who puts path identifiers where. The rest is the stream.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <variant>
#include <vector>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/notification.h"
#include "tests/bgp_wire/merged.h"
#include "tests/fuzz/require.h"

namespace {

using namespace lastmile::bgp;
using lastmile::fuzz::require;

// Bits of the first octet.
constexpr std::uint8_t kTwoOctetAsn = 1, kInternalPeer = 2, kExtendedMessage = 4, kNoNextHop = 8,
                       kAllPathIds = 16, kAigp = 32, kBothNextHops = 64, kPathIds = 128;

std::vector<Family> families(bool ipv4, bool ipv6) {
  std::vector<Family> families;
  if (ipv4) families.push_back(Family::kIpv4Unicast);
  if (ipv6) families.push_back(Family::kIpv6Unicast);
  return families;
}

CodecContext context_of(std::uint8_t choice, std::uint8_t path_ids) {
  const auto has = [choice](std::uint8_t bit) { return (choice & bit) != 0; };
  CodecContext context;
  context.four_octet_asn = !has(kTwoOctetAsn);
  context.external_peer = !has(kInternalPeer);
  context.extended_message = has(kExtendedMessage);
  context.extended_next_hop = families(!has(kNoNextHop), has(kBothNextHops));
  context.aigp = has(kAigp);
  context.path_ids = families((path_ids & 1) != 0, (path_ids & 2) != 0);
  context.own_path_ids = families((path_ids & 4) != 0, (path_ids & 8) != 0);
  return context;
}

/// The same session as the peer sees it.
CodecContext other_side(CodecContext context) {
  std::swap(context.path_ids, context.own_path_ids);
  return context;
}

/// Where we put no path identifiers there are none for the peer.
void forget_path_ids(NlriList& list) {
  std::visit(
      [](auto& routes) {
        for (auto& route : routes) route.path_id = 0;
      },
      list);
}
void keep_own_path_ids(const CodecContext& context, test::Merged& merged) {
  for (auto& [family, lists] : merged.unreach) {
    if (context.own_path_ids_of(family) == PathIds::kPresent) continue;
    for (NlriList& list : lists) forget_path_ids(list);
  }
  for (auto& [family, lists] : merged.reach) {
    if (context.own_path_ids_of(family) == PathIds::kPresent) continue;
    for (auto& [next_hop, list] : lists) forget_path_ids(list);
  }
}

// What a stream of our own says, which is without fault, and the stream that we make of it.
struct ReadBack {
  test::Merged said;
  std::vector<std::uint8_t> again;
};

ReadBack read_back(std::span<const std::uint8_t> octets, const CodecContext& context) {
  ReadBack result;
  MessageReader reader;
  reader.append(octets);
  std::size_t length = 0;
  const CodecContext theirs = other_side(context);
  while (const auto next = reader.next(theirs)) {
    require(next->has_value());
    const auto& update = std::get<Update>(**next);
    require(update.faults.empty());
    test::merge(update, result.said);
    const auto encoded = encode(update, context);
    result.again.insert(result.again.end(), encoded.begin(), encoded.end());
    ++length;
  }
  require(length <= octets.size() / kHeaderSize);
  return result;
}

// Decoded, encoded, decoded: nothing is lost and nothing comes to it.
void check_update(const Update& update, const CodecContext& context) {
  (void)hash_value(update.attributes);
  test::Merged first;
  test::merge(update, first);
  keep_own_path_ids(context, first);
  const ReadBack second = read_back(encode(update, context), context);
  require(read_back(second.again, context).said == second.said);
  // An AS path that a two-octet speaker passed on is put together once; then it stays as it is.
  if (!context.four_octet_asn || second.said == first) return;
  // Attributes that fill a message are too many with ours about it; those routes are withdrawn
  // (RFC 4271 section 9.2). In a longer message there is room.
  CodecContext longer = context;
  longer.extended_message = true;
  const auto octets = encode(update, longer);
  require(!context.extended_message && octets.size() > kMaxMessageSize);
  require(read_back(octets, longer).said == first);
}

// What we make of a message, we must be able to send, and to read again.
void check_sendable(const Message& message, const CodecContext& context) {
  if (const auto* update = std::get_if<Update>(&message)) {
    check_update(*update, context);
  } else if (const auto* open = std::get_if<Open>(&message)) {
    const auto again = decode(encode(*open), context);
    require(again.has_value() && std::get<Open>(*again) == *open);
  } else if (const auto* error = std::get_if<Notification>(&message)) {
    (void)to_string(*error);
    const auto again = decode(encode(*error), context);
    require(again.has_value());
    Notification cut = *error;  // to what any peer takes
    cut.data.resize(std::min(cut.data.size(), kMaxMessageSize - kHeaderSize - 2));
    require(std::get<Notification>(*again) == cut);
  } else if (const auto* refresh = std::get_if<RouteRefresh>(&message)) {
    const auto again = decode(encode(*refresh), context);
    require(again.has_value() && std::get<RouteRefresh>(*again) == *refresh);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  std::uint8_t path_ids = (data[0] & kAllPathIds) != 0 ? 0xf : 0;
  std::span<const std::uint8_t> rest{data + 2, size - 2};
  if ((data[0] & kPathIds) != 0 && !rest.empty()) {
    path_ids = rest.front();
    rest = rest.subspan(1);
  }
  const CodecContext context = context_of(data[0], path_ids);
  const std::size_t piece = std::max<std::size_t>(1, std::size_t{data[1]} * 16);
  MessageReader reader;
  while (!rest.empty()) {
    const std::size_t now = std::min(piece, rest.size());
    reader.append(rest.first(now));
    rest = rest.subspan(now);
    while (const auto next = reader.next(context)) {
      if (!next->has_value()) {
        (void)to_string(next->error());
        require(decode(encode(next->error()), context).has_value());
        return 0;
      }
      check_sendable(**next, context);
    }
  }
  return 0;
}
