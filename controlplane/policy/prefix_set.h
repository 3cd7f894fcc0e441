// A list of prefixes with the lengths that count, asked whether a prefix is in it.
//
//   PrefixSet set;
//   set.add({10.0.0.0/8, 16, 24});        // what is inside 10/8 and has 16 to 24 bits
//   set.contains(prefix);
//
// Entries are found by hash, once for each length that occurs, so a list of thousands costs no more
// than one of a few.
#pragma once

#include <bitset>
#include <cstdint>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "dataplane/net/ip.h"

namespace lastmile::policy {

/// "10.0.0.0/8 ge 16 le 24". Alone, a prefix means itself.
struct PrefixRange {
  IpPrefix prefix;
  std::uint8_t least = 0;  ///< bits
  std::uint8_t most = 0;

  friend bool operator==(const PrefixRange&, const PrefixRange&) = default;
};

class PrefixSet {
 public:
  void add(const PrefixRange& range);
  template <class Address>
  [[nodiscard]] bool contains(const Prefix<Address>& prefix) const;
  [[nodiscard]] bool empty() const { return empty_; }

 private:
  struct Lengths {
    std::uint8_t least, most;
  };
  template <class Address>
  struct Family {
    std::unordered_map<Prefix<Address>, std::vector<Lengths>> entries;
    std::bitset<Address::kBits + 1> present;  ///< lengths of entries
  };

  template <class Address>
  void add_entry(const Prefix<Address>& prefix, Lengths lengths);

  std::tuple<Family<Ipv4Address>, Family<Ipv6Address>> families_;
  bool empty_ = true;
};

extern template bool PrefixSet::contains(const Ipv4Prefix&) const;
extern template bool PrefixSet::contains(const Ipv6Prefix&) const;

}  // namespace lastmile::policy
