// The host interface ("lm0"): how the machine's own programs reach the network through the router.
//
// It carries the loopback and service addresses, as /32 and /128, and a default route whose
// preferred source is the first loopback. What programs send leaves through it, and workers route
// it; what workers find addressed to a loopback or service goes to the kernel through it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/exception/kernel_pair.h"
#include "drivers/kernel/address.h"
#include "drivers/kernel/route.h"

namespace lastmile {

struct HostInterfaceOptions {
  std::string interface = "lm0";
  std::uint16_t mtu = 1500;
  /// Longest packet that programs send by the default routes; 0: `mtu`.
  std::uint16_t send_mtu = 0;
  std::uint16_t queues = 1;
  FarEnd far_end = FarEnd::kPackets;
  /// As PortOptions::spare_buffers.
  std::uint32_t spare_buffers = PortOptions{}.spare_buffers;
  /// Metric of the default routes; nullopt: none is made.
  std::optional<std::uint32_t> default_route_metric = 20;
};

/// Control thread only. Takes away only what it put there; in the end the interface goes, and all
/// that is on it.
class HostInterface {
 public:
  /// Up, without addresses and routes.
  [[nodiscard]] static Result<HostInterface> create(const HostInterfaceOptions& options,
                                                    const PrivateNamespace& far_side,
                                                    PacketPools& pools);

  [[nodiscard]] const std::string& interface_name() const { return pair_.interface().name; }
  [[nodiscard]] unsigned interface_index() const { return pair_.interface().index; }
  /// The DPDK side, started; FarEnd::kPackets only.
  [[nodiscard]] const Port& port() const { return pair_.port(); }
  /// What is there in its place; nullptr with FarEnd::kPackets.
  [[nodiscard]] const SegmentPort* segments() const { return pair_.segments(); }
  /// Frames to the kernel must carry this destination.
  [[nodiscard]] const MacAddress& mac() const { return pair_.interface().mac; }

  /// Adds an address (a /32 or /128). The first of its family becomes the default route's preferred
  /// source. Adding it twice is no error.
  [[nodiscard]] Result<void> add_address(const IpAddress& address);
  /// Removes an address that add_address() added; the default route moves to the next one, or goes
  /// with the last. Removing what was never added is no error and touches nothing.
  [[nodiscard]] Result<void> remove_address(const IpAddress& address);

 private:
  HostInterface(KernelPair pair, HostInterfaceOptions options)
      : pair_(std::move(pair)), options_(std::move(options)) {}

  // Brings the default route of the address's family in line with the addresses.
  [[nodiscard]] Result<void> update_default_route(const IpAddress& family);

  KernelPair pair_;
  HostInterfaceOptions options_;
  std::vector<IpAddress> addresses_;           // that we added, in order
  std::vector<KernelDefaultRoute> installed_;  // at most one of each family
};

}  // namespace lastmile
