// The kernel's twin of a port: an interface with the port's MAC address and MTU.
//
// The kernel derives the same IPv6 link-local address as the port's neighbors see, answers ARP and
// neighbor discovery on it, and carries BGP's TCP. Workers hand it what is addressed to us and send
// out of the port what it sends.
//
// The kernel must be a host on it and nothing more: it forwards nothing, accepts no router
// advertisement (routes are BGP's business) and makes no address of its own but the link-local one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/exception/kernel_pair.h"
#include "drivers/kernel/address.h"

namespace lastmile {

struct TwinOptions {
  std::string port;  ///< the port's name
  MacAddress mac;    ///< the port's
  std::uint16_t mtu = 1500;
  std::uint16_t queues = 1;
  std::vector<InterfaceAddress> addresses = {};  ///< configured on the port
};

/// Control thread only.
class Twin {
 public:
  /// "lm-PORT".
  [[nodiscard]] static std::string interface_name(std::string_view port);
  /// Longest name of a port whose twin's name the kernel takes. For the configuration's check.
  static constexpr std::size_t kMaxPortName = kMaxInterfaceName - kTwinPrefix.size();

  /// Creates the twin; it is up, with carrier, and its link-local address is usable on return.
  [[nodiscard]] static Result<Twin> create(const TwinOptions& options,
                                           const PrivateNamespace& far_side, PacketPools& pools);

  [[nodiscard]] const std::string& interface_name() const { return pair_.interface().name; }
  [[nodiscard]] unsigned interface_index() const { return pair_.interface().index; }
  /// The DPDK side, started.
  [[nodiscard]] const Port& port() const { return pair_.port(); }

  /// Follows the port's link, so that the kernel forgets neighbors on a dead link and its route
  /// lookups pass the twin by. Addresses stay.
  [[nodiscard]] Result<void> set_link(Link link) { return pair_.set_carrier(link); }

 private:
  explicit Twin(KernelPair pair) : pair_(std::move(pair)) {}
  KernelPair pair_;
};

}  // namespace lastmile
