#include "controlplane/rib/rib.h"

#include <algorithm>
#include <cassert>
#include <chrono>

#include "controlplane/rib/rib_state.h"
#include "dataplane/net/format.h"

namespace lastmile::rib {
namespace {

std::uint32_t whole_seconds(TimePoint at) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
}

bool is_link_local(const Ipv4Address&) {
  return false;  // 169.254.0.0/16 numbers links like any other subnet
}
bool is_link_local(const Ipv6Address& address) {
  return address.is_link_local();
}

DecisionOptions decision_options(const Config& config) {
  DecisionOptions options;
  options.max_paths = std::clamp(config.bgp.max_paths, 1U, kMaxGroupMembers);
  options.multipath_relax = config.bgp.multipath_relax;
  return options;
}

}  // namespace

Rib::State::State(const Config& configuration, ForwardingPlane& plane, bgp::PeerOutput& output,
                  Neighborhood& neighborhood, Timers& timers)
    : own(configuration),
      asn(configuration.router.asn),
      identifier(configuration.router.id),
      core(configuration.router.mode, decision_options(configuration), plane, neighborhood, timers),
      ipv4(core),
      ipv6(core),
      exporter(core, configuration.router.asn, output) {
  const auto source = [&](SourceKind kind) {
    Source s;
    s.kind = kind;
    return core.sources.add(s);
  };
  local = source(SourceKind::kLocal);
  connected = source(SourceKind::kConnected);
  statics = source(SourceKind::kStatic);
  no_attributes = core.attributes.intern({});
  for (const BgpNeighborConfig& neighbor : configuration.bgp.neighbors) {
    Peer p;
    p.name = neighbor.name;
    p.allow_own_as = neighbor.allow_own_as;
    peers.push_back(std::move(p));
  }
  add_local_routes(configuration);
}

// --- the configuration's routes ----------------------------------------------------------------

void Rib::State::add_route(const IpPrefix& prefix, SourceId source, Announced announced,
                           std::span<const TargetTable::Wish> wishes) {
  Path path;
  path.source = source;
  path.attributes = no_attributes;
  path.announced = announced;
  const auto target = core.targets.acquire(wishes);
  if (target) {
    path.target = *target;
  } else {
    path.refusal = Refusal::kTooManyNextHops;
  }
  std::visit([&]<class Address>(const Prefix<Address>& p) { rib<Address>().set_path(p, path); },
             prefix);
  core.targets.release(path.target);
}

void Rib::State::add_local_routes(const Config& config) {
  const auto one = [](NextHopKind kind, PortId port) {
    HopKey key;
    key.kind = kind;
    key.port = port;
    return std::vector<TargetTable::Wish>{{key, 1}};
  };
  const auto to_host = one(NextHopKind::kLocalHost, PortId{});
  for (const IpPrefix& loopback : config.loopbacks) {
    add_route(loopback, local, Announced::kYes, to_host);
  }
  for (const ServiceConfig& service : config.services) {
    add_route(service.address, local, Announced::kYes, to_host);
  }
  for (const PortConfig& port : config.ports) {
    for (const PortConfig::InterfaceAddress& own_address : port.addresses) {
      add_route(host_prefix(own_address.address), local, Announced::kNo,
                one(NextHopKind::kLocalPort, port.id));
      std::visit(
          [&]<class Address>(const Address& address) {
            // Every link has the link-local prefix: a route for it would lead to one of them.
            if (own_address.length < Address::kBits && !is_link_local(address)) {
              add_route(Prefix<Address>(address, own_address.length), connected, Announced::kNo,
                        one(NextHopKind::kGlean, port.id));
            }
          },
          own_address.address);
    }
  }
  for (const StaticRouteConfig& route : config.routes) {
    std::vector<TargetTable::Wish> wishes;
    for (const StaticRouteConfig::Via& via : route.via) {
      HopKey key;
      key.kind = NextHopKind::kForward;
      key.port = via.port;
      key.address = via.address;
      wishes.push_back({key, via.weight});
    }
    if (wishes.empty()) wishes = one(NextHopKind::kBlackhole, PortId{});
    add_route(route.prefix, statics, Announced::kNo, wishes);
  }
}

/// A neighbor with a link-layer address in one of our subnets gets a route of its own, so that its
/// packets no longer go by the glean route.
void Rib::State::neighbor_route(PortId port, const IpAddress& address, bool present) {
  if (own.connected_port(address) != port || own.is_ours(address)) return;
  const IpPrefix prefix = host_prefix(address);
  if (!present) {
    std::visit(
        [&]<class Address>(const Prefix<Address>& p) { rib<Address>().remove_path(p, connected); },
        prefix);
    return;
  }
  HopKey key;
  key.kind = NextHopKind::kForward;
  key.port = port;
  key.address = address;
  const TargetTable::Wish wish{key, 1};
  add_route(prefix, connected, Announced::kNo, std::span(&wish, 1));
}

