// Ethernet (MAC) addresses.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "dataplane/net/ip.h"

namespace lastmile {

/// A 48-bit Ethernet address, bytes in wire order.
class MacAddress {
 public:
  using Bytes = std::array<std::uint8_t, 6>;

  constexpr MacAddress() = default;
  explicit constexpr MacAddress(const Bytes& wire) : bytes_(wire) {}

  /// Six pairs of hexadecimal digits joined by colons.
  [[nodiscard]] static std::optional<MacAddress> parse(std::string_view text);

  [[nodiscard]] constexpr const Bytes& bytes() const { return bytes_; }
  [[nodiscard]] constexpr bool is_multicast() const { return (bytes_[0] & 1) != 0; }
  [[nodiscard]] constexpr bool is_zero() const { return bytes_ == Bytes{}; }

  /// The link-local address that this interface identifier gives (RFC 4291 appendix A: modified
  /// EUI-64), which is what the kernel gives a twin with the same MAC.
  [[nodiscard]] Ipv6Address link_local() const;

  friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;

 private:
  Bytes bytes_{};
};

[[nodiscard]] std::string to_string(const MacAddress& mac);

}  // namespace lastmile
