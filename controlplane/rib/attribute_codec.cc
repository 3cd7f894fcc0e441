#include "controlplane/rib/attribute_codec.h"

#include <cassert>
#include <cstring>
#include <type_traits>

namespace lastmile::rib {
namespace {

/// Which optional members of the set follow, in the order of these bits.
enum Presence : std::uint32_t {
  kMed = 1U << 0,
  kLocalPreference = 1U << 1,
  kAtomicAggregate = 1U << 2,
  kAggregator = 1U << 3,
  kCommunities = 1U << 4,
  kExtendedCommunities = 1U << 5,
  kLargeCommunities = 1U << 6,
  kOriginator = 1U << 7,
  kClusterList = 1U << 8,
  kUnknown = 1U << 9,
  // No members, only facts (but for kOnlyToCustomer).
  kPartialAggregator = 1U << 10,
  kPartialCommunities = 1U << 11,
  kPartialExtendedCommunities = 1U << 12,
  kPartialLargeCommunities = 1U << 13,
  kOnlyToCustomer = 1U << 14,
  kPartialOnlyToCustomer = 1U << 15,
  kAigp = 1U << 16,
};

class Packer {
 public:
  explicit Packer(std::vector<std::uint8_t>& out) : out_(out) { out_.clear(); }

  template <class T>
  void put(T value) {
    static_assert(std::is_trivially_copyable_v<T> && std::has_unique_object_representations_v<T>);
    const std::size_t at = out_.size();
    out_.resize(at + sizeof value);
    std::memcpy(out_.data() + at, &value, sizeof value);
  }
  template <class T>
  void put_list(const std::vector<T>& values) {
    put(static_cast<std::uint16_t>(values.size()));
    for (const T& value : values) put(value);
  }

 private:
  std::vector<std::uint8_t>& out_;
};

class Unpacker {
 public:
  explicit Unpacker(std::span<const std::uint8_t> in) : in_(in) {}

  template <class T>
  T get() {
    assert(in_.size() >= sizeof(T));
    T value;
    std::memcpy(&value, in_.data(), sizeof value);
    in_ = in_.subspan(sizeof value);
    return value;
  }
  template <class T>
  std::vector<T> get_list() {
    std::vector<T> values(get<std::uint16_t>());
    for (T& value : values) value = get<T>();
    return values;
  }

