// The tables as a reader sees them, and one lookup in them. Readers hold nothing else of a FIB.
#pragma once

#include <rte_atomic.h>

#include <cstddef>
#include <cstdint>

#include "dataplane/fib/entry.h"
#include "dataplane/net/ip.h"

namespace lastmile {

/// What a FIB must know of an address: its first 24 bits as an index, and any byte of it.
template <class Address>
struct AddressBits;

template <>
struct AddressBits<Ipv4Address> {
  static constexpr unsigned kBytes = 4;
  [[nodiscard]] static std::uint32_t first24(Ipv4Address address) { return address.value() >> 8; }
  [[nodiscard]] static std::uint8_t byte(Ipv4Address address, unsigned index) {
    return static_cast<std::uint8_t>(address.value() >> (24 - 8 * index));
  }
};

template <>
struct AddressBits<Ipv6Address> {
  static constexpr unsigned kBytes = 16;
  [[nodiscard]] static std::uint32_t first24(const Ipv6Address& address) {
    const auto& b = address.bytes();
    return std::uint32_t{b[0]} << 16 | std::uint32_t{b[1]} << 8 | b[2];
  }
  [[nodiscard]] static std::uint8_t byte(const Ipv6Address& address, unsigned index) {
    return address.bytes()[index];
  }
};

/// Address bytes that the first level resolves.
inline constexpr unsigned kFirstLevelBytes = 3;

/// The default route: one word, so that it changes for all addresses at once.
///
/// A lookup reads an entry and, where that is 0, the default: two loads at two moments, between
/// which a route may come and the default go. Without care such a lookup could find neither,
/// although the address was never without a route. So a reader loads the word before the entries
/// and again after them, and looks again if it changed: then there was no change of the default
/// while it read the entries. The upper bits count the changes, so that a default that goes and
/// comes back is seen, too.
class DefaultRoute {
 public:
  using Word = std::uint64_t;

  [[nodiscard]] static std::uint16_t group(Word word) { return static_cast<std::uint16_t>(word); }

  /// Before the entries are loaded.
  [[nodiscard]] Word begin() const { return __atomic_load_n(&word_, __ATOMIC_ACQUIRE); }
  /// After they have been loaded; if it differs from `begin`, start again with this.
  [[nodiscard]] Word end() const {
    rte_smp_rmb();  // x86: nothing but a hint for the compiler
    return __atomic_load_n(&word_, __ATOMIC_ACQUIRE);
  }

  /// FIB writer only; kNoGroup's value for no default.
  void set(std::uint16_t group) {
    const Word changes = (__atomic_load_n(&word_, __ATOMIC_RELAXED) >> 16) + 1;
    __atomic_store_n(&word_, changes << 16 | group, __ATOMIC_RELEASE);
  }

 private:
  Word word_ = 0;  // FIB writer: writes; workers: read
};

/// Pointers to the tables. The FIB writer changes what they point at; the pointers never change.
template <FibEntry Entry>
struct FibView {
  const Entry* first;                 ///< 2^24 entries
  const Entry* second;                ///< groups of 256 entries
  const DefaultRoute* default_route;  ///< the answer where an entry is 0
  const std::uint8_t* narrow;         ///< IPv4: narrow copies of `first`; IPv6: nullptr
};

/// Runs `look(default_group)` until no change of the default route fell into it; returns its last
/// result.
template <FibEntry Entry, class Look>
inline auto with_stable_default(const FibView<Entry>& view, Look look) {
  DefaultRoute::Word word = view.default_route->begin();
  for (;;) {
    const auto result = look(DefaultRoute::group(word));
    const DefaultRoute::Word now = view.default_route->end();
    if (now == word) [[likely]]
      return result;
    word = now;
  }
}

template <class Address, FibEntry Entry>
[[nodiscard]] inline std::uint16_t lookup_one(const FibView<Entry>& view, const Address& address) {
  using Bits = AddressBits<Address>;
  using Code = EntryCode<Entry>;
  return with_stable_default(view, [&](std::uint16_t default_group) {
    Entry entry = load_entry(view.first + Bits::first24(address));
    // Groups of the last level hold no extended entry, so the byte index stays in the address.
    for (unsigned byte = kFirstLevelBytes; Code::is_extended(entry); ++byte) {
      entry = load_entry(view.second + std::size_t{Code::second_level(entry)} * kGroupEntries +
                         Bits::byte(address, byte));
      if constexpr (Bits::kBytes == kFirstLevelBytes + 1) break;
    }
    return group_or(entry, default_group);
  });
}

}  // namespace lastmile
