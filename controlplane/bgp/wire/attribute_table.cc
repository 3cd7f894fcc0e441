// Every path attribute that we know, one entry each.
#include <array>

#include "controlplane/bgp/wire/attribute_values.h"

namespace lastmile::bgp {
namespace {

using Length = AttributeDescriptor::Length;
using Peers = AttributeDescriptor::Peers;
using Presence = AttributeDescriptor::Presence;
using Partial = PathAttributes::Partial;
using enum AttributeCode;
using enum UpdateError;

constexpr std::uint8_t kWellKnown = kFlagTransitive;
constexpr std::uint8_t kOptionalTransitive = kFlagOptional | kFlagTransitive;
constexpr std::uint8_t kOptionalNonTransitive = kFlagOptional;

constexpr Handling kDiscard = Handling::kAttributeDiscard;
constexpr Handling kWithdraw = Handling::kTreatAsWithdraw;
constexpr Handling kReset = Handling::kSessionReset;

// clang-format off
// code, name, flags,
//   length, peers, presence, malformed, subcode, clause,
//   decode, encode, partial, wrong_flags
constexpr std::array kTable{
    AttributeDescriptor{kOrigin, "ORIGIN", kWellKnown,
        Length::kExactly, 1, Peers::kAll, Presence::kAlways,
        kWithdraw, kInvalidOrigin, "RFC 7606 section 7.1",
        decode_origin, encode_origin},
    AttributeDescriptor{kAsPath, "AS_PATH", kWellKnown,
        Length::kAny, 0, Peers::kAll, Presence::kAlways,
        kWithdraw, kMalformedAsPath, "RFC 7606 section 7.2",
        decode_as_path, encode_as_path},
    AttributeDescriptor{kNextHop, "NEXT_HOP", kWellKnown,
        Length::kExactly, 4, Peers::kAll, Presence::kWithClassicNlri,
        kWithdraw, kInvalidNextHop, "RFC 7606 section 7.3",
        decode_next_hop, encode_next_hop},
    AttributeDescriptor{kMultiExitDisc, "MULTI_EXIT_DISC", kOptionalNonTransitive,
        Length::kExactly, 4, Peers::kAll, Presence::kOptional,
        kWithdraw, kOptionalAttribute, "RFC 7606 section 7.4",
        decode_med, encode_med},
    AttributeDescriptor{kLocalPref, "LOCAL_PREF", kWellKnown,
        Length::kExactly, 4, Peers::kInternal, Presence::kFromInternalPeers,
        kWithdraw, kMalformedAttributeList, "RFC 7606 section 7.5",
        decode_local_pref, encode_local_pref},
    AttributeDescriptor{kAtomicAggregate, "ATOMIC_AGGREGATE", kWellKnown,
        Length::kExactly, 0, Peers::kAll, Presence::kOptional,
        kDiscard, kMalformedAttributeList, "RFC 7606 section 7.6",
        decode_atomic_aggregate, encode_atomic_aggregate},
    // Its length depends on the session, so the decoder judges it.
    AttributeDescriptor{kAggregator, "AGGREGATOR", kOptionalTransitive,
        Length::kAny, 0, Peers::kAll, Presence::kOptional,
        kDiscard, kOptionalAttribute, "RFC 7606 section 7.7",
        decode_aggregator, encode_aggregator, &Partial::aggregator},
    AttributeDescriptor{kCommunities, "COMMUNITIES", kOptionalTransitive,
        Length::kMultipleOf, 4, Peers::kAll, Presence::kOptional,
        kWithdraw, kOptionalAttribute, "RFC 7606 section 7.8",
        decode_communities, encode_communities, &Partial::communities},
    AttributeDescriptor{kOriginatorId, "ORIGINATOR_ID", kOptionalNonTransitive,
        Length::kExactly, 4, Peers::kInternal, Presence::kOptional,
        kWithdraw, kOptionalAttribute, "RFC 7606 section 7.9",
        decode_originator_id, encode_originator_id},
    AttributeDescriptor{kClusterList, "CLUSTER_LIST", kOptionalNonTransitive,
        Length::kMultipleOf, 4, Peers::kInternal, Presence::kOptional,
        kWithdraw, kOptionalAttribute, "RFC 7606 section 7.10",
        decode_cluster_list, encode_cluster_list},
    // The two that hold NLRI: without it there is nothing that could be withdrawn.
    AttributeDescriptor{kMpReachNlri, "MP_REACH_NLRI", kOptionalNonTransitive,
        Length::kAny, 0, Peers::kAll, Presence::kOptional,
        kReset, kOptionalAttribute, "RFC 7606 sections 5.3 and 7.11",
        decode_mp_reach, nullptr},
    AttributeDescriptor{kMpUnreachNlri, "MP_UNREACH_NLRI", kOptionalNonTransitive,
        Length::kAny, 0, Peers::kAll, Presence::kOptional,
        kReset, kOptionalAttribute, "RFC 7606 sections 5.3 and 7.12",
        decode_mp_unreach, nullptr},
    AttributeDescriptor{kExtendedCommunities, "EXTENDED COMMUNITIES", kOptionalTransitive,
        Length::kMultipleOf, 8, Peers::kAll, Presence::kOptional,
        kWithdraw, kOptionalAttribute, "RFC 7606 section 7.14",
        decode_extended_communities, encode_extended_communities, &Partial::extended_communities},
    AttributeDescriptor{kAs4Path, "AS4_PATH", kOptionalTransitive,
        Length::kAny, 0, Peers::kTwoOctet, Presence::kOptional,
        kDiscard, kOptionalAttribute, "RFC 6793 section 6",
        decode_as4_path, encode_as4_path},
    AttributeDescriptor{kAs4Aggregator, "AS4_AGGREGATOR", kOptionalTransitive,
        Length::kExactly, 8, Peers::kTwoOctet, Presence::kOptional,
        kDiscard, kOptionalAttribute, "RFC 6793 section 6",
        decode_as4_aggregator, encode_as4_aggregator},
    // A malformed one is as one that nobody knows, wrong flags included.
    AttributeDescriptor{kAigp, "AIGP", kOptionalNonTransitive,
        Length::kAny, 0, Peers::kAigpSession, Presence::kOptional,
        kDiscard, kOptionalAttribute, "RFC 7311 section 3.2",
        decode_aigp, encode_aigp, nullptr, kDiscard},
    AttributeDescriptor{kLargeCommunity, "LARGE_COMMUNITY", kOptionalTransitive,
        Length::kMultipleOf, 12, Peers::kAll, Presence::kOptional,
        kWithdraw, kOptionalAttribute, "RFC 8092 section 6",
        decode_large_communities, encode_large_communities, &Partial::large_communities},
    AttributeDescriptor{kOnlyToCustomer, "ONLY_TO_CUSTOMER", kOptionalTransitive,
        Length::kExactly, 4, Peers::kAll, Presence::kOptional,
        kWithdraw, kOptionalAttribute, "RFC 9234 section 5",
        decode_only_to_customer, encode_only_to_customer, &Partial::only_to_customer},
};
// clang-format on

constexpr std::uint8_t code_of(const AttributeDescriptor& row) {
  return static_cast<std::uint8_t>(row.code);
}

// Attribute code to its place in the table plus one; 0 for one that we don't know.
constexpr std::array<std::uint8_t, 256> kIndex = [] {
  std::array<std::uint8_t, 256> index{};
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    index[code_of(kTable[i])] = static_cast<std::uint8_t>(i + 1);
  }
  return index;
}();

constexpr bool ascending() {
  for (std::size_t i = 1; i < kTable.size(); ++i) {
    if (code_of(kTable[i - 1]) >= code_of(kTable[i])) return false;
  }
  return true;
}
static_assert(ascending(), "encoding walks the table and sends attributes in ascending order");

}  // namespace

std::span<const AttributeDescriptor> attribute_table() {
  return kTable;
}

const AttributeDescriptor* find_attribute(std::uint8_t code) {
  const std::size_t place = kIndex[code];
  return place == 0 ? nullptr : &kTable[place - 1];
}

}  // namespace lastmile::bgp
