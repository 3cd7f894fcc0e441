#include "daemon/show.h"

#include <rte_version.h>

#include <malloc.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <tuple>
#include <utility>

#include "daemon/offload_view.h"
#include "dataplane/net/format.h"
#include "dataplane/worker/counters.h"

namespace lastmile {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

// Without the next hops' counters: nothing here shows them, and there may be 65,536.
std::vector<WorkerSnapshot> snapshots(const Forwarding& forwarding) {
  std::vector<WorkerSnapshot> result;
  for (const auto& worker : forwarding.workers()) result.push_back(snapshot(worker->counters(), 0));
  return result;
}

const char* to_string(NextHopKind kind) {
  switch (kind) {
    case NextHopKind::kForward:
      return "forward";
    case NextHopKind::kUnresolved:
      return "unresolved";
    case NextHopKind::kGlean:
      return "glean";
    case NextHopKind::kLocalHost:
      return "host";
    case NextHopKind::kLocalPort:
      return "twin";
    case NextHopKind::kBlackhole:
      return "blackhole";
    case NextHopKind::kUnreachable:
      return "unreachable";
    case NextHopKind::kBroadcast:
      return "broadcast";
  }
  return "";
}

bool has_port(NextHopKind kind) {
  return kind == NextHopKind::kForward || kind == NextHopKind::kUnresolved ||
         kind == NextHopKind::kGlean || kind == NextHopKind::kLocalPort;
}

constexpr std::array<std::pair<DownCause, const char*>, 3> kDownCauseNames{
    {{DownCause::kLink, "link"}, {DownCause::kBfd, "bfd"}, {DownCause::kRouting, "routing"}}};

const char* origin_name(bgp::Origin origin) {
  switch (origin) {
    case bgp::Origin::kIgp:
      return "igp";
    case bgp::Origin::kEgp:
      return "egp";
    case bgp::Origin::kIncomplete:
      return "incomplete";
  }
  return "";
}

template <class Communities>
std::vector<std::string> names(const Communities& communities) {
  std::vector<std::string> result;
  for (const auto& community : communities) result.push_back(to_string(community));
  return result;
}

void describe(const bgp::PathAttributes& attributes, RouteView& view) {
  view.as_path = to_string(attributes.as_path);
  view.origin = origin_name(attributes.origin);
  view.med = attributes.med;
  view.communities = names(attributes.communities);
  view.large_communities = names(attributes.large_communities);
  if (attributes.aigp) view.aigp = attributes.aigp->metric;
  if (const auto& mark = attributes.only_to_customer) view.only_to_customer = mark->value();
}

// A page's cursor is "FAMILY:INDEX" of the RIB's walk; opaque to everybody else.
std::string cursor_text(const rib::RouteCursor& cursor) {
  if (cursor.done) return "";
  return fmt::format("{}:{}", static_cast<unsigned>(cursor.family), cursor.index);
}

rib::RouteCursor cursor_of(std::string_view text) {
  rib::RouteCursor cursor;
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return cursor;
  unsigned family = 0;
  std::from_chars(text.data(), text.data() + colon, family);
  std::from_chars(text.data() + colon + 1, text.data() + text.size(), cursor.index);
  cursor.family = family == 0 ? bgp::Family::kIpv4Unicast : bgp::Family::kIpv6Unicast;
  return cursor;
}

std::uint32_t prefixes_known(const rib::RibSummary& summary) {
  std::uint32_t sum = 0;
  for (const std::uint32_t count : summary.prefixes) sum += count;
  return sum;
}

const char* name_of(bgp::Family family) {
  return family == bgp::Family::kIpv4Unicast ? "ipv4" : "ipv6";
}

const char* name_of(VlanProtocol protocol) {
  return protocol == VlanProtocol::kService ? "802.1ad" : "802.1q";
}

const char* name_of(LinkWatch watch) {
  switch (watch) {
    case LinkWatch::kNetlink:
      return "netlink";
    case LinkWatch::kInterrupt:
      return "interrupt";
    case LinkWatch::kPoll:
      return "poll";
  }
  return "";
}

std::uint64_t sum(const rib::PathCounts& counts) {
  std::uint64_t total = 0;
  for (const std::uint32_t count : counts) total += count;
  return total;
}

}  // namespace

