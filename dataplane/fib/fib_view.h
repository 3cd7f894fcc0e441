// The tables as a reader sees them, and one lookup in them. Readers hold nothing else of a FIB.
#pragma once

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

/// Pointers to the tables. The FIB writer changes what they point at; the pointers never change.
template <FibEntry Entry>
struct FibView {
  const Entry* first;                  ///< 2^24 entries
  const Entry* second;                 ///< groups of 256 entries
  const std::uint16_t* default_group;  ///< the answer where an entry is 0
};

template <class Address, FibEntry Entry>
[[nodiscard]] inline std::uint16_t lookup_one(const FibView<Entry>& view, const Address& address) {
  using Bits = AddressBits<Address>;
  using Code = EntryCode<Entry>;
  Entry entry = load_entry(view.first + Bits::first24(address));
  // Only a group at the last level holds no extended entry, so the byte index stays in the address.
  for (unsigned byte = kFirstLevelBytes; Code::is_extended(entry); ++byte) {
    entry = load_entry(view.second + std::size_t{Code::second_level(entry)} * kGroupEntries +
                       Bits::byte(address, byte));
    if constexpr (Bits::kBytes == kFirstLevelBytes + 1) break;
  }
  return entry != 0 ? static_cast<std::uint16_t>(entry)
                    : __atomic_load_n(view.default_group, __ATOMIC_RELAXED);
}

}  // namespace lastmile
