// What `lastmile trace` sees: the workers' own answer, and the routes behind it.
//
//   FlowTracer (dataplane/trace): group, bucket, next hop, frame, drop reason
//   Rib: prefix, path, AS path, weights, neighbors' addresses     ──> TraceView
//   Config, Devices: names
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/config/config.h"
#include "controlplane/control/trace_view.h"
#include "controlplane/control_plane.h"
#include "controlplane/rib/show.h"
#include "daemon/devices.h"
#include "daemon/forwarding.h"
#include "dataplane/trace/flow_tracer.h"

namespace lastmile {

/// Control thread only. It changes nothing and disturbs no worker.
class FlowTracing {
 public:
  /// All outlive this.
  struct Sources {
    const Config& config;
    const Devices& devices;
    Forwarding& forwarding;
    const ControlPlane& control;
  };
  /// Takes the place of a reader that Forwarding keeps for it. Throws std::bad_alloc.
  explicit FlowTracing(const Sources& sources);

  /// The error is one line: no such port, or no address of our own to trace from.
  [[nodiscard]] tl::expected<TraceView, std::string> trace(TraceRequest request);

 private:
  [[nodiscard]] tl::expected<std::optional<PortId>, std::string> ingress_named(
      const std::string& name) const;
  [[nodiscard]] std::optional<IpAddress> own_address_for(const IpAddress& destination) const;
  void add_ingress(TraceView& view, std::optional<PortId> ingress) const;
  void add_end(TraceView& view, const FlowTrace& trace) const;
  /// `paths`: of the destination's longest match, best first.
  void add_path(TraceView& view, const TracedChoice& choice,
                const std::vector<rib::RouteView>& paths) const;
  [[nodiscard]] TraceGroupView group_view(const TracedChoice& choice,
                                          const std::vector<rib::RouteView>& paths) const;
  [[nodiscard]] TraceMemberView member_view(const TracedHop& hop, const TracedChoice& choice) const;

  Sources from_;
  FlowTracer tracer_;
};

}  // namespace lastmile
