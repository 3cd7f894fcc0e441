// UPDATE from bytes (RFC 4271 sections 4.3 and 6.3), with the error handling of RFC 7606.
//
// The order of things is RFC 7606's: the routes are found first (if they cannot be, no handling
// weaker than a session reset is possible), then the attributes are walked, each error notes the
// handling that it asks for, and the strongest one is carried out at the end (section 3 h).
#include <algorithm>
#include <bitset>

#include <fmt/format.h>

#include "controlplane/bgp/wire/attribute_values.h"
#include "controlplane/bgp/wire/codec.h"
#include "controlplane/bgp/wire/nlri.h"

namespace lastmile::bgp {
namespace {

using Length = AttributeDescriptor::Length;
using Peers = AttributeDescriptor::Peers;
using Presence = AttributeDescriptor::Presence;

// Flags, code and a length of one octet; a length of two octets makes it one more.
constexpr std::size_t kAttributeHeader = 3;

// A 64 kB message can hold twenty thousand duplicates; nobody reads so many reasons.
constexpr std::size_t kMaxFaults = 16;

// Flags, code, value, and the whole of it for a NOTIFICATION's data.
struct RawAttribute {
  std::uint8_t flags = 0;
  std::uint8_t code = 0;
  Octets value;
  Octets whole;
};

class UpdateDecoder {
 public:
  explicit UpdateDecoder(const CodecContext& context) : draft_(context) {}

  tl::expected<Update, Notification> decode(Octets body);

 private:
  void walk(Octets attributes);
  void take_known(const AttributeDescriptor& row, const RawAttribute& raw);
  void take_unknown(const RawAttribute& raw);
  void add_classic_reach(std::vector<Nlri<Ipv4Address>> nlri);
  void check_mandatory(bool classic_nlri);

  // An error and what it asks for; `error` and `octets` are what a reset would tell the peer.
  void fault(std::uint8_t code, Handling handling, std::string reason, UpdateError error,
             Octets octets);
  void fault(const AttributeDescriptor& row, Handling handling, const char* what,
             const char* clause, UpdateError error, Octets octets);

