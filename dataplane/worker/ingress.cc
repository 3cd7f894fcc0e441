#include "dataplane/worker/ingress.h"

#include <array>
#include <cstring>

#include "dataplane/net/headers.h"

namespace lastmile {

Ingress ingress_of(const WorkerPort& port, TransitPolicy transit, WorkerCounters& counters) {
  Ingress ingress;
  std::array<std::uint8_t, 8> station{};
  std::memcpy(station.data(), port.mac.bytes().data(), port.mac.bytes().size());
  ingress.station = load_raw<std::uint64_t>(station.data());
  station = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0};
  ingress.station_mask = load_raw<std::uint64_t>(station.data());
  ingress.port = &port;
  ingress.counters = &counters.ports[port.id.value()];
  ingress.admission = port.admission;
  if (port.zone == PortZone::kUplink && transit == TransitPolicy::kRefuse) {
    ingress.refused_zone = static_cast<std::uint8_t>(PortZone::kUplink);
  }
  return ingress;
}

Ingress ingress_of_host(WorkerCounters& counters) {
  Ingress ingress;
  ingress.counters = &counters.host;
  ingress.hop_cost = 0;
  return ingress;
}

}  // namespace lastmile
