#include "dataplane/net/martian.h"

#include <algorithm>
#include <array>
#include <variant>

namespace lastmile {
namespace {

Ipv6Address v6(std::uint8_t first, std::uint8_t second) {
  Ipv6Address::Bytes bytes{};
  bytes[0] = first;
  bytes[1] = second;
  return Ipv6Address{bytes};
}

/// ::ffff:0:0, above the IPv4-mapped addresses.
Ipv6Address v4_mapped() {
  Ipv6Address::Bytes bytes{};
  bytes[10] = bytes[11] = 0xff;
  return Ipv6Address{bytes};
}

template <class P, std::size_t n>
bool in_any(const std::array<P, n>& table, const P& prefix) {
  return std::ranges::any_of(table, [&](const P& martian) { return martian.covers(prefix); });
}

}  // namespace

bool is_martian(const Ipv4Prefix& prefix) {
  static const std::array kMartians = {
      Ipv4Prefix{{0, 0, 0, 0}, 8},       // "this" network, RFC 791 section 3.2
      Ipv4Prefix{{127, 0, 0, 0}, 8},     // loopback, RFC 1122 section 3.2.1.3
      Ipv4Prefix{{169, 254, 0, 0}, 16},  // link-local, RFC 3927
      Ipv4Prefix{{224, 0, 0, 0}, 4},     // multicast, RFC 5771
      Ipv4Prefix{{240, 0, 0, 0}, 4},     // reserved and limited broadcast, RFC 1112 section 4
  };
  return !prefix.is_default() && in_any(kMartians, prefix);
}

bool is_martian(const Ipv6Prefix& prefix) {
  static const std::array kMartians = {
      Ipv6Prefix{v6(0, 0), 96},        // unspecified, loopback, IPv4-compatible, RFC 4291
      Ipv6Prefix{v4_mapped(), 96},     // IPv4-mapped, RFC 4291 section 2.5.5.2
      Ipv6Prefix{v6(0xfe, 0x80), 10},  // link-local, RFC 4291 section 2.5.6
      Ipv6Prefix{v6(0xff, 0), 8},      // multicast, RFC 4291 section 2.7
  };
  return !prefix.is_default() && in_any(kMartians, prefix);
}

bool is_martian(const IpPrefix& prefix) {
  return std::visit([](const auto& one) { return is_martian(one); }, prefix);
}

}  // namespace lastmile
