// Values without AS numbers or NLRI in them.
#include "controlplane/bgp/wire/attribute_values.h"

#include <algorithm>
#include <functional>

namespace lastmile::bgp {
namespace {

// AIGP (RFC 7311 section 3): type and length of a TLV, and the one that we know.
constexpr std::uint16_t kTlvHeader = 3;
constexpr std::uint8_t kMetricTlv = 1;
constexpr std::uint16_t kMetricTlvSize = kTlvHeader + sizeof(Aigp::metric);

// Sets on the wire have no order and may repeat (RFC 8092 section 5 demands that repeats go).
template <class Element>
void make_set(std::vector<Element>& elements) {
  const auto unordered = std::adjacent_find(elements.begin(), elements.end(), std::greater_equal{});
  if (unordered == elements.end()) return;
  std::sort(elements.begin(), elements.end());
  elements.erase(std::unique(elements.begin(), elements.end()), elements.end());
}

}  // namespace

Verdict decode_origin(Octets value, UpdateDraft& draft) {
  if (value[0] > static_cast<std::uint8_t>(Origin::kIncomplete)) return {"undefined value", {}};
  draft.update.attributes.origin = static_cast<Origin>(value[0]);
  return {};
}
bool encode_origin(const EncodeSource& source, OctetWriter& out) {
  out.u8(static_cast<std::uint8_t>(source.attributes.origin));
  return true;
}

// Whether the address can be a next hop matters only if there is classic NLRI to use it
// (RFC 4760 section 3), which is known at the end: see update_decode.cc.
Verdict decode_next_hop(Octets value, UpdateDraft& draft) {
  draft.next_hop = Ipv4Address::from_wire(value.first<4>());
  return {};
}
bool can_be_next_hop(const Ipv4Address& address) {
  constexpr std::uint32_t kReserved = 0xf;  // 240.0.0.0/4, and with it the broadcast address
  return !address.is_multicast() && !address.is_loopback() && address.value() >> 28 != kReserved;
}
bool encode_next_hop(const EncodeSource& source, OctetWriter& out) {
  if (source.next_hop == nullptr) return false;
  out.u32(source.next_hop->value());
  return true;
}

Verdict decode_med(Octets value, UpdateDraft& draft) {
  draft.update.attributes.med = OctetReader(value).u32();
  return {};
}
bool encode_med(const EncodeSource& source, OctetWriter& out) {
  if (!source.attributes.med) return false;
  out.u32(*source.attributes.med);
  return true;
}

Verdict decode_local_pref(Octets value, UpdateDraft& draft) {
  draft.update.attributes.local_preference = OctetReader(value).u32();
  return {};
}
bool encode_local_pref(const EncodeSource& source, OctetWriter& out) {
  if (!source.attributes.local_preference) return false;
  out.u32(*source.attributes.local_preference);
  return true;
}

Verdict decode_atomic_aggregate(Octets, UpdateDraft& draft) {
  draft.update.attributes.atomic_aggregate = true;
  return {};
}
bool encode_atomic_aggregate(const EncodeSource& source, OctetWriter&) {
  return source.attributes.atomic_aggregate;
}

Verdict decode_communities(Octets value, UpdateDraft& draft) {
  std::vector<Community>& communities = draft.update.attributes.communities;
  communities.reserve(value.size() / 4);
  for (OctetReader in(value); !in.empty();) communities.push_back({in.u32()});
  make_set(communities);
  return {};
}
bool encode_communities(const EncodeSource& source, OctetWriter& out) {
  for (const Community community : source.attributes.communities) out.u32(community.value);
  return !source.attributes.communities.empty();
}

Verdict decode_originator_id(Octets value, UpdateDraft& draft) {
  draft.update.attributes.originator_id = Ipv4Address::from_wire(value.first<4>());
  return {};
}
bool encode_originator_id(const EncodeSource& source, OctetWriter& out) {
  if (!source.attributes.originator_id) return false;
  out.u32(source.attributes.originator_id->value());
  return true;
}

// An ordered list: each reflector puts its identifier in front (RFC 4456 section 8).
Verdict decode_cluster_list(Octets value, UpdateDraft& draft) {
  std::vector<Ipv4Address>& clusters = draft.update.attributes.cluster_list;
  clusters.reserve(value.size() / 4);
  for (OctetReader in(value); !in.empty();) clusters.emplace_back(in.u32());
  return {};
}
bool encode_cluster_list(const EncodeSource& source, OctetWriter& out) {
  for (const Ipv4Address cluster : source.attributes.cluster_list) out.u32(cluster.value());
  return !source.attributes.cluster_list.empty();
}

Verdict decode_extended_communities(Octets value, UpdateDraft& draft) {
  std::vector<ExtendedCommunity>& communities = draft.update.attributes.extended_communities;
  communities.reserve(value.size() / 8);
  for (OctetReader in(value); !in.empty();) communities.push_back({in.u64()});
  make_set(communities);
  return {};
}
bool encode_extended_communities(const EncodeSource& source, OctetWriter& out) {
  for (const ExtendedCommunity c : source.attributes.extended_communities) out.u64(c.value);
  return !source.attributes.extended_communities.empty();
}

Verdict decode_large_communities(Octets value, UpdateDraft& draft) {
  std::vector<LargeCommunity>& communities = draft.update.attributes.large_communities;
  communities.reserve(value.size() / 12);
  for (OctetReader in(value); !in.empty();) {
    const std::uint32_t global = in.u32();
    const std::uint32_t local1 = in.u32();
    communities.push_back({global, local1, in.u32()});
  }
  make_set(communities);
  return {};
}
bool encode_large_communities(const EncodeSource& source, OctetWriter& out) {
  for (const LargeCommunity& community : source.attributes.large_communities) {
    out.u32(community.global);
    out.u32(community.local1);
    out.u32(community.local2);
  }
  return !source.attributes.large_communities.empty();
}

// RFC 7311 section 3: TLVs, of which the first one of type 1 counts. Unknown types and repeats are
// no fault; without a metric there is nothing to be used.
Verdict decode_aigp(Octets value, UpdateDraft& draft) {
  Aigp aigp;
  bool found = false;
  for (OctetReader in(value); !in.empty();) {
    const Octets from_here = in.rest();
    if (in.left() < kTlvHeader) return {"a TLV runs over the end", {}};
    const std::uint8_t type = in.u8();
    const std::size_t length = in.u16();  // of the whole TLV
    if (length < kTlvHeader || length > from_here.size()) return {"length of a TLV", {}};
    const Octets content = in.take(length - kTlvHeader);
    if (type == kMetricTlv && !found) {
      if (length != kMetricTlvSize) return {"length of the metric", {}};
      aigp.metric = OctetReader(content).u64();
      if (aigp.metric == Aigp::kUnusable) return {"the largest metric", {}};
      found = true;
      continue;
    }
    const Octets whole = from_here.first(length);
    aigp.other_tlvs.insert(aigp.other_tlvs.end(), whole.begin(), whole.end());
  }
  if (found) draft.update.attributes.aigp = std::move(aigp);
  return {};
}
bool encode_aigp(const EncodeSource& source, OctetWriter& out) {
  const auto& aigp = source.attributes.aigp;
  if (!aigp) return false;
  out.u8(kMetricTlv);
  out.u16(kMetricTlvSize);
  out.u64(aigp->metric);
  out.octets(aigp->other_tlvs);
  return true;
}

Verdict decode_only_to_customer(Octets value, UpdateDraft& draft) {
  draft.update.attributes.only_to_customer = Asn{OctetReader(value).u32()};
  return {};
}
bool encode_only_to_customer(const EncodeSource& source, OctetWriter& out) {
  if (!source.attributes.only_to_customer) return false;
  out.u32(source.attributes.only_to_customer->value());
  return true;
}

}  // namespace lastmile::bgp
