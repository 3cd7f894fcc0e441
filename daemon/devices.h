// The devices of a configuration, opened: ports, their kernel twins, the host interface.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/config.h"
#include "daemon/device_parts.h"
#include "daemon/home_thread.h"
#include "dataplane/worker/port.h"
#include "drivers/eal/eal.h"
#include "drivers/exception/host_interface.h"
#include "drivers/exception/twin.h"
#include "drivers/kernel/namespace_stay.h"
#include "drivers/ports/port.h"

namespace lastmile {

/// A device, of one port or of several in VLANs of their own.
struct OpenDevice {
  PortId owner;                      ///< the port that names it in the configuration
  DeviceOrder order;                 ///< with what another in its place must have like this one
  DeviceFacts facts;                 ///< of `parts`, or of those before
  PortStatistics retired{};          ///< what devices that are no more have counted
  std::optional<DeviceParts> parts;  ///< nullopt: another device is opened, in port_exchange.h

  /// Whether another may take its place while workers run: one whose interface was deleted and made
  /// again.
  [[nodiscard]] bool is_exchangeable() const;
  /// Of all that there were.
  [[nodiscard]] PortStatistics statistics() const;
  [[nodiscard]] std::optional<DeviceParts> take_out();
  void put_in(DeviceParts opened);
};

/// One port of the configuration. Its twin goes before the device.
struct OpenPort {
  PortId id;
  std::string name;
  VlanTags vlan;
  std::shared_ptr<OpenDevice> device;
  std::optional<Twin> twin;

  [[nodiscard]] const DeviceFacts& facts() const { return device->facts; }
  /// The other ports of the device use what is this one's.
  [[nodiscard]] bool owns_device() const { return device->owner == id; }
};

/// Owns everything of drivers/. Goes after the workers: they poll these devices. Control thread
/// only.
class Devices {
 public:
  /// Opens everything; ports are started. On an error nothing stays behind.
  [[nodiscard]] static Result<std::unique_ptr<Devices>> open(const Config& config);

  Devices(const Devices&) = delete;
  Devices& operator=(const Devices&) = delete;

  [[nodiscard]] std::vector<OpenPort>& ports() { return ports_; }
  [[nodiscard]] const std::vector<OpenPort>& ports() const { return ports_; }
  [[nodiscard]] HostInterface& host() { return *host_; }
  /// For what belongs to the machine and not to the router's own stack (interfaces under ports,
  /// listeners of the management network): while the result lives, the thread is in the network
  /// namespace that lastmiled was started in. Needs CAP_SYS_ADMIN: while the router starts.
  [[nodiscard]] Result<NamespaceStay> at_home() const {
    return home_ ? NamespaceStay::enter(home_) : NamespaceStay{};
  }
  /// Where devices are opened while the router runs; nullptr: none ever is.
  [[nodiscard]] HomeThread* home_thread() const { return home_thread_.get(); }
  [[nodiscard]] PacketPools& pools() { return pools_; }
  /// Buffers that BFD alone uses, of each worker: whatever floods the ports, it can send.
  [[nodiscard]] rte_mempool* bfd_pool(unsigned worker) const { return bfd_pools_[worker]; }
  [[nodiscard]] const HostInterface& host() const { return *host_; }
  /// DPDK's, of this instance (drivers/eal/runtime_directory.h).
  [[nodiscard]] const std::string& runtime_directory() const { return eal_.runtime_directory(); }

 private:
  explicit Devices(Eal eal) : eal_(std::move(eal)) {}
  [[nodiscard]] Result<void> open_ports(const Config& config);
  [[nodiscard]] Result<std::shared_ptr<OpenDevice>> open_device(const Config& config,
                                                                const PortConfig& owner);
  [[nodiscard]] Result<void> open_port(const Config& config, const PortConfig& wanted,
                                       std::shared_ptr<OpenDevice> device);
  [[nodiscard]] Result<void> enter_namespace(const Config& config);
  [[nodiscard]] Result<void> open_host(const Config& config);
  [[nodiscard]] Result<void> make_bfd_pools(const Config& config);

  Eal eal_;
  PacketPools pools_;
  std::optional<PrivateNamespace> far_side_;
  std::vector<OpenPort> ports_;
  std::optional<HostInterface> host_;
  std::vector<rte_mempool*> bfd_pools_;
  // The namespace that the control thread left for that of twins, the host interface and BGP's
  // sockets, if there is one.
  FileDescriptor home_;
  std::unique_ptr<HomeThread> home_thread_;
};

/// Which side of the router a port is on, by the configuration.
[[nodiscard]] PortZone zone_of(const Config& config, PortId port);

}  // namespace lastmile
