#include "tools/feed_src/tally.h"

#include <optional>

#include "controlplane/bgp/wire/attribute.h"

namespace lastmile::feed {
namespace {

using bgp::AttributeCode;
using bgp::OctetReader;
using bgp::Octets;

/// Prefixes in a field of NLRI; nullopt if the last one runs over the end.
std::optional<std::uint64_t> count_nlri(Octets field) {
  std::uint64_t count = 0;
  for (std::size_t at = 0; at < field.size(); ++count) {
    at += 1 + (std::size_t{field[at]} + 7) / 8;
    if (at > field.size()) return std::nullopt;
  }
  return count;
}

struct Counts {
  std::uint64_t announced = 0, withdrawn = 0;
  bool end_of_rib = false;  // RFC 4724 section 2: nothing, or an MP_UNREACH with nothing
};

/// RFC 4760 sections 3 and 4.
bool count_attribute(AttributeCode code, Octets value, Counts& counts) {
  OctetReader in(value);
  if (in.left() < 3) return false;
  in.take(3);  // AFI, SAFI
  if (code == AttributeCode::kMpReachNlri) {
    if (in.empty()) return false;
    const std::size_t next_hop = in.u8();
    if (in.left() < next_hop + 1) return false;
    in.take(next_hop + 1);  // and one reserved octet
  }
  const auto count = count_nlri(in.rest());
  if (!count) return false;
  (code == AttributeCode::kMpReachNlri ? counts.announced : counts.withdrawn) += *count;
  counts.end_of_rib = code == AttributeCode::kMpUnreachNlri && *count == 0;
  return true;
}

std::optional<Counts> count(Octets body) {
  Counts counts;
  OctetReader in(body);
  if (in.left() < 2) return std::nullopt;
  const std::size_t withdrawn = in.u16();
  if (in.left() < withdrawn + 2) return std::nullopt;
  const auto classic_withdrawn = count_nlri(in.take(withdrawn));
  const std::size_t length = in.u16();
  if (!classic_withdrawn || in.left() < length) return std::nullopt;
  for (OctetReader attributes(in.take(length)); !attributes.empty();) {
    if (attributes.left() < 3) return std::nullopt;
    const std::uint8_t flags = attributes.u8();
    const auto code = static_cast<AttributeCode>(attributes.u8());
    const bool wide = (flags & bgp::kFlagExtendedLength) != 0;
    if (wide && attributes.left() < 2) return std::nullopt;
    const std::size_t size = wide ? attributes.u16() : attributes.u8();
    if (attributes.left() < size) return std::nullopt;
    const Octets value = attributes.take(size);
    if (code != AttributeCode::kMpReachNlri && code != AttributeCode::kMpUnreachNlri) continue;
    if (!count_attribute(code, value, counts)) return std::nullopt;
  }
  const auto classic = count_nlri(in.rest());
  if (!classic) return std::nullopt;
  counts.announced += *classic;
  counts.withdrawn += *classic_withdrawn;
  if (body.size() == 4) counts.end_of_rib = true;
  return counts;
}

}  // namespace

void Tally::count_update(Octets body) {
  ++updates;
  const auto counts = count(body);
  if (!counts) {
    ++malformed;
    return;
  }
  announced += counts->announced;
  withdrawn += counts->withdrawn;
  if (counts->end_of_rib) ++end_of_rib;
}

}  // namespace lastmile::feed
