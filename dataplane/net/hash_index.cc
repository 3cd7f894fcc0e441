#include "dataplane/net/hash_index.h"

#include <cassert>
#include <utility>

namespace lastmile {

void HashIndex::place(Shard& shard, Slot slot) {
  std::uint32_t at = slot.tag & shard.mask;
  while (shard.slots[at].number_plus_1 != 0) at = (at + 1) & shard.mask;
  shard.slots[at] = slot;
}

void HashIndex::grow(Shard& shard) {
  constexpr std::uint32_t kFirst = 4;
  const std::uint32_t capacity = shard.slots == nullptr ? 0 : shard.mask + 1;
  const std::uint32_t larger = capacity == 0 ? kFirst : capacity * 2;
  std::unique_ptr<Slot[]> old = std::exchange(shard.slots, std::make_unique<Slot[]>(larger));
  shard.mask = larger - 1;
  for (std::uint32_t i = 0; i < capacity; ++i) {
    if (old[i].number_plus_1 != 0) place(shard, old[i]);
  }
}

void HashIndex::insert(std::uint64_t hash, std::uint32_t number) {
  Shard& shard = shards_[shard_of(hash)];
  const std::uint32_t capacity = shard.slots == nullptr ? 0 : shard.mask + 1;
  if ((shard.size + 1) * 4 > capacity * 3) grow(shard);
  place(shard, Slot{static_cast<std::uint32_t>(hash), number + 1});
  ++shard.size;
}

void HashIndex::erase(std::uint64_t hash, std::uint32_t number) {
  Shard& shard = shards_[shard_of(hash)];
  assert(shard.size > 0);
  std::uint32_t hole = static_cast<std::uint32_t>(hash) & shard.mask;
  while (shard.slots[hole].number_plus_1 != number + 1) {
    assert(shard.slots[hole].number_plus_1 != 0);
    hole = (hole + 1) & shard.mask;
  }
  // Shift back every follower that may stand in the hole: one whose home is not between the hole
  // and where it stands (cyclically).
  for (std::uint32_t next = (hole + 1) & shard.mask; shard.slots[next].number_plus_1 != 0;
       next = (next + 1) & shard.mask) {
    const std::uint32_t home = shard.slots[next].tag & shard.mask;
    if (((next - home) & shard.mask) >= ((next - hole) & shard.mask)) {
      shard.slots[hole] = shard.slots[next];
      hole = next;
    }
  }
  shard.slots[hole] = Slot{0, 0};
  if (--shard.size == 0) {
    shard.slots.reset();
    shard.mask = 0;
  }
}

std::size_t HashIndex::memory_bytes() const {
  std::size_t bytes = sizeof *this;
  for (const Shard& shard : shards_) {
    if (shard.slots != nullptr) bytes += (std::size_t{shard.mask} + 1) * sizeof(Slot);
  }
  return bytes;
}

}  // namespace lastmile
