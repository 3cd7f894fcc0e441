// The kernel's network interfaces: find, change, create, delete.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/net/interface_name.h"
#include "dataplane/net/mac.h"
#include "drivers/kernel/netlink.h"

namespace lastmile {

/// What the kernel says of an interface.
struct LinkInfo {
  unsigned index = 0;
  std::string name;
  std::string alias;  ///< free text set by whoever made it ("ip link set X alias ...")
  std::string kind;   ///< "veth", "tun", ...; empty for hardware
  MacAddress mac;
  std::uint32_t mtu = 0;
  std::uint32_t flags = 0;  ///< IFF_*

  [[nodiscard]] bool is_admin_up() const;
  /// Administratively up and with carrier: frames can pass.
  [[nodiscard]] bool is_running() const;
};

/// Reads an RTM_NEWLINK or RTM_DELLINK message; one that is cut short is an interface of index 0.
[[nodiscard]] LinkInfo parse_link(const nlmsghdr& message);

/// The interface of that name, or nullopt if there is none.
[[nodiscard]] Result<std::optional<LinkInfo>> find_link(Netlink& netlink, const std::string& name);

/// The interface of that number, whatever its name is by now; nullopt if there is none.
[[nodiscard]] Result<std::optional<LinkInfo>> find_link(Netlink& netlink, unsigned index);

/// Whether there is an interface of that number, whatever its name is by now.
[[nodiscard]] Result<bool> has_link(Netlink& netlink, unsigned index);

/// What to change; members that are not set stay as they are.
struct LinkChange {
  std::optional<MacAddress> mac = std::nullopt;
  std::optional<std::uint32_t> mtu = std::nullopt;
  std::optional<std::string> alias = std::nullopt;
  /// Longest segment that the interface is given by those who leave it to cut them.
  std::optional<std::uint32_t> longest_segment = std::nullopt;
  std::uint32_t set_flags = 0;    ///< IFF_* to turn on
  std::uint32_t clear_flags = 0;  ///< IFF_* to turn off
};
[[nodiscard]] Result<void> change_link(Netlink& netlink, const LinkInfo& link,
                                       const LinkChange& change);

/// A veth pair: one end here, the other, of the same name, in another network namespace.
struct VethSpec {
  std::string name;
  MacAddress mac;  ///< of the end here
  std::uint32_t mtu = 1500;
  int peer_namespace = -1;  ///< file descriptor of the other namespace
};
[[nodiscard]] Result<void> create_veth(Netlink& netlink, const VethSpec& spec);

[[nodiscard]] Result<void> delete_link(Netlink& netlink, const LinkInfo& link);

}  // namespace lastmile
