// What the operator's commands see: the parts' own status, put into the views of
// controlplane/control/views.h.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/control/views.h"
#include "controlplane/control_plane.h"
#include "controlplane/event/slice_meter.h"
#include "controlplane/io/kernel_neighborhood.h"
#include "controlplane/telemetry/load_intervals.h"
#include "daemon/devices.h"
#include "daemon/forwarding.h"
#include "daemon/link_monitor.h"
#include "daemon/route_listings.h"
#include "daemon/thread_watch.h"
#include "dataplane/worker/counters.h"

namespace lastmile {

/// Reads only; no call blocks or disturbs a worker. Control thread only.
class Show final : public ShowSource {
 public:
  /// All outlive this.
  struct Sources {
    const Config& config;
    std::string config_path;
    const Devices& devices;
    const Forwarding& forwarding;
    const ControlPlane& control;
    const LinkMonitor& links;
    const KernelNeighborhood& neighborhood;
    const SliceMeter& slices;
    const ThreadWatch& threads;
  };
  explicit Show(Sources sources);

  [[nodiscard]] VersionView version() const override;
  [[nodiscard]] std::vector<PortView> ports() const override;
  [[nodiscard]] std::vector<OffloadView> offload() const override;
  [[nodiscard]] std::vector<NeighborView> bgp_neighbors() const override;
  [[nodiscard]] RoutePage routes(const RouteQuery& query) const override;
  [[nodiscard]] FibStatusView fib() const override;
  [[nodiscard]] std::vector<LinkLayerView> link_layer_neighbors() const override;
  [[nodiscard]] std::vector<NextHopStatusView> next_hops() const override;
  [[nodiscard]] std::vector<WorkerView> workers(const std::string& reader) const override;
  [[nodiscard]] BfdStatusView bfd() const override;
  [[nodiscard]] std::vector<DropView> drops() const override;
  [[nodiscard]] ControlThreadView control_thread() const override;
  [[nodiscard]] std::vector<ServiceView> services() const override;

 private:
  [[nodiscard]] std::string port_name(PortId port) const;
  [[nodiscard]] std::optional<bgp::PeerId> peer_named(const std::string& name) const;
  [[nodiscard]] RoutePage advertised(const RouteQuery& query, bgp::PeerId peer) const;
  /// Calls `add` for the prefixes of the page that the query asks for, in order.
  void turn_page(RoutePage& page, const RouteQuery& query, const rib::PrefixListing::Of& of,
                 const std::function<void(const IpPrefix&)>& add) const;
  [[nodiscard]] std::vector<std::string> receives(const WorkerConfig& worker) const;
  [[nodiscard]] std::string neighbors_at(PortId port, const MacAddress& mac) const;

  Sources from_;
  TimePoint started_;
  mutable LoadIntervals intervals_;
  mutable RouteListings listings_;
};

}  // namespace lastmile
