#include "daemon/returning_ports.h"

#include <algorithm>
#include <utility>

namespace lastmile {

void ReturningPorts::watch(PortId owner, const KernelInterface& interface) {
  ports_.push_back({.owner = owner, .interface = interface, .told = {}});
}

ReturningPorts::Watched& ReturningPorts::watched(PortId owner) {
  return *std::ranges::find(ports_, owner, &Watched::owner);
}

void ReturningPorts::lose(Watched& port) {
  port.stage = Stage::kGone;
  outside_.gone(port.owner, port.interface.name);
}

void ReturningPorts::on_link(const LinkEvent& event) {
  for (Watched& port : ports_) {
    const bool in_service = port.stage == Stage::kInService;
    if (event.deleted) {
      if (in_service && event.index == port.interface.index) lose(port);
      continue;
    }
    if (event.name != port.interface.name) continue;
    if (port.stage == Stage::kExchanging || port.stage == Stage::kRefused) continue;
    if (in_service) {
      // The end of the old one may have been missed; or it has another name now, and is used on.
      if (event.index == port.interface.index || outside_.is_there(port.interface.index)) continue;
      lose(port);
    }
    port.stage = Stage::kExchanging;
    outside_.exchange(port.owner);
  }
}

void ReturningPorts::opened(PortId owner, unsigned index) {
  Watched& port = watched(owner);
  port.stage = Stage::kInService;
  port.interface.index = index;
  port.told.clear();
  if (!outside_.is_there(index)) return lose(port);
  outside_.back(owner, port.interface.name);
}

void ReturningPorts::refused(PortId owner, const std::string& reason) {
  Watched& port = watched(owner);
  port.stage = Stage::kRefused;
  if (std::exchange(port.told, reason) == reason) return;
  outside_.cannot_use(owner, port.interface.name, reason);
}

void ReturningPorts::try_again() {
  for (Watched& port : ports_) {
    if (port.stage == Stage::kRefused) port.stage = Stage::kGone;
  }
}

}  // namespace lastmile
