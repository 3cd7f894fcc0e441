#include "dataplane/net/ip.h"

#include <arpa/inet.h>

#include <charconv>
#include <cstring>

namespace lastmile {
namespace {

// inet_pton wants a terminated string; no valid address text is longer than INET6_ADDRSTRLEN.
template <int Family, class Wire>
bool parse_into(std::string_view text, Wire& wire) {
  char buffer[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof buffer) return false;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  return inet_pton(Family, buffer, &wire) == 1;
}

// Finalizer of splitmix64: every input bit reaches every output bit.
std::uint64_t mix(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9ULL;
  x ^= x >> 27;
  x *= 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

Ipv4Address masked(Ipv4Address address, unsigned length) {
  return Ipv4Address{length == 0 ? 0 : address.value() & (~std::uint32_t{0} << (32 - length))};
}

Ipv6Address masked(const Ipv6Address& address, unsigned length) {
  Ipv6Address::Bytes bytes = address.bytes();
  for (unsigned i = 0; i < 16; ++i) {
    const unsigned kept = length > 8 * i ? std::min(8U, length - 8 * i) : 0;
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xff00U >> kept));
  }
  return Ipv6Address{bytes};
}

}  // namespace

std::optional<Ipv4Address> Ipv4Address::parse(std::string_view text) {
  std::array<std::uint8_t, 4> wire;
  if (!parse_into<AF_INET>(text, wire)) return std::nullopt;
  return from_wire(wire);
}

std::optional<Ipv6Address> Ipv6Address::parse(std::string_view text) {
  Bytes wire;
  if (!parse_into<AF_INET6>(text, wire)) return std::nullopt;
  return Ipv6Address{wire};
}

Ipv6Address Ipv6Address::from_wire(std::span<const std::uint8_t, 16> bytes) {
  Bytes wire;
  std::memcpy(wire.data(), bytes.data(), wire.size());
  return Ipv6Address{wire};
}

bool Ipv6Address::is_loopback() const {
  Bytes one{};
  one[15] = 1;
  return bytes_ == one;
}

template <class Address>
Prefix<Address>::Prefix(const Address& address, unsigned length)
    : address_(masked(address, length)), length_(static_cast<std::uint8_t>(length)) {}

template <class Address>
std::optional<Prefix<Address>> Prefix<Address>::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = Address::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  unsigned length = Address::kBits;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const char* end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, length);
    if (error != std::errc{} || stop != end || length > Address::kBits) return std::nullopt;
  }
  const Prefix prefix{*address, length};
  if (prefix.address() != *address) return std::nullopt;
  return prefix;
}

template <class Address>
bool Prefix<Address>::contains(const Address& address) const {
  return masked(address, length_) == address_;
}

template <class Address>
bool Prefix<Address>::covers(const Prefix& other) const {
  return other.length_ >= length_ && contains(other.address_);
}

template class Prefix<Ipv4Address>;
template class Prefix<Ipv6Address>;

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  if (const auto v4 = Ipv4Address::parse(text)) return *v4;
  if (const auto v6 = Ipv6Address::parse(text)) return *v6;
  return std::nullopt;
}

bool is_ipv6_link_local(const IpAddress& address) {
  const auto* v6 = std::get_if<Ipv6Address>(&address);
  return v6 != nullptr && v6->is_link_local();
}

bool contains(const IpPrefix& prefix, const IpAddress& address) {
  return std::visit(
      [&]<class Address>(const Prefix<Address>& p) {
        const auto* same_family = std::get_if<Address>(&address);
        return same_family != nullptr && p.contains(*same_family);
      },
      prefix);
}

bool covers(const IpPrefix& outer, const IpPrefix& inner) {
  return std::visit(
      [&]<class Address>(const Prefix<Address>& p) {
        const auto* same_family = std::get_if<Prefix<Address>>(&inner);
        return same_family != nullptr && p.covers(*same_family);
      },
      outer);
}

IpAddress address_of(const IpPrefix& prefix) {
  return std::visit([](const auto& p) -> IpAddress { return p.address(); }, prefix);
}

unsigned length_of(const IpPrefix& prefix) {
  return std::visit([](const auto& p) { return unsigned{p.length()}; }, prefix);
}

IpPrefix prefix_around(const IpAddress& address, unsigned length) {
  return std::visit(
      [&]<class Address>(const Address& a) {
        return IpPrefix{Prefix<Address>{a, length}};
      },
      address);
}

IpPrefix host_prefix(const IpAddress& address) {
  return std::visit(
      []<class Address>(const Address& a) { return IpPrefix{Prefix<Address>(a, Address::kBits)}; },
      address);
}

std::optional<IpPrefix> parse_ip_prefix(std::string_view text) {
  if (const auto v4 = Ipv4Prefix::parse(text)) return *v4;
  if (const auto v6 = Ipv6Prefix::parse(text)) return *v6;
  return std::nullopt;
}

std::string to_string(Ipv4Address address) {
  const auto wire = address.to_wire();
  char buffer[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, wire.data(), buffer, sizeof buffer);
}

std::string to_string(const Ipv6Address& address) {
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, address.bytes().data(), buffer, sizeof buffer);
}

std::string to_string(const IpAddress& address) {
  return std::visit([](const auto& a) { return to_string(a); }, address);
}

std::string to_string(const Ipv4Prefix& prefix) {
  return to_string(prefix.address()) + '/' + std::to_string(prefix.length());
}

std::string to_string(const Ipv6Prefix& prefix) {
  return to_string(prefix.address()) + '/' + std::to_string(prefix.length());
}

std::string to_string(const IpPrefix& prefix) {
  return std::visit([](const auto& p) { return to_string(p); }, prefix);
}

std::uint64_t hash_value(Ipv4Address address) {
  return mix(address.value() + 0x9e3779b97f4a7c15ULL);
}

std::uint64_t hash_value(const Ipv6Address& address) {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, address.bytes().data(), 8);
  std::memcpy(&low, address.bytes().data() + 8, 8);
  return mix(mix(high + 0x9e3779b97f4a7c15ULL) + low);
}

std::uint64_t hash_value(const Ipv4Prefix& prefix) {
  return mix((std::uint64_t{prefix.address().value()} << 6 | prefix.length()) +
             0x9e3779b97f4a7c15ULL);
}

std::uint64_t hash_value(const Ipv6Prefix& prefix) {
  return mix(hash_value(prefix.address()) + prefix.length());
}

}  // namespace lastmile
