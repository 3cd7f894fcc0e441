#include "controlplane/config/address_types.h"

#include <fmt/format.h>

#include "dataplane/net/format.h"

namespace lastmile::config {
namespace {

constexpr const char* kAddressPattern = "^[0-9A-Fa-f:.]+$";
constexpr const char* kPrefixPattern = "^[0-9A-Fa-f:.]+(/[0-9]+)?$";

/// Why an address can't be one of a router's or a peer's; empty if it can.
std::string unfit(const IpAddress& address) {
  return std::visit(
      [](const auto& a) -> std::string {
        if (a.is_unspecified()) return "is the unspecified address";
        if (a.is_multicast()) return "is a multicast address";
        if (a.is_loopback()) return "never leaves a machine";
        return {};
      },
      address);
}

unsigned bits(const IpAddress& address) {
  return std::visit([](const auto& a) -> unsigned { return a.kBits; }, address);
}

/// "ADDRESS" or "ADDRESS/LENGTH" with any host bits.
struct AddressAndLength {
  IpAddress address;
  std::optional<unsigned> length;
};
tl::expected<AddressAndLength, Fault> split(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = parse_ip_address(text.substr(0, slash));
  if (!address) {
    return fault(slash == std::string_view::npos ? "is not an address" : "is not a prefix");
  }
  if (slash == std::string_view::npos) return AddressAndLength{*address, std::nullopt};
  const auto length = parse_decimal(text.substr(slash + 1));
  if (!length || *length > bits(*address)) {
    return fault("has a bad prefix length",
                 fmt::format("expected a length from 0 to {}", bits(*address)));
  }
  return AddressAndLength{*address, static_cast<unsigned>(*length)};
}

IpPrefix covering(const IpAddress& address, unsigned length) {
  return std::visit(
      [length](const auto& a) -> IpPrefix {
        return Prefix<std::decay_t<decltype(a)>>{a, length};
      },
      address);
}

}  // namespace

Type<IpAddress> address() {
  return {"an IPv4 or IPv6 address",
          [](std::string_view text, const Scope&) -> tl::expected<IpAddress, Fault> {
            const auto address = parse_ip_address(text);
            if (!address) {
              if (text.find('%') != std::string_view::npos) {
                return fault("is not an address",
                             "expected an address without \"%interface\"; name the port in "
                             "\"port\"");
              }
              if (text.find('/') != std::string_view::npos) {
                return fault("is not an address", "expected an address without a length");
              }
              return fault("is not an address");
            }
            if (auto wrong = unfit(*address); !wrong.empty()) return fault(std::move(wrong));
            return *address;
          },
          ValueShape::of_text(kAddressPattern)};
}

Type<Ipv4Address> identifier() {
  return {"an IPv4 address such as 10.0.1.1",
          [](std::string_view text, const Scope&) -> tl::expected<Ipv4Address, Fault> {
            const auto address = Ipv4Address::parse(text);
            if (!address) return fault("is not an IPv4 address");
            if (auto wrong = unfit(*address); !wrong.empty()) return fault(std::move(wrong));
            return *address;
          },
          ValueShape::of_text(kAddressPattern)};
}

Type<IpPrefix> single_address() {
  return {"a single address such as 10.0.1.1/32 or 2001:db8::1/128",
          [](std::string_view text, const Scope&) -> tl::expected<IpPrefix, Fault> {
            const auto parts = split(text);
            if (!parts) return tl::unexpected(parts.error());
            const unsigned all = bits(parts->address);
            if (parts->length.value_or(all) != all) {
              return fault("is more than one address",
                           fmt::format("expected {}/{}", parts->address, all));
            }
            if (auto wrong = unfit(parts->address); !wrong.empty()) return fault(std::move(wrong));
            if (is_ipv6_link_local(parts->address)) {
              return fault("is a link-local address", "expected one that can be announced");
            }
            return covering(parts->address, all);
          },
          ValueShape::of_text(kPrefixPattern)};
}

Type<IpPrefix> prefix() {
  return {"a prefix such as 10.0.0.0/8 or 2001:db8::/32",
          [](std::string_view text, const Scope&) -> tl::expected<IpPrefix, Fault> {
            const auto parts = split(text);
            if (!parts) return tl::unexpected(parts.error());
            const unsigned length = parts->length.value_or(bits(parts->address));
            const IpPrefix prefix = covering(parts->address, length);
            if (parts->length && parse_ip_prefix(text) != prefix) {
              return fault("has host bits set", fmt::format("expected {}", prefix));
            }
            return prefix;
          },
          ValueShape::of_text(kPrefixPattern)};
}

Type<PortConfig::InterfaceAddress> interface_address() {
  using Address = PortConfig::InterfaceAddress;
  return {"an address with the length of its subnet, such as 192.168.101.254/24",
          [](std::string_view text, const Scope&) -> tl::expected<Address, Fault> {
            const auto parts = split(text);
            if (!parts) return tl::unexpected(parts.error());
            if (!parts->length) return fault("has no prefix length");
            if (*parts->length == 0) return fault("has a bad prefix length");
            if (auto wrong = unfit(parts->address); !wrong.empty()) return fault(std::move(wrong));
            // The first and the last address of an IPv4 subnet are no host's (RFC 1122 3.2.1.3),
            // but those of a point-to-point /31 are (RFC 3021).
            const auto* v4 = std::get_if<Ipv4Address>(&parts->address);
            if (v4 != nullptr && *parts->length < 31) {
              const std::uint32_t host = v4->value() & (~std::uint32_t{0} >> *parts->length);
              if (host == 0) return fault("is the subnet itself");
              if (host == ~std::uint32_t{0} >> *parts->length) {
                return fault("is the subnet's broadcast address");
              }
            }
            return Address{parts->address, static_cast<std::uint8_t>(*parts->length)};
          },
          ValueShape::of_text(kPrefixPattern)};
}

}  // namespace lastmile::config