 private:
  std::span<const std::uint8_t> in_;
};

std::uint32_t presence(const bgp::PathAttributes& a) {
  unsigned bits = 0;
  if (a.med) bits |= kMed;
  if (a.local_preference) bits |= kLocalPreference;
  if (a.atomic_aggregate) bits |= kAtomicAggregate;
  if (a.aggregator) bits |= kAggregator;
  if (!a.communities.empty()) bits |= kCommunities;
  if (!a.extended_communities.empty()) bits |= kExtendedCommunities;
  if (!a.large_communities.empty()) bits |= kLargeCommunities;
  if (a.originator_id) bits |= kOriginator;
  if (!a.cluster_list.empty()) bits |= kClusterList;
  if (!a.unknown.empty()) bits |= kUnknown;
  if (a.partial.aggregator) bits |= kPartialAggregator;
  if (a.partial.communities) bits |= kPartialCommunities;
  if (a.partial.extended_communities) bits |= kPartialExtendedCommunities;
  if (a.partial.large_communities) bits |= kPartialLargeCommunities;
  if (a.only_to_customer) bits |= kOnlyToCustomer;
  if (a.partial.only_to_customer) bits |= kPartialOnlyToCustomer;
  if (a.aigp) bits |= kAigp;
  return bits;
}

}  // namespace

std::size_t pack(const bgp::PathAttributes& a, std::vector<std::uint8_t>& out) {
  Packer packer(out);
  packer.put(static_cast<std::uint16_t>(a.as_path.segments.size()));
  for (const bgp::AsPath::Segment& segment : a.as_path.segments) {
    packer.put(static_cast<std::uint8_t>(segment.type));
    packer.put_list(segment.asns);
  }
  const std::size_t as_path_bytes = out.size();

  const std::uint32_t bits = presence(a);
  packer.put(bits);
  packer.put(static_cast<std::uint8_t>(a.origin));
  if (a.med) packer.put(*a.med);
  if (a.local_preference) packer.put(*a.local_preference);
  if (a.aggregator) {
    packer.put(a.aggregator->asn.value());
    packer.put(a.aggregator->address.value());
  }
  if ((bits & kCommunities) != 0) packer.put_list(a.communities);
  if ((bits & kExtendedCommunities) != 0) packer.put_list(a.extended_communities);
  if ((bits & kLargeCommunities) != 0) packer.put_list(a.large_communities);
  if (a.originator_id) packer.put(a.originator_id->value());
  if ((bits & kClusterList) != 0) packer.put_list(a.cluster_list);
  if (a.only_to_customer) packer.put(a.only_to_customer->value());
  if (a.aigp) {
    packer.put(a.aigp->metric);
    packer.put_list(a.aigp->other_tlvs);
  }
  if ((bits & kUnknown) != 0) {
    packer.put(static_cast<std::uint16_t>(a.unknown.size()));
    for (const bgp::PathAttributes::Unknown& unknown : a.unknown) {
      packer.put(unknown.flags);
      packer.put(unknown.code);
      packer.put_list(unknown.value);
    }
  }
  return as_path_bytes;
}

bgp::PathAttributes unpack(std::span<const std::uint8_t> packed) {
  Unpacker in(packed);
  bgp::PathAttributes a;
  a.as_path.segments.resize(in.get<std::uint16_t>());
  for (bgp::AsPath::Segment& segment : a.as_path.segments) {
    segment.type = static_cast<bgp::AsPath::SegmentType>(in.get<std::uint8_t>());
    segment.asns = in.get_list<bgp::Asn>();
  }
  const auto bits = in.get<std::uint32_t>();
  a.origin = static_cast<bgp::Origin>(in.get<std::uint8_t>());
  if ((bits & kMed) != 0) a.med = in.get<std::uint32_t>();
  if ((bits & kLocalPreference) != 0) a.local_preference = in.get<std::uint32_t>();
  a.atomic_aggregate = (bits & kAtomicAggregate) != 0;
  if ((bits & kAggregator) != 0) {
    const bgp::Asn asn{in.get<std::uint32_t>()};
    a.aggregator = bgp::Aggregator{asn, Ipv4Address{in.get<std::uint32_t>()}};
  }
  if ((bits & kCommunities) != 0) a.communities = in.get_list<bgp::Community>();
  if ((bits & kExtendedCommunities) != 0) {
    a.extended_communities = in.get_list<bgp::ExtendedCommunity>();
  }
  if ((bits & kLargeCommunities) != 0) a.large_communities = in.get_list<bgp::LargeCommunity>();
  if ((bits & kOriginator) != 0) a.originator_id = Ipv4Address{in.get<std::uint32_t>()};
  if ((bits & kClusterList) != 0) a.cluster_list = in.get_list<Ipv4Address>();
  if ((bits & kOnlyToCustomer) != 0) a.only_to_customer = bgp::Asn{in.get<std::uint32_t>()};
  if ((bits & kAigp) != 0) {
    a.aigp.emplace().metric = in.get<std::uint64_t>();
    a.aigp->other_tlvs = in.get_list<std::uint8_t>();
  }
  a.partial.aggregator = (bits & kPartialAggregator) != 0;
  a.partial.communities = (bits & kPartialCommunities) != 0;
  a.partial.extended_communities = (bits & kPartialExtendedCommunities) != 0;
  a.partial.large_communities = (bits & kPartialLargeCommunities) != 0;
  a.partial.only_to_customer = (bits & kPartialOnlyToCustomer) != 0;
  if ((bits & kUnknown) != 0) {
    a.unknown.resize(in.get<std::uint16_t>());
    for (bgp::PathAttributes::Unknown& unknown : a.unknown) {
      unknown.flags = in.get<std::uint8_t>();
      unknown.code = in.get<std::uint8_t>();
      unknown.value = in.get_list<std::uint8_t>();
    }
  }
  return a;
}

std::uint64_t hash_bytes(std::span<const std::uint8_t> bytes) {
  constexpr std::uint64_t kMultiplier = 0x9fb21c651e98df25;
  const auto mix = [](std::uint64_t h) {
    h *= kMultiplier;
    return h ^ (h >> 29);
  };
  std::uint64_t hash = mix(bytes.size() + 1);
  while (bytes.size() >= sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof word);
    hash = mix(hash ^ word);
    bytes = bytes.subspan(sizeof word);
  }
  if (!bytes.empty()) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data(), bytes.size());
    hash = mix(hash ^ word);
  }
  return mix(hash ^ (hash >> 32));
}

}  // namespace lastmile::rib
