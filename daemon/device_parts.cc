#include "daemon/device_parts.h"

#include <utility>

namespace lastmile {

Result<DeviceParts> open_parts(const DeviceOrder& order, PacketPools& pools) {
  DeviceParts parts;
  // The guard comes first: it remembers the interface as it was before the driver changes it.
  if (order.interface) {
    auto guard = InterfaceGuard::create(order.options.name, *order.interface, order.mac);
    if (!guard) return tl::unexpected(guard.error());
    parts.guard.emplace(std::move(*guard));
  }
  auto port = Port::open(order.options, pools);
  if (!port) return tl::unexpected(port.error());
  parts.port.emplace(std::move(*port));
  if (auto started = parts.port->start(); !started) return tl::unexpected(started.error());
  auto offload = offload::PortOffload::start(*parts.port);
  if (!offload) return tl::unexpected(offload.error());
  parts.offload = std::move(*offload);
  return parts;
}

}  // namespace lastmile
