// What `show fib`, `show nexthops` and `show neighbors` see.
#include <algorithm>
#include <tuple>

#include "daemon/next_hop_names.h"
#include "daemon/show.h"

namespace lastmile {

FibStatusView Show::fib() const {
  const ForwardingTables& tables = from_.forwarding.tables();
  const rib::RibSummary summary = from_.control.rib().summary();
  const auto family = [&](const FibStats& stats, std::uint64_t max_routes) {
    return FibFamilyView{stats.routes, max_routes, summary.groups, stats.second_level_used,
                         stats.second_level_total};
  };
  FibStatusView view;
  view.ipv4 = family(tables.ipv4.stats(), from_.config.dataplane.max_routes_ipv4);
  view.ipv6 = family(tables.ipv6.stats(), from_.config.dataplane.max_routes_ipv6);
  view.next_hops = summary.next_hops;
  const FibQueueStatus queue = from_.forwarding.client().queue_status();
  view.queue_depth = queue.depth;
  view.queue_applied = queue.applied;
  view.queue_coalesced = queue.coalesced;
  view.failures = from_.forwarding.writer().stats().failures;
  return view;
}

std::vector<LinkLayerView> Show::link_layer_neighbors() const {
  std::vector<LinkLayerView> views;
  for (const auto& neighbor : from_.neighborhood.neighbors()) {
    LinkLayerView view;
    view.port = port_name(neighbor.port);
    view.address = neighbor.entry.address;
    view.mac = neighbor.entry.mac;
    view.state = to_string(neighbor.entry.state);
    const auto router = from_.control.discovery().neighbor(neighbor.port);
    view.router = router && IpAddress{*router} == neighbor.entry.address;
    views.push_back(std::move(view));
  }
  std::ranges::sort(views, [](const LinkLayerView& a, const LinkLayerView& b) {
    return std::tie(a.port, a.address) < std::tie(b.port, b.address);
  });
  return views;
}

std::string Show::neighbors_at(PortId port, const MacAddress& mac) const {
  std::string text;
  for (const auto& neighbor : from_.neighborhood.neighbors()) {
    if (neighbor.port != port || neighbor.entry.mac != mac) continue;
    if (!text.empty()) text += ' ';
    text += to_string(neighbor.entry.address);
  }
  return text;
}

std::vector<NextHopStatusView> Show::next_hops() const {
  const NextHopTable& table = from_.forwarding.tables().next_hops;
  const std::vector<NextHopId> ids = from_.forwarding.client().next_hops();
  const std::size_t counted = ids.empty() ? 0 : std::size_t{ids.back().value()} + 1;
  std::vector<WorkerSnapshot> workers;
  for (const auto& worker : from_.forwarding.workers()) {
    workers.push_back(snapshot(worker->counters(), counted));
  }
  std::vector<NextHopStatusView> views;
  for (const NextHopId id : ids) {
    const NextHop hop = table.load(id);
    NextHopStatusView view;
    view.id = id.value();
    view.kind = name_of(hop.kind());
    if (has_port(hop.kind())) view.port = port_name(hop.port());
    if (hop.kind() == NextHopKind::kForward) {
      view.mac = hop.destination();
      view.addresses = neighbors_at(hop.port(), hop.destination());
    }
    const std::uint8_t causes = table.down_causes(id);
    view.alive = causes == 0;
    view.down = names_of_causes(causes);
    for (const WorkerSnapshot& worker : workers) {
      view.packets += worker.next_hops[id.value()].packets;
      view.bytes += worker.next_hops[id.value()].bytes;
    }
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace lastmile
