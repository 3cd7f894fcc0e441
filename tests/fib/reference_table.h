// Longest-prefix match as plainly as it can be written: what the FIB is checked against.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "dataplane/fib/fib_view.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/strong_id.h"

namespace lastmile {

template <class Address>
class ReferenceTable {
 public:
  using Prefix = lastmile::Prefix<Address>;

  std::optional<GroupId> set(const Prefix& prefix, GroupId group) {
    const auto [entry, added] = routes_.try_emplace(prefix, group);
    if (added) return std::nullopt;
    return std::exchange(entry->second, group);
  }
  std::optional<GroupId> remove(const Prefix& prefix) {
    const auto entry = routes_.find(prefix);
    if (entry == routes_.end()) return std::nullopt;
    const GroupId group = entry->second;
    routes_.erase(entry);
    return group;
  }
  [[nodiscard]] GroupId lookup(const Address& address) const {
    for (unsigned length = Address::kBits + 1; length-- > 0;) {
      const auto entry = routes_.find(Prefix{address, length});
      if (entry != routes_.end()) return entry->second;
    }
    return kNoGroup;
  }
  [[nodiscard]] const std::map<Prefix, GroupId>& routes() const { return routes_; }

 private:
  std::map<Prefix, GroupId> routes_;
};

/// Random addresses and prefixes that meet often: most bytes come from a small alphabet.
template <class Address>
class Dice {
 public:
  explicit Dice(unsigned seed) : random_(seed) {}

  unsigned below(unsigned bound) { return static_cast<unsigned>(random_() % bound); }

  Address address() {
    std::array<std::uint8_t, Address::kBits / 8> wire;
    for (auto& byte : wire) {
      static constexpr std::array<std::uint8_t, 6> kLikely{0, 1, 10, 127, 128, 255};
      byte = below(4) != 0 ? kLikely[below(kLikely.size())] : static_cast<std::uint8_t>(below(256));
    }
    return Address::from_wire(wire);
  }
  /// Lengths 1 to 7 come seldom: they repaint millions of entries.
  Prefix<Address> prefix() {
    unsigned length = below(Address::kBits + 1);
    if (length > 0 && length < 8 && below(16) != 0) length += 8;
    return {address(), length};
  }
  GroupId group() { return GroupId{static_cast<std::uint16_t>(1 + below(32767))}; }

 private:
  std::mt19937 random_;
};

/// First and last address of a prefix.
template <class Address>
std::pair<Address, Address> edges(const Prefix<Address>& prefix) {
  std::array<std::uint8_t, Address::kBits / 8> last;
  for (unsigned i = 0; i < last.size(); ++i) {
    const unsigned kept = prefix.length() > 8 * i ? std::min(8U, prefix.length() - 8 * i) : 0;
    last[i] =
        static_cast<std::uint8_t>(AddressBits<Address>::byte(prefix.address(), i) | 0xffU >> kept);
  }
  return {prefix.address(), Address::from_wire(last)};
}

/// The address after (or before) one; wraps around.
template <class Address>
Address neighbor(const Address& address, int step) {
  std::array<std::uint8_t, Address::kBits / 8> wire;
  for (unsigned i = 0; i < wire.size(); ++i) wire[i] = AddressBits<Address>::byte(address, i);
  for (unsigned i = static_cast<unsigned>(wire.size()); i-- > 0;) {
    wire[i] = static_cast<std::uint8_t>(wire[i] + step);
    if (wire[i] != (step > 0 ? 0 : 0xff)) break;
  }
  return Address::from_wire(wire);
}

}  // namespace lastmile