Show::Show(Sources sources) : from_(std::move(sources)), started_(ControlClock::now()) {}

std::string Show::port_name(PortId port) const {
  return from_.config.ports[port.value()].name;
}

VersionView Show::version() const {
  VersionView view;
  view.version = LASTMILE_VERSION;
  view.dpdk = rte_version();
  view.uptime = duration_cast<seconds>(ControlClock::now() - started_);
  view.router_id = to_string(from_.config.router.id);
  view.asn = from_.config.router.asn.value();
  view.config = from_.config_path;
  return view;
}

std::vector<PortView> Show::ports() const {
  const auto workers = snapshots(from_.forwarding);
  std::vector<PortView> views;
  for (const OpenPort& open : from_.devices.ports()) {
    const PortConfig& config = from_.config.ports[open.id.value()];
    const auto& facts = open.facts();
    PortView view;
    view.name = config.name;
    view.device = from_.config.ports[config.device_port.value()].device;
    view.parent = config.parent;
    view.vlan = config.vlan;
    if (!config.vlan.empty()) view.vlan_protocol = name_of(open.vlan.protocol());
    view.driver = facts.driver;
    view.twin = open.twin->interface_name();
    view.mac = facts.mac;
    view.mtu = config.mtu;
    view.addresses.push_back(to_string(facts.mac.link_local()) + "/64");
    for (const auto& address : config.addresses) {
      view.addresses.push_back(fmt::format("{}/{}", address.address, address.length));
    }
    view.link_up = from_.links.link(open.id) == Link::kUp;
    view.rx_queues = facts.rx_queues;
    view.tx_queues = facts.tx_queues;
    view.link_watch = name_of(from_.links.watch(open.id));
    // Counted once: what the device lost is no VLAN's.
    if (open.owns_device()) {
      const PortStatistics device = open.device->port->statistics();
      view.rx_missed = device.missed;
      view.rx_errors = device.receive_errors;
      view.tx_dropped = device.transmit_errors;
    }
    for (const WorkerSnapshot& worker : workers) {
      const auto& port = worker.ports[open.id.value()];
      view.rx_packets += port.received_packets;
      view.rx_bytes += port.received_bytes;
      view.tx_packets += port.sent_packets;
      view.tx_bytes += port.sent_bytes;
      view.ethertype_repairs += port.ethertype_repairs;
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<OffloadView> Show::offload() const {
  std::vector<OffloadView> views;
  for (const OpenPort& open : from_.devices.ports()) {
    if (!open.owns_device()) continue;
    OffloadView view = offload_view(open.facts(), open.device->offload->report());
    if (view.priority_queue) {
      view.worker = priority_worker(open.id, from_.config.dataplane.workers);
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<NeighborView> Show::bgp_neighbors() const {
  std::vector<NeighborView> views;
  for (const bgp::PeerStatus& status : from_.control.sessions().status(ControlClock::now())) {
    NeighborView view;
    view.name = status.name;
    const auto& neighbors = from_.config.bgp.neighbors;
    const auto configured = std::ranges::find(neighbors, status.name, &BgpNeighborConfig::name);
    if (configured != neighbors.end()) view.description = configured->description;
    if (status.port) view.port = port_name(*status.port);
    view.address = status.address;
    if (status.negotiated) {
      view.remote_asn = status.negotiated->remote_asn;
      view.remote_id = status.negotiated->remote_identifier;
      view.hold_time = status.negotiated->hold_time;
      for (const bgp::Family family : status.negotiated->families) {
        view.families.emplace_back(name_of(family));
      }
    } else if (status.expected_asn.kind == RemoteAsn::Kind::kNumber) {
      view.remote_asn = status.expected_asn.number;
    }
    view.state = to_string(status.state);
    if (status.state == bgp::SessionState::kEstablished) {
      view.uptime = duration_cast<seconds>(status.uptime);
    }
    const rib::PeerCounts counts = from_.control.rib().counts(status.id);
    view.received = sum(counts.received);
    view.accepted = sum(counts.accepted);
    view.advertised = sum(counts.advertised);
    view.messages_received = status.history.received.total();
    view.messages_sent = status.history.sent.total();
    view.established_count = status.history.established;
    view.detail = status.detail;
    view.passive = status.passive;
    // Why the last session ended, whatever attempts there were since: the peer's shutdown message
    // is to be read for longer than a second. A connection that lost against another one before the
    // session came up is no error to show.
    if (status.history.dropped != 0) {
      view.last_error = status.history.last_down;
    } else if (status.state != bgp::SessionState::kEstablished) {
      view.last_error = status.history.last_error;
    }
    view.treat_as_withdraw = status.history.treat_as_withdraw;
    view.attribute_discard = status.history.attribute_discard;
    view.last_fault = status.history.last_fault;
    view.restarting = status.restarting;
    view.long_lived = status.last_choice;
    view.stale = sum(counts.stale);
    view.awaited = from_.control.rib().awaits(status.id);
    const auto& announced = status.announced.graceful_restart;
    if (announced && !announced->families.empty()) {
      LocalRestartView& local = view.local_restart.emplace();
      local.restart_time = seconds{announced->restart_time_s};
      local.restarted = announced->restarted;
      for (const auto& kept : announced->families) {
        if (kept.forwarding) local.forwarding.emplace_back(name_of(kept.family));
      }
    }
    if (status.negotiated && status.negotiated->graceful_restart) {
      const bgp::GracefulRestart& agreed = *status.negotiated->graceful_restart;
      GracefulRestartView& restart = view.graceful_restart.emplace();
      restart.restart_time = seconds{agreed.restart_time_s};
      restart.notifications = agreed.notifications;
      for (const auto& kept : agreed.families) {
        restart.families.emplace_back(name_of(kept.family));
      }
    }
    const auto& settings = from_.control.sessions().settings(status.id);
    if (settings.role) view.role = bgp::facts(*settings.role).name;
    if (!status.received.roles.empty()) {
      view.remote_role = bgp::role_name(status.received.roles.front());
    }
    views.push_back(std::move(view));
  }
  return views;
}

RouteView Show::view(const rib::RouteView& route) const {
  RouteView view;
  view.prefix = route.prefix;
  view.source = to_string(route.source);
  view.neighbor = route.peer_name;
  view.best = route.best;
  view.multipath = route.multipath;
  view.backup = route.backup;
  view.stale = route.stale;
  view.reason = route.why;
  view.refusal = route.refusal;
  view.installed = route.installed;
  view.forwarding = route.forwarding;
  view.fib_error = route.fib_error;
  for (const bgp::PeerId peer : route.advertised_to) {
    view.advertised_to.push_back(from_.control.sessions().settings(peer).name);
  }
  for (const rib::NextHopView& hop : route.next_hops) {
    NextHopView next_hop;
    if (hop.port) next_hop.port = port_name(*hop.port);
    next_hop.address = hop.address;
    next_hop.weight = hop.weight;
    next_hop.alive = hop.alive;
    next_hop.mac = hop.mac;
    view.next_hops.push_back(std::move(next_hop));
  }
  if (route.source == rib::SourceKind::kBgp) {
    describe(route.attributes, view);
    view.local_preference = route.local_preference;
    if (route.link_bandwidth > 0) view.link_bandwidth = route.link_bandwidth;
  }
  view.age = duration_cast<seconds>(route.age);
  return view;
}

RouteView Show::view(const rib::AdvertisedView& route) const {
  RouteView view;
  view.prefix = route.prefix;
  view.source = to_string(route.source);
  view.neighbor = route.peer_name;
  NextHopView next_hop;
  next_hop.alive = true;
  const bgp::NextHop& as_announced = route.next_hop;
  if (as_announced.v4) next_hop.address = *as_announced.v4;
  if (as_announced.link_local) next_hop.address = *as_announced.link_local;
  if (as_announced.global) next_hop.address = *as_announced.global;
  view.next_hops.push_back(std::move(next_hop));
  describe(route.attributes, view);
  view.local_preference = route.attributes.local_preference;
  view.path_id = route.path_id;
  return view;
}

std::optional<bgp::PeerId> Show::peer_named(const std::string& name) const {
  for (const bgp::PeerStatus& status : from_.control.sessions().status(ControlClock::now())) {
    if (status.name == name) return status.id;
  }
  return std::nullopt;
}

RoutePage Show::advertised(const RouteQuery& query, bgp::PeerId peer) const {
  const rib::Rib& rib = from_.control.rib();
  RoutePage page;
  rib::RouteQuery asked;
  if (const auto* prefix = std::get_if<IpPrefix>(&query.what)) asked.prefix = *prefix;
  if (const auto* address = std::get_if<IpAddress>(&query.what)) asked.address = *address;
  if (asked.prefix || asked.address) {
    for (const auto& route : rib.advertised(peer, asked)) page.routes.push_back(view(route));
    return page;
  }
  rib::RouteCursor cursor = cursor_of(query.cursor);
  rib.walk_advertised(cursor, query.limit, peer, [&](const rib::AdvertisedView& route) {
    page.routes.push_back(view(route));
  });
  page.next = cursor_text(cursor);
  if (query.cursor.empty() && page.next.empty()) {
    std::ranges::sort(page.routes, [](const RouteView& a, const RouteView& b) {
      return std::tie(a.prefix, a.path_id) < std::tie(b.prefix, b.path_id);
    });
  }
  return page;
}

RoutePage Show::routes(const RouteQuery& query) const {
  const rib::Rib& rib = from_.control.rib();
  const TimePoint now = ControlClock::now();
  RoutePage page;
  rib::PathFilter filter;
  if (query.side != RouteQuery::Side::kAll) {
    filter.peer = peer_named(query.neighbor);
    if (!filter.peer) return page;
    if (query.side == RouteQuery::Side::kAdvertised) return advertised(query, *filter.peer);
    if (query.side == RouteQuery::Side::kAccepted) filter.paths = rib::PathFilter::Paths::kAccepted;
  }
  // The best path shows the whole set that packets are spread over: its own next hops and those of
  // the paths used beside it, which come right behind it. One neighbor's paths stand for
  // themselves.
  std::size_t best = 0;
  const auto add = [&](const rib::RouteView& route) {
    page.routes.push_back(view(route));
    const RouteView& added = page.routes.back();
    if (added.best) best = page.routes.size() - 1;
    if (filter.peer || added.best || !added.multipath) return;
    if (page.routes[best].prefix != added.prefix) return;
    auto& hops = page.routes[best].next_hops;
    hops.insert(hops.end(), added.next_hops.begin(), added.next_hops.end());
  };

  rib::RouteQuery asked;
  asked.peer = filter.peer;
  asked.paths = filter.paths;
  if (const auto* prefix = std::get_if<IpPrefix>(&query.what)) asked.prefix = *prefix;
  if (const auto* address = std::get_if<IpAddress>(&query.what)) asked.address = *address;
  const bool all = std::holds_alternative<std::monostate>(query.what);
  // A table that fits on a page comes sorted; a larger one in its own order, page by page.
  if (!all || (query.cursor.empty() && prefixes_known(rib.summary()) <= query.limit)) {
    for (const rib::RouteView& route : rib.routes(asked, now)) add(route);
    return page;
  }
  rib::RouteCursor cursor = cursor_of(query.cursor);
  rib.walk(cursor, query.limit, filter, now, add);
  page.next = cursor_text(cursor);
  return page;
}

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
    view.kind = to_string(hop.kind());
    if (has_port(hop.kind())) view.port = port_name(hop.port());
    if (hop.kind() == NextHopKind::kForward) {
      view.mac = hop.destination();
      view.addresses = neighbors_at(hop.port(), hop.destination());
    }
    const std::uint8_t causes = table.down_causes(id);
    view.alive = causes == 0;
    for (const auto& [cause, name] : kDownCauseNames) {
      if ((causes & static_cast<std::uint8_t>(cause)) != 0) view.down.emplace_back(name);
    }
    for (const WorkerSnapshot& worker : workers) {
      view.packets += worker.next_hops[id.value()].packets;
      view.bytes += worker.next_hops[id.value()].bytes;
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<std::string> Show::receives(const WorkerConfig& worker) const {
  std::vector<std::string> queues;
  for (const WorkerPort& port : worker.ports) {
    for (const std::uint16_t queue : port.receive_queues) {
      queues.push_back(fmt::format("{}/{}", port_name(port.id), queue));
    }
  }
  for (const std::uint16_t queue : worker.host.receive_queues) {
    queues.push_back(fmt::format("host/{}", queue));
  }
  return queues;
}

std::vector<WorkerView> Show::workers(const std::string& reader) const {
  const std::vector<WorkerSnapshot> now = snapshots(from_.forwarding);
  const std::vector<WorkerSnapshot> load = intervals_.since_last(reader, now, ControlClock::now());
  std::vector<WorkerView> views;
  for (unsigned id = 0; id < now.size(); ++id) {
    const WorkerSnapshot& worker = now[id];
    const WorkerSnapshot& recent = load[id];
    const WorkerConfig& config = from_.forwarding.workers()[id]->config();
    WorkerView view;
    view.id = id;
    view.cpu = config.cpu;
    view.rx_packets = worker.packets;
    for (const auto& port : worker.ports) view.tx_packets += port.sent_packets;
    view.tx_packets += worker.host.sent_packets;
    for (const std::uint64_t count : worker.punts) view.punted += count;
    for (std::size_t i = 0; i < kPuntClassCount; ++i) {
      const PuntClassFacts& facts = kPuntClasses[i];
      view.punts.push_back(
          {std::string{facts.name}, worker.punts[i], worker.drops_for(facts.policed)});
    }
    view.icmp_errors = worker.icmp_errors;
    view.icmp_errors_limited = worker.icmp_errors_limited;
    view.cycles_per_packet = recent.cycles_per_packet();
    view.packets_per_vector = recent.vectors == 0 ? 0
                                                  : static_cast<double>(recent.packets) /
                                                        static_cast<double>(recent.vectors);
    view.idle_share = recent.idle_share();
    view.stuck = from_.threads.is_stuck(id);
    for (std::size_t i = 0; i < kStageCount; ++i) {
      view.stages.push_back({std::string{kStageNames[i]}, recent.stages[i].cycles_per_packet()});
    }
    view.receives = receives(config);
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      if (worker.drops[i] == 0) continue;
      const DropReasonFacts& facts = kDropReasons[i];
      view.drops.push_back({std::string{facts.name}, std::string{facts.text}, worker.drops[i]});
    }
    views.push_back(std::move(view));
  }
  return views;
}

std::vector<DropView> Show::drops() const {
  std::vector<DropView> views;
  const auto workers = snapshots(from_.forwarding);
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    const DropReasonFacts& facts = kDropReasons[i];
    DropView view{std::string{facts.name}, std::string{facts.text}, 0};
    for (const WorkerSnapshot& worker : workers) view.packets += worker.drops[i];
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace lastmile
