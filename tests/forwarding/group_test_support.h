// Shared by the tests of groups: sets of members, flows, and the statistics of where flows go.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <random>
#include <vector>

#include "dataplane/forwarding/flow_hash.h"
#include "dataplane/forwarding/group_layout.h"
#include "dataplane/forwarding/group_table.h"

namespace lastmile {

inline NextHopId hop(unsigned id) {
  return NextHopId{static_cast<NextHopId::Representation>(id)};
}

/// Members 1, 2, ... with these weights.
inline GroupSpec weighted(std::initializer_list<unsigned> weights) {
  GroupSpec spec;
  unsigned id = 1;
  for (const unsigned weight : weights) {
    spec.primaries.push_back({hop(id++), static_cast<std::uint16_t>(weight)});
  }
  return spec;
}

/// Members 1 to `count` with equal weights.
inline GroupSpec equal(unsigned count) {
  GroupSpec spec;
  for (unsigned id = 1; id <= count; ++id) spec.primaries.push_back({hop(id), 1});
  return spec;
}

/// The set without one of its members.
inline GroupSpec without(GroupSpec spec, NextHopId lost) {
  std::erase_if(spec.primaries, [&](const GroupMember& m) { return m.next_hop == lost; });
  return spec;
}

/// `count` flow hashes of IPv4 flows from one client network to one service, the same for the same
/// seed: addresses and ports count up, as real ones do.
inline std::vector<std::uint32_t> flows(std::size_t count, std::uint64_t seed) {
  SCOPED_TRACE(seed);
  const FlowHash hash{seed};
  std::vector<std::uint32_t> hashes;
  hashes.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t source = __builtin_bswap32(0x0a000000U + i / 64);
    const std::uint32_t ports = __builtin_bswap32((32768U + i % 64) << 16 | 443U);
    hashes.push_back(hash.ipv4(source, 0xfa00a8c0U, 6, ports));
  }
  return hashes;
}

/// Chi-square statistic of counts against the weights of `spec`.
inline double chi_square(const std::map<NextHopId, std::uint64_t>& counts, const GroupSpec& spec,
                         std::size_t flow_count) {
  double total = 0;
  for (const GroupMember& member : spec.primaries) total += member.weight;
  double statistic = 0;
  for (const GroupMember& member : spec.primaries) {
    const double expected = static_cast<double>(flow_count) * member.weight / total;
    const auto at = counts.find(member.next_hop);
    const double seen = at == counts.end() ? 0 : static_cast<double>(at->second);
    statistic += (seen - expected) * (seen - expected) / expected;
  }
  return statistic;
}

/// The statistic that a fair spread exceeds once in a thousand (p = 0.001), by the Wilson-Hilferty
/// approximation (good to a percent or two).
inline double chi_square_limit(std::size_t degrees_of_freedom) {
  const auto df = static_cast<double>(degrees_of_freedom);
  const double z = 3.0902;  // 99.9 % of the normal distribution
  const double a = 2.0 / (9.0 * df);
  return df * std::pow(1 - a + z * std::sqrt(a), 3);
}

}  // namespace lastmile
