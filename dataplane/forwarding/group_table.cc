#include "dataplane/forwarding/group_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>

#include "dataplane/forwarding/group_layout.h"

namespace lastmile {
namespace {

// How many other buckets a flow looks at together. With half of the members dead, one flow in 2^4
// finds no live one among them; the scan over the members then does.
constexpr unsigned kChoices = 4;

// A bijection with good diffusion (finalizer constants of murmur3), so that the flows of a dead
// member spread over the living ones by their shares.
std::uint32_t rehash(std::uint32_t hash) {
  hash ^= hash >> 16;
  hash *= 0x85ebca6bU;
  hash ^= hash >> 13;
  hash *= 0xc2b2ae35U;
  return hash ^ (hash >> 16);
}

// Maps a hash to 0 .. count - 1 by its high bits.
std::size_t scale(std::uint32_t hash, std::size_t count) {
  return static_cast<std::size_t>((std::uint64_t{hash} * count) >> 32);
}

/// First pass over a vector: no branch on the packet; who needs repair is written down.
template <class Choose, class Repair>
void choose_all(std::span<NextHopId> chosen, const NextHopTable& next_hops, Choose choose,
                Repair repair) {
  constexpr std::size_t kMostAtOnce = 256;
  std::array<std::uint16_t, kMostAtOnce + 1> dead;  // the last store may be one too many
  for (std::size_t first = 0; first < chosen.size(); first += kMostAtOnce) {
    const std::size_t end = std::min(chosen.size(), first + kMostAtOnce);
    std::size_t dead_count = 0;
    for (std::size_t i = first; i < end; ++i) {
      const NextHopId choice = choose(i);
      chosen[i] = choice;
      dead[dead_count] = static_cast<std::uint16_t>(i - first);
      dead_count += next_hops.is_alive(choice) ? 0 : 1;
    }
    for (std::size_t n = 0; n < dead_count; ++n) {
      const std::size_t i = first + dead[n];
      chosen[i] = repair(i);
    }
  }
}

}  // namespace

GroupTable::GroupTable(unsigned capacity) {
  if (capacity < 2 || capacity > kMaxCapacity) {
    throw std::invalid_argument("group table: capacity must be 2 to 32768");
  }
  groups_ = std::vector<Group>(capacity);
}

GroupTable::~GroupTable() {
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    reclaim(GroupId{static_cast<GroupId::Representation>(i)});
  }
}

void GroupTable::select(std::span<const std::uint16_t> groups,
                        std::span<const std::uint32_t> hashes, const NextHopTable& next_hops,
                        std::span<NextHopId> chosen) const {
  assert(hashes.size() >= groups.size() && chosen.size() >= groups.size());
  choose_all(
      chosen.first(groups.size()), next_hops,
      [&](std::size_t i) {
        const Group& group = groups_[groups[i]];
        const Shape shape = group.shape.load(std::memory_order_acquire);
        return group.entries[hashes[i] & shape.mask];
      },
      [&](std::size_t i) {
        const Group& group = groups_[groups[i]];
        return repair(group, group.shape.load(std::memory_order_acquire), hashes[i], next_hops);
      });
}

void GroupTable::select(GroupId id, std::span<const std::uint32_t> hashes,
                        const NextHopTable& next_hops, std::span<NextHopId> chosen) const {
  assert(chosen.size() >= hashes.size());
  const Group& group = groups_[id.value()];
  const Shape shape = group.shape.load(std::memory_order_acquire);
  const NextHopId* const entries = group.entries;
  choose_all(
      chosen.first(hashes.size()), next_hops,
      [&](std::size_t i) { return entries[hashes[i] & shape.mask]; },
      [&](std::size_t i) { return repair(group, shape, hashes[i], next_hops); });
}

NextHopId GroupTable::repair(const Group& group, Shape shape, std::uint32_t hash,
                             const NextHopTable& next_hops) {
  const std::size_t buckets = std::size_t{shape.mask} + 1;
  if (shape.members > 1) {
    // All choices at once: how many a flow needs is random, and a branch on that would be
    // mispredicted for every other packet while an uplink is down.
    std::array<NextHopId, kChoices> choices;
    unsigned alive = 0;
    for (unsigned i = 0; i < kChoices; ++i) {
      choices[i] = group.entries[rehash(hash + i) & shape.mask];
      alive |= static_cast<unsigned>(next_hops.is_alive(choices[i])) << i;
    }
    if (alive != 0) [[likely]]
      return choices[static_cast<unsigned>(std::countr_zero(alive))];
    // Start anywhere, so that the first live member doesn't get them all.
    const NextHopId* members = group.entries + buckets;
    const std::size_t start = scale(rehash(hash), shape.members);
    for (std::size_t i = 0; i < shape.members; ++i) {
      const std::size_t at = start + i;
      const NextHopId choice = members[at < shape.members ? at : at - shape.members];
      if (next_hops.is_alive(choice)) return choice;
    }
  }
  const NextHopId* backups = group.entries + buckets + shape.members;
  for (std::size_t i = 0; i < shape.backups; ++i) {
    if (next_hops.is_alive(backups[i])) return backups[i];
  }
  return kNoLiveNextHop;
}

GroupTable::View GroupTable::view(GroupId id) const {
  const Group& group = groups_[id.value()];
  const Shape shape = group.shape.load(std::memory_order_acquire);
  if (shape.members == 0) return {};
  const std::size_t buckets = std::size_t{shape.mask} + 1;
  return {.buckets = {group.entries, buckets},
          .members = {group.entries + buckets, shape.members},
          .backups = {group.entries + buckets + shape.members, shape.backups}};
}

void GroupTable::publish(GroupId id, const GroupLayout& layout) {
  Group& group = groups_[id.value()];
  assert(id != kNoGroup && group.shape.load(std::memory_order_relaxed).members == 0);
  assert(std::has_single_bit(layout.buckets.size()) && layout.buckets.size() <= kMaxBuckets);

  const std::size_t size = layout.buckets.size() + layout.members.size() + layout.backups.size();
  NextHopId* entries = size <= Group::kInlineEntries ? group.inline_entries : new NextHopId[size];
  group.entries = entries;
  entries = std::copy(layout.buckets.begin(), layout.buckets.end(), entries);
  entries = std::copy(layout.members.begin(), layout.members.end(), entries);
  std::copy(layout.backups.begin(), layout.backups.end(), entries);

  group.shape.store({.mask = static_cast<std::uint16_t>(layout.buckets.size() - 1),
                     .members = static_cast<std::uint8_t>(layout.members.size()),
                     .backups = static_cast<std::uint8_t>(layout.backups.size())},
                    std::memory_order_release);
}

void GroupTable::reclaim(GroupId id) {
  Group& group = groups_[id.value()];
  if (group.entries != group.inline_entries) {
    delete[] group.entries;
    group.entries = group.inline_entries;
  }
  std::fill(std::begin(group.inline_entries), std::end(group.inline_entries), kNoLiveNextHop);
  group.shape.store({}, std::memory_order_release);
}

}  // namespace lastmile