// --- peers -------------------------------------------------------------------------------------

Rib::State::Peer& Rib::State::peer(bgp::PeerId id) {
  if (id.value() >= peers.size()) peers.resize(std::size_t{id.value()} + 1);
  return peers[id.value()];
}

const Source* Rib::State::source_of(bgp::PeerId id) const {
  if (id.value() >= peers.size() || !peers[id.value()].source) return nullptr;
  return &core.sources[*peers[id.value()].source];
}

void Rib::on_established(bgp::PeerId id, const bgp::Negotiated& negotiated, TimePoint now) {
  State::Peer& peer = state_->peer(id);
  if (peer.source) on_down(id, "replaced by a new session", now);

  Source source;
  source.kind = SourceKind::kBgp;
  source.peer = id;
  source.incarnation = Incarnation{++state_->incarnations};
  source.external = negotiated.external;
  source.asn = negotiated.remote_asn;
  source.identifier = negotiated.remote_identifier;
  source.address = negotiated.remote.address;
  peer.source = state_->core.sources.add(source);
  if (peer.name.empty()) peer.name = to_string(negotiated.remote.address);

  peer.import.mode = state_->core.mode;
  peer.import.own_asn = state_->asn;
  peer.import.own_identifier = state_->identifier;
  peer.import.allow_own_as = peer.allow_own_as;
  peer.import.external = negotiated.external;
  peer.import.peer_asn = negotiated.remote_asn;
  peer.import.peer = negotiated.remote;
  peer.import.own_next_hop = negotiated.local_next_hop;
  state_->exporter.peer_up(id, negotiated, state_->ribs());
}

template <class Address>
void Rib::State::withdraw(const Peer& from, const std::vector<bgp::Nlri<Address>>& nlri) {
  for (const bgp::Nlri<Address>& route : nlri)
    rib<Address>().remove_path(route.prefix, *from.source);
}

template <class Address>
void Rib::State::announce(const Peer& from, const std::vector<bgp::Nlri<Address>>& nlri,
                          Path path) {
  FamilyRib<Address>& family = rib<Address>();
  constexpr std::size_t kAhead = 8;  // index slots asked of memory before they are needed
  const Refusal refusal = path.refusal;
  const TargetId target = path.target;
  for (std::size_t i = 0; i < nlri.size(); ++i) {
    if (i + kAhead < nlri.size()) family.prefetch(nlri[i + kAhead].prefix);
    path.refusal =
        refusal != Refusal::kNone ? refusal : check_prefix(nlri[i].prefix, from.import, own);
    path.target = path.refusal == Refusal::kNone ? target : kNoTarget;
    family.set_path(nlri[i].prefix, path);
  }
}

void Rib::State::reach(const Peer& from, const bgp::Update::Reach& reach, AttributeId attributes,
                       Refusal refusal, TimePoint now) {
  Path path;
  path.source = *from.source;
  path.attributes = attributes;
  path.received_s = whole_seconds(now);
  path.refusal = refusal;
  if (refusal == Refusal::kNone) {
    auto hop = resolve_next_hop(reach.next_hop, from.import, own);
    if (hop) {
      hop->session = core.sources[*from.source].incarnation;
      const TargetTable::Wish wish{*hop, 1};
      const auto target = core.targets.acquire(std::span(&wish, 1));
      if (target) {
        path.target = *target;
      } else {
        path.refusal = Refusal::kTooManyNextHops;
      }
    } else {
      path.refusal = hop.error();
    }
  }
  std::visit([&](const auto& nlri) { announce(from, nlri, path); }, reach.nlri);
  core.targets.release(path.target);
}

void Rib::on_update(bgp::PeerId id, bgp::Update& update, TimePoint now) {
  State& s = *state_;
  const State::Peer& peer = s.peer(id);
  if (!peer.source) return;
  for (const bgp::Update::Unreach& unreach : update.unreach) {
    std::visit([&](const auto& nlri) { s.withdraw(peer, nlri); }, unreach.nlri);
  }
  if (update.reach.empty()) return;
  const Refusal refusal = check_attributes(update.attributes, peer.import);
  const AttributeId attributes = s.core.attributes.intern(update.attributes);
  for (const bgp::Update::Reach& reach : update.reach) {
    s.reach(peer, reach, attributes, refusal, now);
  }
  s.core.attributes.release(attributes);
}

void Rib::on_route_refresh(bgp::PeerId peer, const bgp::RouteRefresh& refresh, TimePoint /*now*/) {
  constexpr std::uint8_t kRequest = 0;  // RFC 7313 section 3.2: 1 and 2 mark begin and end
  if (refresh.subtype == kRequest) state_->exporter.refresh(peer, refresh.family);
}

