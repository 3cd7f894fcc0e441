// The hash of path attributes, for tables in which equal ones are kept once.
#include <bit>
#include <cstring>

#include "controlplane/bgp/wire/message.h"

namespace lastmile::bgp {
namespace {

// A multiply-and-rotate hash, with the finalizer of splitmix64: fast on short vectors of words, and
// the same on every run and machine. Not for keys that an attacker may pick against a table without
// bound; the number of attribute sets is bounded by the routes that a peer may send.
class Hasher {
 public:
  void add(std::uint64_t word) { state_ = (std::rotl(state_, 23) ^ word) * kMultiplier; }

  template <class T>
  void add(const std::optional<T>& field) {
    add(std::uint64_t{field.has_value()});
    if (field) add_field(*field);
  }

  // The length goes first, so that what moves from one vector to the next changes the hash.
  template <class T>
  void add(const std::vector<T>& fields) {
    add(std::uint64_t{fields.size()});
    for (const T& field : fields) add_field(field);
  }

  [[nodiscard]] std::uint64_t finish() const {
    std::uint64_t x = state_;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  }

 private:
  static constexpr std::uint64_t kMultiplier = 0x9e3779b97f4a7c15ULL;

  void add_field(std::uint8_t value) { add(std::uint64_t{value}); }
  void add_field(std::uint32_t value) { add(std::uint64_t{value}); }
  void add_field(Asn asn) { add(std::uint64_t{asn.value()}); }
  void add_field(Ipv4Address address) { add(std::uint64_t{address.value()}); }
  void add_field(const Aggregator& a) {
    add(std::uint64_t{a.asn.value()} << 32 | a.address.value());
  }
  void add_field(Community community) { add(std::uint64_t{community.value}); }
  void add_field(ExtendedCommunity community) { add(community.value); }
  void add_field(const LargeCommunity& community) {
    add(std::uint64_t{community.global} << 32 | community.local1);
    add(std::uint64_t{community.local2});
  }
  void add_field(const Aigp& aigp) {
    add(aigp.metric);
    add(aigp.other_tlvs);
  }
  void add_field(const AsPath::Segment& segment) {
    add(static_cast<std::uint64_t>(segment.type));
    add(segment.asns);
  }
  void add_field(const PathAttributes::Unknown& unknown) {
    add(std::uint64_t{unknown.flags} << 8 | unknown.code);
    add(unknown.value);
  }

  std::uint64_t state_ = kMultiplier;
};

}  // namespace

std::uint64_t hash_value(const PathAttributes& attributes) {
  Hasher hasher;
  const PathAttributes::Partial& partial = attributes.partial;
  hasher.add(static_cast<std::uint64_t>(attributes.origin) |
             std::uint64_t{attributes.atomic_aggregate} << 8 |
             std::uint64_t{partial.aggregator} << 9 | std::uint64_t{partial.communities} << 10 |
             std::uint64_t{partial.extended_communities} << 11 |
             std::uint64_t{partial.large_communities} << 12 |
             std::uint64_t{partial.only_to_customer} << 13);
  hasher.add(attributes.as_path.segments);
  hasher.add(attributes.med);
  hasher.add(attributes.local_preference);
  hasher.add(attributes.aggregator);
  hasher.add(attributes.communities);
  hasher.add(attributes.extended_communities);
  hasher.add(attributes.large_communities);
  hasher.add(attributes.originator_id);
  hasher.add(attributes.cluster_list);
  hasher.add(attributes.aigp);
  hasher.add(attributes.only_to_customer);
  hasher.add(attributes.unknown);
  return hasher.finish();
}

}  // namespace lastmile::bgp
