// IP addresses and prefixes as value types.
//
// An IPv4 address is kept in host byte order (so that comparison and shifting mean what they look
// like), an IPv6 address in wire order (16 bytes, most significant first). Conversions to and from
// the wire are explicit.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace lastmile {

/// IPv4 address; `value()` is in host byte order, so 10.0.0.1 is 0x0a000001.
class Ipv4Address {
 public:
  static constexpr unsigned kBits = 32;

  constexpr Ipv4Address() = default;
  explicit constexpr Ipv4Address(std::uint32_t host_order) : value_(host_order) {}
  constexpr Ipv4Address(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d)
      : value_(std::uint32_t{a} << 24 | std::uint32_t{b} << 16 | std::uint32_t{c} << 8 | d) {}

  /// Dotted quad ("10.0.0.1"); nullopt for anything else.
  [[nodiscard]] static std::optional<Ipv4Address> parse(std::string_view text);
  [[nodiscard]] static constexpr Ipv4Address from_wire(std::span<const std::uint8_t, 4> bytes) {
    return {bytes[0], bytes[1], bytes[2], bytes[3]};
  }

  [[nodiscard]] constexpr std::uint32_t value() const { return value_; }
  [[nodiscard]] constexpr std::array<std::uint8_t, 4> to_wire() const {
    return {static_cast<std::uint8_t>(value_ >> 24), static_cast<std::uint8_t>(value_ >> 16),
            static_cast<std::uint8_t>(value_ >> 8), static_cast<std::uint8_t>(value_)};
  }
  /// As the address stands in a packet or a `sockaddr_in`: network byte order in an integer.
  [[nodiscard]] constexpr std::uint32_t network_order() const {
    if constexpr (std::endian::native == std::endian::little) return __builtin_bswap32(value_);
    return value_;
  }

  [[nodiscard]] constexpr bool is_unspecified() const { return value_ == 0; }
  [[nodiscard]] constexpr bool is_multicast() const { return (value_ >> 28) == 0xe; }
  [[nodiscard]] constexpr bool is_loopback() const { return (value_ >> 24) == 127; }
  /// 169.254.0.0/16 (RFC 3927).
  [[nodiscard]] constexpr bool is_link_local() const { return (value_ >> 16) == 0xa9fe; }

  friend constexpr auto operator<=>(Ipv4Address, Ipv4Address) = default;

 private:
  std::uint32_t value_ = 0;
};

/// IPv6 address, 16 bytes in wire order.
class Ipv6Address {
 public:
  static constexpr unsigned kBits = 128;
  using Bytes = std::array<std::uint8_t, 16>;

  constexpr Ipv6Address() = default;
  explicit constexpr Ipv6Address(const Bytes& wire) : bytes_(wire) {}

  /// RFC 4291 text ("fe80::1", "::ffff:10.0.0.1"), no scope; nullopt for anything else.
  [[nodiscard]] static std::optional<Ipv6Address> parse(std::string_view text);
  [[nodiscard]] static Ipv6Address from_wire(std::span<const std::uint8_t, 16> bytes);

  [[nodiscard]] constexpr const Bytes& bytes() const { return bytes_; }

  [[nodiscard]] constexpr bool is_unspecified() const { return bytes_ == Bytes{}; }
  /// fe80::/10 (RFC 4291 section 2.5.6).
  [[nodiscard]] constexpr bool is_link_local() const {
    return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
  }
  [[nodiscard]] constexpr bool is_multicast() const { return bytes_[0] == 0xff; }
  [[nodiscard]] bool is_loopback() const;

  friend constexpr auto operator<=>(const Ipv6Address&, const Ipv6Address&) = default;

 private:
  Bytes bytes_{};
};

/// A prefix whose host bits are zero. `Address` is Ipv4Address or Ipv6Address.
template <class Address>
class Prefix {
 public:
  constexpr Prefix() = default;
  /// Host bits of `address` are cleared; `length` must be at most `Address::kBits`.
  Prefix(const Address& address, unsigned length);

