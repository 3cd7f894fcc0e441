// One entry of a lookup table: a group of next hops, or where to look on.
//
//   top bit 0: the value is a GroupId; 0 means that no route but the default covers the address
//   top bit 1: the value is the number of a second-level group, indexed by the next 8 address bits
//
// The FIB writer stores entries with release, workers load them relaxed: what a worker reads next
// is found through the entry it just loaded, and such dependent loads are ordered on every CPU that
// DPDK runs on. On x86 both are plain moves.
//
// IPv4's first level has a copy of one byte an entry (`narrow_code`): the group where it is below
// 255, which is how it nearly always is, else "see the entry". It is half as large as the entries,
// 16 MB instead of 32, and so half as often beyond the caches; readers ask it first.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>

namespace lastmile {

template <class Entry>
concept FibEntry = std::same_as<Entry, std::uint16_t> || std::same_as<Entry, std::uint32_t>;

/// Entries in a second-level group: 8 address bits.
inline constexpr unsigned kGroupEntries = 256;

template <FibEntry Entry>
struct EntryCode {
  static constexpr Entry kExtended = static_cast<Entry>(Entry{1} << (sizeof(Entry) * 8 - 1));
  static constexpr Entry kValueMask = static_cast<Entry>(~kExtended);
  /// Second-level groups that an entry can tell apart.
  static constexpr std::uint32_t kMaxSecondLevel = std::uint32_t{kValueMask} + 1;

  [[nodiscard]] static constexpr bool is_extended(Entry entry) { return (entry & kExtended) != 0; }
  [[nodiscard]] static constexpr std::uint32_t second_level(Entry entry) {
    return entry & kValueMask;
  }
  [[nodiscard]] static constexpr Entry extended(std::uint32_t second_level) {
    return static_cast<Entry>(kExtended | second_level);
  }
};

/// A GroupId in a FIB must leave the flag bit of the narrowest entry alone.
inline constexpr std::uint16_t kMaxFibGroup = std::numeric_limits<std::int16_t>::max();

/// The group of an entry that is not extended. Without a branch: whether an address has but the
/// default is as good as random, and a wrong guess costs more than a lookup.
template <FibEntry Entry>
[[nodiscard]] constexpr std::uint16_t group_or(Entry entry, std::uint16_t default_group) {
  const auto otherwise = static_cast<std::uint16_t>(std::uint32_t{entry != 0} - 1);
  return static_cast<std::uint16_t>(entry | (default_group & otherwise));
}

/// In a narrow copy: the entry itself must be asked.
inline constexpr std::uint8_t kSeeEntry = 255;

template <FibEntry Entry>
[[nodiscard]] constexpr std::uint8_t narrow_code(Entry entry) {
  return entry < kSeeEntry ? static_cast<std::uint8_t>(entry) : kSeeEntry;
}

template <std::unsigned_integral Entry>
[[nodiscard]] inline Entry load_entry(const Entry* entry) {
  return __atomic_load_n(entry, __ATOMIC_RELAXED);
}

template <std::unsigned_integral Entry>
inline void store_entry(Entry* entry, Entry value) {
  __atomic_store_n(entry, value, __ATOMIC_RELEASE);
}

/// Stores `value` to `count` neighbouring entries, eight bytes at a time where they are aligned. A
/// reader sees each entry change from old to new by itself.
template <std::unsigned_integral Entry>
inline void fill_entries(Entry* entries, unsigned count, Entry value) {
  using Word [[gnu::may_alias]] = std::uint64_t;
  constexpr unsigned kPerWord = sizeof(std::uint64_t) / sizeof(Entry);
  constexpr std::uint64_t kRepeat = std::numeric_limits<std::uint64_t>::max() / Entry(~Entry{0});

  Entry* const end = entries + count;
  while (entries != end && reinterpret_cast<std::uintptr_t>(entries) % sizeof(Word) != 0) {
    store_entry(entries++, value);
  }
  for (; end - entries >= static_cast<std::ptrdiff_t>(kPerWord); entries += kPerWord) {
    __atomic_store_n(reinterpret_cast<Word*>(entries), kRepeat * value, __ATOMIC_RELEASE);
  }
  while (entries != end) store_entry(entries++, value);
}

}  // namespace lastmile
