// A device and what belongs to it, opened as a whole and closed in the right order.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "drivers/exception/interface_guard.h"
#include "drivers/offload/port_offload.h"
#include "drivers/ports/port.h"

namespace lastmile {

/// How a device is opened, and opened again.
struct DeviceOrder {
  PortOptions options;
  /// Of the kernel's interfaces the one under a device that borrows it (af_packet, af_xdp).
  std::optional<std::string> interface;
  /// What that interface's MAC address is to be; nullopt: its own.
  std::optional<MacAddress> mac;
};

/// Members go in reverse order.
struct DeviceParts {
  std::optional<InterfaceGuard> guard;  ///< only over kernel interfaces
  std::optional<Port> port;             ///< started
  std::unique_ptr<offload::PortOffload> offload;
};

/// On an error nothing stays behind. One thread at a time, in the network namespace that the
/// interface is in.
[[nodiscard]] Result<DeviceParts> open_parts(const DeviceOrder& order, PacketPools& pools);

}  // namespace lastmile
