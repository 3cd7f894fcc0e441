#include "dataplane/forwarding/group_layout.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <numeric>

namespace lastmile {
namespace {

// Sum over members of (share by buckets - exact share)^2 / exact share. Multiplied by the number of
// flows this is what inexact shares add to a chi-square statistic on average: at 1e-6 it is 1 for a
// million flows, which is within the noise for any number of members.
constexpr double kMaxShareError = 1e-6;

std::uint64_t total_weight(const GroupSpec& spec) {
  return std::accumulate(
      spec.primaries.begin(), spec.primaries.end(), std::uint64_t{0},
      [](std::uint64_t sum, const GroupMember& member) { return sum + member.weight; });
}

// How many of `buckets` each member gets: largest remainder, at least one each. Equal remainders go
// to the member that holds the most buckets beyond its share so far, so that fewer move.
std::vector<std::size_t> share_out(const GroupSpec& spec, std::size_t buckets,
                                   const std::vector<std::size_t>& held) {
  const std::size_t members = spec.primaries.size();
  const std::uint64_t total = total_weight(spec);
  std::vector<std::size_t> shares(members);
  std::vector<std::uint64_t> remainders(members);
  std::size_t given = 0;
  for (std::size_t i = 0; i < members; ++i) {
    const std::uint64_t exact = std::uint64_t{spec.primaries[i].weight} * buckets;
    shares[i] = static_cast<std::size_t>(exact / total);
    remainders[i] = exact % total;
    if (shares[i] == 0) {  // its share rounds to nothing: give it one bucket and no remainder
      shares[i] = 1;
      remainders[i] = 0;
    }
    given += shares[i];
  }

  std::vector<std::size_t> order(members);
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto surplus = [&](std::size_t i) {
    return static_cast<std::ptrdiff_t>(held[i]) - static_cast<std::ptrdiff_t>(shares[i]);
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (remainders[a] != remainders[b]) return remainders[a] > remainders[b];
    return surplus(a) > surplus(b);
  });
  for (std::size_t i = 0; given < buckets; i = (i + 1) % members, ++given) ++shares[order[i]];
  // Rounding light members up may have given too many: take them back from the heaviest.
  while (given > buckets) {
    --*std::max_element(shares.begin(), shares.end());
    --given;
  }
  return shares;
}

double share_error(const GroupSpec& spec, const std::vector<std::size_t>& shares,
                   std::size_t buckets) {
  const auto total = static_cast<double>(total_weight(spec));
  double error = 0;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const double exact = spec.primaries[i].weight / total;
    const double difference = static_cast<double>(shares[i]) / static_cast<double>(buckets) - exact;
    error += difference * difference / exact;
  }
  return error;
}

std::size_t bucket_count(const GroupSpec& spec) {
  const std::vector<std::size_t> none(spec.primaries.size(), 0);
  std::size_t buckets = std::bit_ceil(spec.primaries.size());
  while (buckets < kMaxBuckets &&
         share_error(spec, share_out(spec, buckets, none), buckets) > kMaxShareError) {
    buckets *= 2;
  }
  return buckets;
}

// Index of `id` among the primaries, which are sorted; their number if it is none of them.
std::size_t index_of(const GroupSpec& spec, NextHopId id) {
  const auto at = std::lower_bound(
      spec.primaries.begin(), spec.primaries.end(), id,
      [](const GroupMember& member, NextHopId wanted) { return member.next_hop < wanted; });
  const bool found = at != spec.primaries.end() && at->next_hop == id;
  return found ? static_cast<std::size_t>(at - spec.primaries.begin()) : spec.primaries.size();
}

}  // namespace

GroupLayout lay_out(const GroupSpec& spec, std::span<const NextHopId> resemble) {
  const std::size_t members = spec.primaries.size();
  assert(members >= 1 && members <= kMaxGroupMembers && resemble.size() <= kMaxBuckets);

  GroupLayout layout;
  layout.backups = spec.backups;
  layout.members.reserve(members);
  for (const GroupMember& member : spec.primaries) layout.members.push_back(member.next_hop);
  if (members == 1) {  // one next hop needs no hash, whatever it came from
    layout.buckets = layout.members;
    return layout;
  }

  // A flow's bucket is the low bits of its hash, so a longer array that repeats the old one keeps
  // every flow where it is. A shorter one can't: a set never falls below what it grew from.
  const std::size_t buckets = std::max(bucket_count(spec), resemble.size());
  std::vector<std::size_t> owner(buckets, members);
  std::vector<std::size_t> held(members + 1, 0);  // the last one counts buckets without an owner
  for (std::size_t i = 0; i < buckets; ++i) {
    if (!resemble.empty()) owner[i] = index_of(spec, resemble[i % resemble.size()]);
    ++held[owner[i]];
  }

  const std::vector<std::size_t> shares = share_out(spec, buckets, held);
  for (std::size_t& member : owner) {  // members above their share give up the first they hold
    if (member != members && held[member] > shares[member]) {
      --held[member];
      member = members;
    }
  }
  // Free buckets go round the members that lack some: the flows of a lost member spread.
  std::size_t next = 0;
  for (std::size_t i = 0; i < buckets; ++i) {
    if (owner[i] != members) continue;
    while (held[next] >= shares[next]) next = (next + 1) % members;
    owner[i] = next;
    ++held[next];
    next = (next + 1) % members;
  }

  layout.buckets.reserve(buckets);
  for (const std::size_t member : owner) layout.buckets.push_back(layout.members[member]);
  return layout;
}

}  // namespace lastmile
