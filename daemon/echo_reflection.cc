#include "daemon/echo_reflection.h"

#include <utility>
#include <variant>
#include <vector>

#include "daemon/device_parts.h"

namespace lastmile {

void reflect_echo(const OpenPort& port, const Config& config, const ControlPlane& control,
                  const KernelNeighborhood& neighborhood) {
  // What it reflects has no tags.
  if (!port.facts().hairpin_queue || !port.vlan.empty()) return;
  std::vector<MacAddress> neighbors;
  const auto router = control.discovery().neighbor(port.id);
  for (const auto& known : neighborhood.neighbors()) {
    if (known.port == port.id && known.entry.mac && router &&
        known.entry.address == IpAddress{*router}) {
      neighbors.push_back(*known.entry.mac);
    }
  }
  std::vector<IpAddress> own;
  for (const IpPrefix& loopback : config.loopbacks) {
    std::visit([&own](const auto& prefix) { own.emplace_back(prefix.address()); }, loopback);
  }
  port.device->parts->offload->reflect(std::move(neighbors), std::move(own));
}

}  // namespace lastmile
