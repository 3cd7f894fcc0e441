// The kernel's default routes.
#pragma once

#include <cstdint>

#include "dataplane/net/ip.h"
#include "drivers/kernel/link.h"

namespace lastmile {

/// A default route through an interface, in the main table. Its family is that of `source`.
struct KernelDefaultRoute {
  std::uint32_t metric = 0;
  IpAddress source;       ///< preferred source of the machine's own packets
  std::uint32_t mtu = 0;  ///< 0: the interface's

  friend bool operator==(const KernelDefaultRoute&, const KernelDefaultRoute&) = default;
};

/// An error with code EEXIST if a default route of that family and metric is there already: it is
/// someone else's and is left alone.
[[nodiscard]] Result<void> add_default_route(Netlink& netlink, const LinkInfo& link,
                                             const KernelDefaultRoute& route);
[[nodiscard]] Result<void> delete_default_route(Netlink& netlink, const LinkInfo& link,
                                                const KernelDefaultRoute& route);

}  // namespace lastmile
