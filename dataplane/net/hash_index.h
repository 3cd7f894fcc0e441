// From a hash to the number of a record that lives elsewhere: the index half of an open-addressing
// hash table.
//
// A slot is 8 bytes (32 bits of the hash, record number + 1), so most mismatches are seen without
// touching a record, and growing needs no record at all. The index is cut into 256 shards by the
// top bits of the hash; each grows alone. So the longest single insertion moves 1/256 of a table
// (some microseconds with a million records), where one big table would stop the control thread
// for tens of milliseconds.
//
// Linear probing, load at most 3/4, deletion by shifting back (no tombstones). Hashes must be well
// mixed in both halves.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace lastmile {

class HashIndex {
 public:
  static constexpr std::uint32_t kNotFound = UINT32_MAX;

  /// The record number for which `equal(number)` holds among those with this hash, or kNotFound.
  template <class Equal>
  [[nodiscard]] std::uint32_t find(std::uint64_t hash, Equal&& equal) const {
    const Shard& shard = shards_[shard_of(hash)];
    if (shard.size == 0) return kNotFound;
    const auto tag = static_cast<std::uint32_t>(hash);
    for (std::uint32_t at = tag & shard.mask;; at = (at + 1) & shard.mask) {
      const Slot slot = shard.slots[at];
      if (slot.number_plus_1 == 0) return kNotFound;
      if (slot.tag == tag && equal(slot.number_plus_1 - 1)) return slot.number_plus_1 - 1;
    }
  }

  /// Asks the processor for the slot that find() will look at first.
  void prefetch(std::uint64_t hash) const {
    const Shard& shard = shards_[shard_of(hash)];
    if (shard.slots != nullptr) {
      __builtin_prefetch(&shard.slots[static_cast<std::uint32_t>(hash) & shard.mask]);
    }
  }

  /// Adds a record number that is not in the index yet.
  void insert(std::uint64_t hash, std::uint32_t number);
  /// Takes out a record number that is in the index.
  void erase(std::uint64_t hash, std::uint32_t number);

  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  static constexpr unsigned kShardBits = 8;
  struct Slot {
    std::uint32_t tag;
    std::uint32_t number_plus_1;  ///< 0: empty
  };
  struct Shard {
    std::unique_ptr<Slot[]> slots;
    std::uint32_t mask = 0;
    std::uint32_t size = 0;
  };
  static std::size_t shard_of(std::uint64_t hash) { return hash >> (64 - kShardBits); }
  static void grow(Shard& shard);
  static void place(Shard& shard, Slot slot);

  std::array<Shard, std::size_t{1} << kShardBits> shards_;
};

}  // namespace lastmile
