// Addresses on the kernel's interfaces.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "dataplane/net/ip.h"
#include "drivers/kernel/link.h"

namespace lastmile {

/// An address as it stands on an interface: unlike a prefix it keeps its host bits.
struct InterfaceAddress {
  IpAddress address;
  std::uint8_t length = 0;

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};
/// "192.0.2.1/24".
[[nodiscard]] std::string to_string(const InterfaceAddress& address);

/// An address and the index of the interface that it stands on.
struct PlacedAddress {
  unsigned index = 0;
  InterfaceAddress address;
};
/// Reads an RTM_NEWADDR or RTM_DELADDR message; nullopt if there is no address in it.
[[nodiscard]] std::optional<PlacedAddress> parse_interface_address(const nlmsghdr& message);

/// Shows each address of an interface, both families, link-local ones included, with all that the
/// kernel tells of it. `begin` runs before the first one, and again if they change meanwhile, for
/// then they all come again.
[[nodiscard]] Result<void> visit_addresses(
    Netlink& netlink, const LinkInfo& link, const std::function<void()>& begin,
    const std::function<void(const InterfaceAddress&, const nlmsghdr&)>& visit);
/// The addresses alone.
[[nodiscard]] Result<std::vector<InterfaceAddress>> list_addresses(Netlink& netlink,
                                                                   const LinkInfo& link);
/// Adds without duplicate address detection: usable at once. An error with code EEXIST if it is
/// there already.
[[nodiscard]] Result<void> add_address(Netlink& netlink, const LinkInfo& link,
                                       const InterfaceAddress& address);
/// An error with code EADDRNOTAVAIL if it is not there.
[[nodiscard]] Result<void> delete_address(Netlink& netlink, const LinkInfo& link,
                                          const InterfaceAddress& address);

}  // namespace lastmile
