// Facts of ICMP (RFC 792) and ICMPv6 (RFC 4443).
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/net/ip.h"

namespace lastmile::icmp {

/// Type, code, checksum, and four bytes that the type gives a meaning; an error quotes the packet
/// that it is about behind them.
inline constexpr std::size_t kHeaderSize = 8;

/// "Dummy address" of errors from a router that has none of its own (RFC 7600 section 4.8).
inline constexpr Ipv4Address kDummySource{192, 0, 0, 8};

/// Destination unreachable, source quench, redirect, time exceeded, parameter problem (RFC 1122
/// section 3.2.2).
[[nodiscard]] constexpr bool is_ipv4_error(std::uint8_t type) {
  return type == 3 || type == 4 || type == 5 || type == 11 || type == 12;
}

/// RFC 4443 section 2.1.
[[nodiscard]] constexpr bool is_ipv6_error(std::uint8_t type) {
  return type < 128;
}

/// RFC 4443 section 2.4 (e.1) and (e.2): errors and redirects.
[[nodiscard]] constexpr bool may_cause_ipv6_error(std::uint8_t type) {
  return !is_ipv6_error(type) && type != 137;
}

}  // namespace lastmile::icmp