void Rib::on_down(bgp::PeerId id, const std::string& /*reason*/, TimePoint /*now*/) {
  State& s = *state_;
  State::Peer& peer = s.peer(id);
  if (!peer.source) return;
  s.exporter.peer_down(id);
  Source& source = s.core.sources[*peer.source];
  source.state = SourceState::kDeparting;
  // Packets move to other next hops now, with one store for each; the tables are cleaned after.
  s.core.hops.session_ended(source.incarnation);
  s.departing.push_back(*peer.source);
  peer.source.reset();
  s.finish_departures();
}

void Rib::on_writable(bgp::PeerId /*peer*/, TimePoint /*now*/) {
  // has_work() asks the output itself; the event only wakes the loop.
}

// --- events ------------------------------------------------------------------------------------

void Rib::on_link_changed(const LinkChanged& event) {
  state_->core.hops.link_changed(event.port, event.state);
  state_->core.plane.poll();
}

void Rib::on_link_layer_neighbor(const LinkLayerNeighborChanged& event, TimePoint /*now*/) {
  state_->core.hops.link_layer_changed(event);
  // A neighbor that the kernel forgot keeps its route until it is clear that nobody answers.
  if (event.mac) state_->neighbor_route(event.port, event.address, true);
  state_->core.plane.poll();
}

void Rib::on_neighbor_discovered(PortId port, const std::optional<IpAddress>& address) {
  state_->core.hops.neighbor_discovered(port, address);
  state_->core.plane.poll();
}

void Rib::on_resolution_wanted(const ResolutionWanted& event) {
  state_->core.hops.resolution_wanted(event);
}

void Rib::on_fib_progressed() {
  state_->take_answers();
}

void Rib::on_timer(const TimerExpired& event, TimePoint /*now*/) {
  if (event.timer.kind != TimerKind::kResolve) return;
  const auto silent =
      state_->core.hops.resolve_again(NextHopId{static_cast<std::uint16_t>(event.timer.owner)});
  if (silent) state_->neighbor_route(silent->port, silent->address, false);
  state_->core.plane.poll();
}

bool Rib::set_announced(const IpPrefix& prefix, Announced announced) {
  return std::visit(
      [&]<class Address>(const Prefix<Address>& p) {
        return state_->rib<Address>().set_announced(p, state_->local, announced);
      },
      prefix);
}

// --- work --------------------------------------------------------------------------------------

void Rib::State::take_answers() {
  // Read before the failures are: what fails after this is not confirmed by it.
  const FibSequence applied = core.plane.applied();
  core.plane.poll();
  for (const FibFailure& failure : core.plane.take_failures()) {
    std::visit([&]<class Address>(
                   const Prefix<Address>& p) { rib<Address>().on_failure(p, failure.error); },
               failure.prefix);
  }
  ipv4.on_applied(applied);
  ipv6.on_applied(applied);
  if (ipv4.failures() + ipv6.failures() == 0) core.retry_credit = 0;
  ipv4.retry_failed();
  ipv6.retry_failed();
}

/// Frees the sources of ended sessions that have no path left.
void Rib::State::finish_departures() {
  std::erase_if(departing, [&](SourceId id) {
    if (core.sources[id].held != 0) return false;
    core.sources.free(id);
    return true;
  });
  if (departing.empty()) sweeping = false;
}

std::size_t Rib::State::sweep(std::size_t limit) {
  std::size_t done = 0;
  while (!departing.empty() && done < limit) {
    if (!sweeping) {
      sweeping = true;
      sweep_family = bgp::Family::kIpv4Unicast;
      sweep_cursor = 0;
    }
    const std::size_t before = done;
    for_family(sweep_family,
               [&](auto& family) { done += family.sweep(sweep_cursor, limit - done); });
    finish_departures();
    if (done != before) continue;
    if (sweep_family == bgp::Family::kIpv4Unicast) {
      sweep_family = bgp::Family::kIpv6Unicast;
      sweep_cursor = 0;
    } else {
      sweeping = false;  // a session that ended behind the cursor: once more from the start
    }
  }
  return done;
}

bool Rib::work(std::size_t routes, TimePoint /*now*/) {
  State& s = *state_;
  // A sweep goes on even while a full table comes in from elsewhere.
  const std::size_t for_decisions = s.departing.empty() ? routes : routes - routes / 4;
  std::size_t done = s.ipv4.decide_dirty(for_decisions);
  done += s.ipv6.decide_dirty(for_decisions - done);
  if (done < routes) done += s.sweep(routes - done);
  // Announcements have a budget of their own: they must not wait for the end of a full table.
  s.exporter.work(s.ribs(), routes);
  s.take_answers();
  return has_work();
}

bool Rib::has_work() const {
  State& s = *state_;
  return s.ipv4.undecided() + s.ipv6.undecided() != 0 || !s.departing.empty() ||
         s.exporter.has_work(s.ribs());
}

Rib::Rib(const Config& config, ForwardingPlane& plane, bgp::PeerOutput& output,
         Neighborhood& neighborhood, Timers& timers)
    : state_(std::make_unique<State>(config, plane, output, neighborhood, timers)) {}

Rib::~Rib() = default;

}  // namespace lastmile::rib