  UpdateDraft draft_;
  std::bitset<256> seen_;
  std::size_t attribute_count_ = 0;
  Handling strongest_ = Handling::kNone;
  Notification worst_;  // belongs to the first error of the strongest handling so far
};

void UpdateDecoder::fault(std::uint8_t code, Handling handling, std::string reason,
                          UpdateError error, Octets octets) {
  if (handling > strongest_) {
    strongest_ = handling;
    worst_ = notification(error, {octets.begin(), octets.end()});
  }
  std::vector<AttributeFault>& faults = draft_.update.faults;
  if (faults.size() >= kMaxFaults) return;
  const auto outcome = handling == Handling::kAttributeDiscard
                           ? AttributeFault::Outcome::kAttributeDiscard
                           : AttributeFault::Outcome::kTreatAsWithdraw;
  faults.push_back({code, outcome, std::move(reason)});
}

void UpdateDecoder::fault(const AttributeDescriptor& row, Handling handling, const char* what,
                          const char* clause, UpdateError error, Octets octets) {
  fault(static_cast<std::uint8_t>(row.code), handling,
        clause == nullptr ? fmt::format("{}: {}", row.name, what)
                          : fmt::format("{}: {} ({})", row.name, what, clause),
        error, octets);
}

// One turn for each attribute. A header or length that does not fit ends the walk: what follows
// cannot be told apart any more, but the NLRI behind the attributes can (RFC 7606 section 4).
void UpdateDecoder::walk(Octets attributes) {
  for (OctetReader in(attributes); !in.empty() && strongest_ < Handling::kSessionReset;) {
    const Octets from_here = in.rest();
    const bool wide = (from_here[0] & kFlagExtendedLength) != 0;
    if (in.left() < kAttributeHeader + (wide ? 1 : 0)) {
      return fault(in.left() > 1 ? from_here[1] : std::uint8_t{0}, Handling::kTreatAsWithdraw,
                   "attribute header runs over the end (RFC 7606 section 4)",
                   UpdateError::kMalformedAttributeList, {});
    }
    RawAttribute raw;
    raw.flags = in.u8();
    raw.code = in.u8();
    const std::size_t length = wide ? in.u16() : in.u8();
    const AttributeDescriptor* row = find_attribute(raw.code);
    if (length > in.left()) {
      // Routes inside a cut attribute are lost, and with them any remedy but a reset (section 3 j).
      const bool holds_nlri = row != nullptr && row->malformed == Handling::kSessionReset;
      return fault(raw.code, holds_nlri ? Handling::kSessionReset : Handling::kTreatAsWithdraw,
                   fmt::format("attribute {} runs over the end (RFC 7606 section 4)", raw.code),
                   holds_nlri ? row->subcode : UpdateError::kAttributeLength, from_here);
    }
    raw.value = in.take(length);
    raw.whole = from_here.first(from_here.size() - in.left());
    ++attribute_count_;
    if (row != nullptr) {
      take_known(*row, raw);
    } else {
      take_unknown(raw);
    }
    seen_.set(raw.code);
  }
}

void UpdateDecoder::take_known(const AttributeDescriptor& row, const RawAttribute& raw) {
  if (seen_.test(raw.code)) {
    const bool holds_nlri = row.malformed == Handling::kSessionReset;
    return fault(row, holds_nlri ? Handling::kSessionReset : Handling::kAttributeDiscard,
                 "appears more than once", "RFC 7606 section 3 g",
                 UpdateError::kMalformedAttributeList, {});
  }
  if (row.peers == Peers::kInternal && draft_.context.external_peer) {
    return fault(row, Handling::kAttributeDiscard, "from an external peer", row.clause, row.subcode,
                 raw.whole);
  }
  if (row.peers == Peers::kTwoOctet && draft_.context.four_octet_asn) {
    return fault(row, Handling::kAttributeDiscard, "from a four-octet speaker",
                 "RFC 6793 section 4.1", row.subcode, raw.whole);
  }
  if (row.peers == Peers::kAigpSession && !draft_.context.aigp) return;
  const bool wrong_flags = (raw.flags & (kFlagOptional | kFlagTransitive)) != row.flags;
  // An attribute that holds NLRI is read all the same: its routes are what is to be withdrawn.
  const bool holds_nlri = row.malformed == Handling::kSessionReset;
  const auto flags_fault = [&] {
    const bool usual = row.wrong_flags == Handling::kTreatAsWithdraw;
    fault(row, row.wrong_flags, "flags", usual ? "RFC 7606 section 3 c" : row.clause,
          UpdateError::kAttributeFlags, raw.whole);
  };
  if (wrong_flags && !holds_nlri) return flags_fault();
  const std::size_t length = raw.value.size();
  const bool fits =
      row.length_rule == Length::kAny ||
      (row.length_rule == Length::kExactly && length == row.length) ||
      (row.length_rule == Length::kMultipleOf && length != 0 && length % row.length == 0);
  if (!fits) {
    return fault(row, row.malformed, "length", row.clause, UpdateError::kAttributeLength,
                 raw.whole);
  }
  const Verdict verdict = row.decode(raw.value, draft_);
  if (verdict.what != nullptr) {
    return fault(row, verdict.handling.value_or(row.malformed), verdict.what,
                 verdict.handling ? nullptr : row.clause, row.subcode, raw.whole);
  }
  if (wrong_flags) return flags_fault();
  if (row.partial != nullptr) {
    draft_.update.attributes.partial.*row.partial = (raw.flags & kFlagPartial) != 0;
  }
}

// RFC 4271 sections 5 and 6.3.
void UpdateDecoder::take_unknown(const RawAttribute& raw) {
  if ((raw.flags & kFlagOptional) == 0) {
    return fault(raw.code, Handling::kSessionReset,
                 fmt::format("attribute {} is well-known to somebody else", raw.code),
                 UpdateError::kUnrecognizedWellKnownAttribute, raw.whole);
  }
  if (seen_.test(raw.code)) {
    return fault(
        raw.code, Handling::kAttributeDiscard,
        fmt::format("attribute {} appears more than once (RFC 7606 section 3 g)", raw.code),
        UpdateError::kMalformedAttributeList, {});
  }
  if ((raw.flags & kFlagTransitive) == 0) return;  // "MUST be quietly ignored"
  draft_.update.attributes.unknown.push_back(
      {static_cast<std::uint8_t>(kFlagOptional | kFlagTransitive | kFlagPartial),
       raw.code,
       {raw.value.begin(), raw.value.end()}});
}

void UpdateDecoder::add_classic_reach(std::vector<Nlri<Ipv4Address>> nlri) {
  Update::Reach reach{Family::kIpv4Unicast, {}, std::move(nlri)};
  if (draft_.next_hop && !draft_.next_hop->is_unspecified()) reach.next_hop.v4 = draft_.next_hop;
  draft_.update.reach.insert(draft_.update.reach.begin(), std::move(reach));
  // "Syntactically correct" means a valid host address.
  if (draft_.next_hop && !can_be_next_hop(*draft_.next_hop)) {
    const AttributeDescriptor& row =
        *find_attribute(static_cast<std::uint8_t>(AttributeCode::kNextHop));
    fault(row, row.malformed, "next hop is no host", "RFC 4271 section 6.3", row.subcode, {});
  }
}

// RFC 7606 section 3 d.
void UpdateDecoder::check_mandatory(bool classic_nlri) {
  for (const AttributeDescriptor& row : attribute_table()) {
    const bool needed =
        row.presence == Presence::kAlways ||
        (row.presence == Presence::kWithClassicNlri && classic_nlri) ||
        (row.presence == Presence::kFromInternalPeers && !draft_.context.external_peer);
    const auto code = static_cast<std::uint8_t>(row.code);
    if (!needed || seen_.test(code)) continue;
    const std::array<std::uint8_t, 1> data{code};
    fault(row, Handling::kTreatAsWithdraw, "missing", "RFC 7606 section 3 d",
          UpdateError::kMissingWellKnownAttribute, data);
  }
}

tl::expected<Update, Notification> UpdateDecoder::decode(Octets body) {
  OctetReader in(body);
  const std::size_t withdrawn_length = in.u16();
  if (withdrawn_length + 2 > in.left()) {
    return tl::unexpected(notification(UpdateError::kMalformedAttributeList));
  }
  const Octets withdrawn_field = in.take(withdrawn_length);
  const std::size_t attributes_length = in.u16();
  if (attributes_length > in.left()) {
    return tl::unexpected(notification(UpdateError::kMalformedAttributeList));
  }
  const Octets attributes = in.take(attributes_length);
  const Octets nlri_field = in.rest();

  const PathIds ids = draft_.context.path_ids_of(Family::kIpv4Unicast);
  auto withdrawn = decode_nlri<Ipv4Address>(withdrawn_field, ids);
  auto nlri = decode_nlri<Ipv4Address>(nlri_field, ids);
  if (!withdrawn || !nlri) {
    return tl::unexpected(notification(UpdateError::kInvalidNetworkField));
  }
  Update& update = draft_.update;
  if (!withdrawn->empty()) {
    update.unreach.push_back({Family::kIpv4Unicast, std::move(*withdrawn)});
  }
  walk(attributes);

  const bool classic_nlri = !nlri->empty();
  if (classic_nlri) add_classic_reach(std::move(*nlri));
  if (!update.reach.empty()) check_mandatory(classic_nlri);

  // RFC 7606 section 5.2: attributes without reachable routes, and one of them broken, so nobody
  // can be sure that there were none; unless there is nothing but MP_UNREACH_NLRI.
  const bool only_unreach =
      attribute_count_ == 1 && seen_.test(static_cast<std::size_t>(AttributeCode::kMpUnreachNlri));
  const bool routes_unsure = update.reach.empty() && !draft_.foreign_reach && !only_unreach;
  if (strongest_ == Handling::kSessionReset ||
      (strongest_ == Handling::kTreatAsWithdraw && routes_unsure)) {
    return tl::unexpected(std::move(worst_));
  }
  if (strongest_ == Handling::kTreatAsWithdraw) {
    for (Update::Reach& reach : update.reach) {
      update.unreach.push_back({reach.family, std::move(reach.nlri)});
    }
    update.reach.clear();
    update.attributes = {};
    return std::move(update);
  }
  if (!draft_.context.four_octet_asn) merge_four_octet(draft_);
  std::vector<PathAttributes::Unknown>& unknown = update.attributes.unknown;
  std::sort(unknown.begin(), unknown.end(),
            [](const auto& a, const auto& b) { return a.code < b.code; });

  // RFC 4724 section 2.
  if (withdrawn_field.empty() && nlri_field.empty()) {
    if (attributes.empty()) update.end_of_rib = Family::kIpv4Unicast;
    if (attribute_count_ == 1) update.end_of_rib = draft_.empty_unreach;
  }
  return std::move(update);
}

}  // namespace

tl::expected<Update, Notification> decode_update(Octets body, const CodecContext& context) {
  return UpdateDecoder(context).decode(body);
}

}  // namespace lastmile::bgp