  /// "10.0.0.0/8"; with no "/length" the whole address. nullopt for anything else, and for set host
  /// bits ("10.0.0.1/8"): a reader who wrote that probably meant something else.
  [[nodiscard]] static std::optional<Prefix> parse(std::string_view text);

  [[nodiscard]] constexpr const Address& address() const { return address_; }
  [[nodiscard]] constexpr unsigned length() const { return length_; }
  [[nodiscard]] constexpr bool is_default() const { return length_ == 0; }
  [[nodiscard]] constexpr bool is_host() const { return length_ == Address::kBits; }

  [[nodiscard]] bool contains(const Address& address) const;
  /// True if `other` is this prefix or a more specific of it.
  [[nodiscard]] bool covers(const Prefix& other) const;

  friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;

 private:
  Address address_{};
  std::uint8_t length_ = 0;
};

using Ipv4Prefix = Prefix<Ipv4Address>;
using Ipv6Prefix = Prefix<Ipv6Address>;

/// An address of either family.
using IpAddress = std::variant<Ipv4Address, Ipv6Address>;
/// A prefix of either family.
using IpPrefix = std::variant<Ipv4Prefix, Ipv6Prefix>;

/// fe80::/10. IPv4's 169.254.0.0/16 is no more than a subnet to a router, so it does not count.
[[nodiscard]] bool is_ipv6_link_local(const IpAddress& address);
/// False across families.
[[nodiscard]] bool contains(const IpPrefix& prefix, const IpAddress& address);
/// True if `inner` is `outer` or a more specific of it; false across families.
[[nodiscard]] bool covers(const IpPrefix& outer, const IpPrefix& inner);
/// The first address of a prefix: its bits with the host bits zero.
[[nodiscard]] IpAddress address_of(const IpPrefix& prefix);
[[nodiscard]] unsigned length_of(const IpPrefix& prefix);
/// The prefix of `length` bits around an address; `length` is at most the bits of its family.
[[nodiscard]] IpPrefix prefix_around(const IpAddress& address, unsigned length);
/// The whole address as a prefix.
[[nodiscard]] IpPrefix host_prefix(const IpAddress& address);

[[nodiscard]] std::optional<IpAddress> parse_ip_address(std::string_view text);
[[nodiscard]] std::optional<IpPrefix> parse_ip_prefix(std::string_view text);

[[nodiscard]] std::string to_string(Ipv4Address address);
/// RFC 5952 text form.
[[nodiscard]] std::string to_string(const Ipv6Address& address);
[[nodiscard]] std::string to_string(const IpAddress& address);
[[nodiscard]] std::string to_string(const Ipv4Prefix& prefix);
[[nodiscard]] std::string to_string(const Ipv6Prefix& prefix);
[[nodiscard]] std::string to_string(const IpPrefix& prefix);

/// 64 well-mixed bits of an address or prefix, the same on every run; for hash tables.
[[nodiscard]] std::uint64_t hash_value(Ipv4Address address);
[[nodiscard]] std::uint64_t hash_value(const Ipv6Address& address);
[[nodiscard]] std::uint64_t hash_value(const Ipv4Prefix& prefix);
[[nodiscard]] std::uint64_t hash_value(const Ipv6Prefix& prefix);

}  // namespace lastmile

template <>
struct std::hash<lastmile::Ipv4Address> {
  std::size_t operator()(lastmile::Ipv4Address a) const noexcept { return lastmile::hash_value(a); }
};
template <>
struct std::hash<lastmile::Ipv6Address> {
  std::size_t operator()(const lastmile::Ipv6Address& a) const noexcept {
    return lastmile::hash_value(a);
  }
};
template <class Address>
struct std::hash<lastmile::Prefix<Address>> {
  std::size_t operator()(const lastmile::Prefix<Address>& p) const noexcept {
    return lastmile::hash_value(p);
  }
};
