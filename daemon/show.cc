#include "daemon/show.h"

#include <malloc.h>
#include <rte_version.h>

#include <chrono>
#include <utility>

namespace lastmile {

Show::Show(Sources sources) : from_(std::move(sources)), started_(ControlClock::now()) {}

std::string Show::port_name(PortId port) const {
  return from_.config.ports[port.value()].name;
}

VersionView Show::version() const {
  VersionView view;
  view.version = LASTMILE_VERSION;
  view.dpdk = rte_version();
  view.uptime = std::chrono::duration_cast<std::chrono::seconds>(ControlClock::now() - started_);
  view.router_id = to_string(from_.config.router.id);
  view.asn = from_.config.router.asn.value();
  view.config = from_.config_path;
  return view;
}

ControlThreadView Show::control_thread() const {
  using std::chrono::duration_cast;
  using std::chrono::microseconds;
  const SliceMeter& slices = from_.slices;
  ControlThreadView view;
  view.slices = slices.slices();
  view.long_slices = slices.long_slices();
  view.busy = duration_cast<microseconds>(slices.busy());
  view.longest = duration_cast<microseconds>(slices.longest().cpu);
  view.longest_in = slices.longest().what;
  view.longest_wall = duration_cast<microseconds>(slices.longest().wall);
  view.rib_bytes = from_.control.rib().summary().memory_bytes;
  const struct mallinfo2 heap = mallinfo2();
  view.heap_bytes = heap.uordblks + heap.hblkhd;
  for (const std::string& name : from_.threads.names()) {
    view.threads.push_back({name, from_.threads.is_stuck(name)});
  }
  return view;
}

std::vector<ServiceView> Show::services() const {
  std::vector<ServiceView> views;
  for (const ServiceStatus& service : from_.control.services().services()) {
    ServiceView view;
    view.name = service.config->name;
    view.healthy = service.health == Health::kUp;
    view.announced = service.appearance != ServiceAppearance::kWithdrawn;
    view.degraded = service.appearance == ServiceAppearance::kDegraded;
    view.passed = service.passed;
    view.failed = service.failed;
    view.changes = service.changes;
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace lastmile
