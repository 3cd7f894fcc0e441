#include "controlplane/rib/rib.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <iterator>
#include <utility>

#include "controlplane/bgp/wire/notification.h"
#include "controlplane/rib/rib_state.h"
#include "dataplane/net/format.h"
#include "logging/log.h"

namespace lastmile::rib {
namespace {

std::uint32_t whole_seconds(TimePoint at) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
}

constexpr std::array kFamilies{bgp::Family::kIpv4Unicast, bgp::Family::kIpv6Unicast};

constexpr TimerKey stale_timer(bgp::PeerId peer) {
  return {TimerKind::kStaleRoutes, peer.value()};
}

DecisionOptions decision_options(const Config& config) {
  DecisionOptions options;
  options.max_paths = std::clamp(config.bgp.max_paths, 1U, kMaxGroupMembers);
  options.multipath_relax = config.bgp.multipath_relax;
  options.link_bandwidth =
      config.bgp.use_link_bandwidth ? LinkBandwidth::kWeight : LinkBandwidth::kIgnore;
  return options;
}

/// The addresses that stand for all hosts of a subnet: all ones, and all zeros as 4.2BSD had it
/// (RFC 1812 section 5.3.5). None where both are hosts (RFC 3021), and none in IPv6.
std::vector<IpPrefix> broadcasts_of(const IpPrefix& subnet) {
  const auto* const prefix = std::get_if<Ipv4Prefix>(&subnet);
  if (prefix == nullptr || prefix->length() > 30) return {};
  const std::uint32_t first = prefix->address().value();
  const std::uint32_t hosts = 0xffffffffU >> prefix->length();
  return {host_prefix(Ipv4Address{first}), host_prefix(Ipv4Address{first | hosts})};
}

}  // namespace

std::vector<Rib::State::PeerConfig> Rib::State::peer_configs(const Config& config) {
  std::map<std::string, std::shared_ptr<const policy::Policy>> policies;
  for (const policy::Rules& rules : config.policies) {
    policies.emplace(rules.name, std::make_shared<const policy::Policy>(rules));
  }
  const auto named = [&](const std::string& name) {
    const auto found = policies.find(name);
    return found == policies.end() ? nullptr : found->second;
  };
  std::vector<PeerConfig> peers;
  for (const BgpNeighborConfig& neighbor : config.bgp.neighbors) {
    PeerConfig peer;
    peer.name = neighbor.name;
    peer.allow_own_as = neighbor.allow_own_as;
    peer.enforce_first_as = neighbor.enforce_first_as;
    peer.local_as = neighbor.local_as;
    peer.max_prefixes = neighbor.max_prefixes;
    peer.stale_time = neighbor.graceful_restart.stale_time;
    peer.awaited = !neighbor.listen && !neighbor.shutdown &&
                   neighbor.graceful_restart.mode != GracefulRestartConfig::Mode::kOff;
    peer.import = named(neighbor.import_policy);
    peer.exported = {neighbor.local_as,          neighbor.as_override,
                     neighbor.remove_private_as, neighbor.graceful_shutdown,
                     neighbor.add_path_limit,    named(neighbor.export_policy)};
    peers.push_back(std::move(peer));
  }
  return peers;
}

const Rib::State::PeerConfig& Rib::State::config_of(const Peer& peer) const {
  static const PeerConfig kUnknown;
  const std::size_t number = peer.configured_as.value();
  return number < configured.size() ? configured[number] : kUnknown;
}

Rib::State::State(const Config& configuration, ForwardingPlane& plane, bgp::PeerOutput& output,
                  Neighborhood& neighborhood, Timers& timer_queue)
    : own(configuration),
      asn(configuration.router.asn),
      identifier(configuration.router.id),
      core(configuration.router.mode, decision_options(configuration), plane, neighborhood,
           timer_queue),
      ipv4(core),
      ipv6(core),
      exporter({core, configuration.router.asn, output, timer_queue}, ipv4, ipv6),
      reject_as_sets(configuration.bgp.reject_as_sets),
      sessions(output),
      timers(timer_queue) {
  const auto source = [&](SourceKind kind) {
    Source s;
    s.kind = kind;
    return core.sources.add(s);
  };
  local = source(SourceKind::kLocal);
  connected = source(SourceKind::kConnected);
  statics = source(SourceKind::kStatic);
  aggregates = source(SourceKind::kAggregate);
  defaults = source(SourceKind::kDefault);
  no_attributes = core.attributes.intern({});
  configured = peer_configs(configuration);
  memory_guard = 2 * (std::uint64_t{configuration.dataplane.max_routes_ipv4} +
                      configuration.dataplane.max_routes_ipv6);
  add_local_routes(configuration);
  configure_generated(configuration);
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
  // In transit mode the export policies decide; a host announces what is its own and nothing else.
  redistributed = config.router.mode == RouterMode::kHost ? Announced::kNo : Announced::kYes;
  for (const IpPrefix& loopback : config.loopbacks) {
    add_route(loopback, local, Announced::kYes, to_host);
  }
  for (const ServiceConfig& service : config.services) {
    add_route(service.address, local, Announced::kYes, to_host);
  }
  for (const PortConfig& port : config.ports) {
    for (const PortConfig::InterfaceAddress& own_address : port.addresses) {
      const IpPrefix whole = host_prefix(own_address.address);
      add_route(whole, local, Announced::kNo, one(NextHopKind::kLocalPort, port.id));
      // Every link has the link-local prefix: a route for it would lead to one of them.
      if (own_address.length < length_of(whole) && !is_ipv6_link_local(own_address.address)) {
        add_route(own_address.subnet(), connected, redistributed,
                  one(NextHopKind::kGlean, port.id));
        for (const IpPrefix& broadcast : broadcasts_of(own_address.subnet())) {
          if (broadcast == whole) continue;
          add_route(broadcast, connected, Announced::kNo, one(NextHopKind::kBroadcast, port.id));
        }
      }
    }
  }
  for (const StaticRouteConfig& route : config.routes) add_static_route(route);
  static_routes = config.routes;
}

void Rib::State::add_static_route(const StaticRouteConfig& route) {
  std::vector<TargetTable::Wish> wishes;
  for (const StaticRouteConfig::Via& via : route.via) {
    HopKey key;
    key.kind = NextHopKind::kForward;
    key.port = via.port;
    key.address = via.address;
    key.watch = via.bfd ? Watch::kBfd : Watch::kNo;
    wishes.push_back({key, via.weight});
  }
  if (wishes.empty()) {
    HopKey key;
    key.kind = NextHopKind::kBlackhole;
    wishes.push_back({key, 1});
  }
  if (!has_path(route)) return refuse_static_route(route.prefix);
  add_route(route.prefix, statics, announced(route), wishes);
  if (!route.announce) return;
  std::visit(
      [&]<class Address>(const Prefix<Address>& p) { rib<Address>().remove_path(p, connected); },
      route.prefix);
}

/// A guest's route stays when its port's link goes down, for its packets must not take a default
/// route; but neighbors are to send them elsewhere.
Announced Rib::State::announced(const StaticRouteConfig& route) const {
  if (!route.announce) return redistributed;
  const bool up = std::ranges::any_of(
      route.via, [&](const auto& via) { return core.hops.is_link_up(via.port); });
  return up ? Announced::kYes : Announced::kNo;
}

/// One way is enough: hops whose path is down are dead members of the group until it is up again.
bool Rib::State::has_path(const StaticRouteConfig& route) const {
  return route.via.empty() || std::ranges::any_of(route.via, [&](const auto& via) {
           return !via.bfd || core.hops.is_path_up(via.port, via.address);
         });
}

void Rib::State::refuse_static_route(const IpPrefix& prefix) {
  Path path;
  path.source = statics;
  path.attributes = no_attributes;
  path.refusal = Refusal::kPathDown;
  std::visit([&]<class Address>(const Prefix<Address>& p) { rib<Address>().set_path(p, path); },
             prefix);
}

/// A neighbor with a link-layer address in one of our subnets gets a route of its own, so that its
/// packets no longer go by the glean route. A guest has one already, which is announced.
void Rib::State::neighbor_route(PortId port, const IpAddress& address, bool present) {
  if (own.connected_port(address) != port || own.is_ours(address)) return;
  const IpPrefix prefix = host_prefix(address);
  const bool is_guest = std::ranges::any_of(static_routes, [&](const StaticRouteConfig& route) {
    return route.announce && route.prefix == prefix;
  });
  if (is_guest) return;
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

/// What the configuration says of a peer whose session is up.
void Rib::State::take_settings(Peer& peer) const {
  const PeerConfig& config = config_of(peer);
  peer.import.allow_own_as = config.allow_own_as;
  peer.import.enforce_first_as = config.enforce_first_as;
  peer.import.reject_as_sets = reject_as_sets;
  peer.import.has_policy = config.import != nullptr;
  peer.changes.prepend = config.local_as.no_prepend ? std::nullopt : config.local_as.asn;
}

void Rib::on_established(bgp::PeerId id, const bgp::Negotiated& negotiated, TimePoint now) {
  State::Peer& peer = state_->peer(id);
  if (peer.up()) on_down(id, "replaced by a new session", now);

  peer.incarnation = state_->take_over_stale(id, negotiated);
  peer.restart = negotiated.graceful_restart;
  peer.long_lived = negotiated.long_lived;
  for (const bgp::Family family : kFamilies) {
    peer.path_ids(family) = negotiated.codec.path_ids_of(family);
  }
  // Numbers of paths that are kept from the last session stay theirs.
  if (negotiated.codec.path_ids.empty()) {
    peer.path_numbers.reset();
  } else if (!peer.path_numbers || !peer.has_stale()) {
    peer.path_numbers = std::make_shared<PathNumberTables>();
  }
  Source source;
  source.kind = SourceKind::kBgp;
  source.peer = id;
  source.incarnation = peer.incarnation;
  source.external = negotiated.external;
  source.asn = negotiated.remote_asn;
  source.identifier = negotiated.remote_identifier;
  source.address = negotiated.remote.address;
  peer.configured_as = negotiated.configured_as;
  const State::PeerConfig& config = state_->config_of(peer);
  const bool dynamic = peer.configured_as != id || config.name.empty();
  peer.name = dynamic ? to_string(negotiated.remote.address) : config.name;
  source.name = peer.name;
  source.path_numbers = peer.path_numbers;
  for (const bgp::Family family : kFamilies) {
    source.family = family;
    peer.sources[static_cast<std::size_t>(family)] = state_->core.sources.add(source);
  }
  peer.near_limit_said = peer.too_many_paths_said = false;

  peer.import.mode = state_->core.mode;
  peer.import.own_asn = state_->asn;
  peer.import.own_identifier = state_->identifier;
  peer.import.session_asn = negotiated.local_asn.value() != 0 ? negotiated.local_asn : state_->asn;
  peer.import.external = negotiated.external;
  peer.import.peer_asn = negotiated.remote_asn;
  peer.import.peer = negotiated.remote;
  peer.import.own_next_hop = negotiated.local_next_hop;
  peer.changes.external = negotiated.external;
  peer.import.role = negotiated.role;
  const bool marks = negotiated.role &&
                     bgp::facts(*negotiated.role).unmarked_in == bgp::RoleFacts::Unmarked::kMark;
  peer.changes.only_to_customer = marks ? std::optional{negotiated.remote_asn} : std::nullopt;
  peer.can_refresh = negotiated.peer_route_refresh;
  peer.families = negotiated.families;
  peer.refreshes = {};
  for (const bgp::Family family : kFamilies) {
    // RFC 7313 section 4: before the first table of a peer that restarts gracefully there is none.
    peer.refresh(family) = !negotiated.enhanced_refresh  ? State::Refresh::kNever
                           : negotiated.graceful_restart ? State::Refresh::kAfterEndOfRib
                                                         : State::Refresh::kNone;
  }
  state_->take_settings(peer);
  peer.import_policy = config.import;
  if (state_->core.mode != RouterMode::kHost && negotiated.external &&
      (config.import == nullptr || config.exported.policy == nullptr)) {
    log::warn("bgp {}: no {} policy, so nothing is {} (RFC 8212)", peer.name,
              config.import == nullptr ? "import" : "export",
              config.import == nullptr ? "accepted" : "announced");
  }
  for (const bgp::Family family : kFamilies) {
    const bool comes = std::ranges::find(peer.families, family) != peer.families.end();
    if (!negotiated.ends_its_table || !comes) state_->heard_all(id, family);
  }
  state_->exporter.peer_up(id, peer.name, negotiated, config.exported);
  if (!peer.has_stale()) return;
  log::info("bgp {}: back from its restart; it has {} s to announce its routes again", peer.name,
            config.stale_time.count());
  state_->timers.arm(stale_timer(id), config.stale_time);
}

template <class Address>
void Rib::State::withdraw(Peer& from, const std::vector<bgp::Nlri<Address>>& nlri) {
  FamilyRib<Address>& family = rib<Address>();
  const std::optional<SourceId>& stale = from.stale_source(FamilyRib<Address>::kFamily);
  auto* numbers = from.numbers<Address>();
  for (const bgp::Nlri<Address>& route : nlri) {
    std::uint16_t number = 0;
    if (numbers != nullptr) {
      const auto known = numbers->take_back(route.prefix, route.path_id);
      if (!known) continue;
      number = *known;
    }
    family.remove_path(route.prefix, from.source(FamilyRib<Address>::kFamily), number);
    if (stale) family.remove_path(route.prefix, *stale, number);
  }
}

/// Gives the path its next hop, or the reason why it has none.
void Rib::State::point(Path& path, const Peer& from, const tl::expected<HopKey, Refusal>& hop,
                       std::uint16_t weight) {
  if (!hop) {
    path.refusal = hop.error();
    return;
  }
  HopKey key = *hop;
  key.session = from.incarnation;
  const TargetTable::Wish wish{key, weight};
  if (const auto target = core.targets.acquire(std::span(&wish, 1))) {
    path.target = *target;
  } else {
    path.refusal = Refusal::kTooManyNextHops;
  }
}

/// What a rule of the import policy makes of the UPDATE's path; made once for all its routes.
const Path& Rib::State::outcome(Incoming& incoming, std::size_t rule) {
  for (const Incoming::Outcome& known : incoming.outcomes) {
    if (known.rule == rule) return known.path;
  }
  const policy::Policy& policy = *incoming.policy;
  Path path = incoming.path;
  if (!policy.accepts(rule)) {
    // As it came, so that the rule can be found again for `show`.
    path.refusal = Refusal::kPolicy;
    path.target = kNoTarget;
    core.attributes.add_reference(path.attributes);
    incoming.outcomes.push_back({rule, path});
    return incoming.outcomes.back().path;
  }
  bgp::PathAttributes attributes = incoming.attributes;
  policy.apply(rule, asn, attributes);
  // Whatever the policy prefers: RFC 8326 section 4.
  if (shuts_down(incoming.attributes, incoming.from.changes)) attributes.local_preference = 0;
  path.attributes = core.attributes.intern(attributes);
  const policy::Set* set = policy.set(rule);
  if (set != nullptr && (set->next_hop || set->weight)) {
    path.target = kNoTarget;
    bgp::NextHop wanted;
    if (set->next_hop) wanted = as_next_hop(*set->next_hop);
    auto hop = set->next_hop ? resolve_next_hop(wanted, incoming.from.import, own)
                             : tl::expected<HopKey, Refusal>{core.hops.key(
                                   core.targets.members(incoming.path.target)[0].hop)};
    point(path, incoming.from, hop, set->weight.value_or(1));
  } else {
    core.targets.add_reference(path.target);
  }
  incoming.outcomes.push_back({rule, path});
  return incoming.outcomes.back().path;
}

void Rib::State::note_too_many_paths(Peer& from, const IpPrefix& prefix) {
  if (std::exchange(from.too_many_paths_said, true)) return;
  log::warn("bgp {}: more than {} paths to {}; the rest is ignored", from.name, kMostPathNumbers,
            to_string(prefix));
}

template <class Address>
void Rib::State::announce(Incoming& incoming, const std::vector<bgp::Nlri<Address>>& nlri) {
  FamilyRib<Address>& family = rib<Address>();
  const std::optional<SourceId>& stale = incoming.from.stale_source(FamilyRib<Address>::kFamily);
  auto* numbers = incoming.from.numbers<Address>();
  constexpr std::size_t kAhead = 8;  // index slots asked of memory before they are needed
  const policy::Facts facts{incoming.attributes, policy::Source::kBgp, incoming.from.name,
                            incoming.next_hop};
  for (std::size_t i = 0; i < nlri.size(); ++i) {
    if (i + kAhead < nlri.size()) family.prefetch(nlri[i + kAhead].prefix);
    Path path = incoming.path;
    if (path.refusal == Refusal::kNone) {
      path.refusal = check_prefix(nlri[i].prefix, incoming.from.import, own);
      if (path.refusal != Refusal::kNone) {
        path.target = kNoTarget;
      } else if (incoming.policy != nullptr) {
        path = outcome(incoming, incoming.policy->decide(nlri[i].prefix, facts));
      }
    }
    if (numbers != nullptr) {
      const auto number = numbers->give(nlri[i].prefix, nlri[i].path_id);
      if (!number) {
        note_too_many_paths(incoming.from, nlri[i].prefix);
        continue;
      }
      path.path_number = *number;
    }
    family.set_path(nlri[i].prefix, path);
    if (stale) family.remove_path(nlri[i].prefix, *stale, path.path_number);
  }
}

void Rib::State::reach(Peer& from, const bgp::Update::Reach& reach,
                       const bgp::PathAttributes& attributes, Refusal refusal, TimePoint now) {
  const policy::Policy* policy = from.import_policy.get();
  Incoming incoming{from, policy, attributes, announced_address(reach.next_hop), {}, {}};
  Path& path = incoming.path;
  path.source = from.source(reach.family);
  path.attributes = core.attributes.intern(attributes);
  path.received_s = whole_seconds(now);
  path.refusal = refusal;
  if (refusal == Refusal::kNone) {
    if (!incoming.next_hop) incoming.next_hop = from.import.peer.address;
    point(path, from, resolve_next_hop(reach.next_hop, from.import, own), 1);
  }
  std::visit([&](const auto& nlri) { announce(incoming, nlri); }, reach.nlri);
  for (const Incoming::Outcome& outcome : incoming.outcomes) {
    core.attributes.release(outcome.path.attributes);
    core.targets.release(outcome.path.target);
  }
  core.attributes.release(path.attributes);
  core.targets.release(path.target);
}

/// RFC 4486 section 4. Without a limit in the configuration there is one all the same, because what
/// a peer sends takes memory here even if the forwarding tables refuse it.
void Rib::State::check_limit(bgp::PeerId id, TimePoint now) {
  Peer& peer = this->peer(id);
  std::uint64_t count = 0;
  for (const bgp::Family f : kFamilies) count += core.sources[peer.source(f)].held;
  MaxPrefixes max = config_of(peer).max_prefixes;
  if (max.limit == 0) {
    if (count <= memory_guard) return;
    max.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(memory_guard, UINT32_MAX));
    max.action = MaxPrefixes::Action::kRestart;
  }
  if (count * 100 < std::uint64_t{max.limit} * max.warn_at) return;
  const bool over = count > max.limit;
  if (!over || max.action == MaxPrefixes::Action::kWarning) {
    if (!std::exchange(peer.near_limit_said, true)) {
      log::warn("bgp {}: {} prefixes, {} are allowed", peer.name, count, max.limit);
    }
    return;
  }
  const bool comes_back = max.action == MaxPrefixes::Action::kRestart;
  log::error("bgp {}: {} prefixes are more than the {} allowed; the session ends{}", peer.name,
             count, max.limit, comes_back ? " for a while" : "");
  sessions.suspend(id, bgp::notification(bgp::CeaseReason::kMaximumPrefixes),
                   comes_back ? std::optional<Duration>{max.restart_after} : std::nullopt, now);
}

void Rib::on_update(bgp::PeerId id, bgp::Update& update, TimePoint now) {
  State& s = *state_;
  State::Peer& peer = s.peer(id);
  if (!peer.up()) return;
  for (const bgp::Update::Unreach& unreach : update.unreach) {
    std::visit([&](const auto& nlri) { s.withdraw(peer, nlri); }, unreach.nlri);
  }
  if (update.end_of_rib) s.end_of_rib(id, *update.end_of_rib);
  if (update.reach.empty()) return;
  const Refusal refusal = check_attributes(update.attributes, peer.import);
  if (needs_changes(update.attributes, peer.changes)) rib::apply(peer.changes, update.attributes);
  for (const bgp::Update::Reach& reach : update.reach) {
    s.reach(peer, reach, update.attributes, refusal, now);
  }
  s.check_limit(id, now);
}

void Rib::on_down(bgp::PeerId id, const std::string& /*reason*/, TimePoint /*now*/) {
  State& s = *state_;
  State::Peer& peer = s.peer(id);
  if (!peer.up() && !peer.has_stale()) return;
  s.exporter.peer_down(id);
  // Packets move to other next hops now, with one store for each; the tables are cleaned after.
  s.core.hops.session_ended(peer.incarnation);
  for (std::optional<SourceId>& source : peer.sources) s.depart(source);
  s.end_all_stale(id);
  s.finish_departures();
}

void Rib::on_writable(bgp::PeerId peer, TimePoint /*now*/) {
  state_->exporter.on_writable(peer);
}

// --- events ------------------------------------------------------------------------------------

void Rib::on_link_changed(const LinkChanged& event) {
  State& s = *state_;
  s.core.hops.link_changed(event.port, event.state);
  for (const StaticRouteConfig& route : s.static_routes) {
    const bool leads_there =
        std::ranges::find(route.via, event.port, &StaticRouteConfig::Via::port) != route.via.end();
    if (!route.announce || !leads_there) continue;
    std::visit(
        [&]<class Address>(const Prefix<Address>& p) {
          s.rib<Address>().set_announced(p, s.statics, s.announced(route), s.no_attributes);
        },
        route.prefix);
  }
  s.core.plane.poll();
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

void Rib::on_path_changed(PortId port, const std::optional<IpAddress>& address, PathState state) {
  State& s = *state_;
  s.core.hops.path_changed(port, address, state);
  for (const StaticRouteConfig& route : s.static_routes) {
    const bool concerned = std::ranges::any_of(route.via, [&](const auto& via) {
      return via.bfd && via.port == port && via.address == address;
    });
    if (concerned) s.add_static_route(route);
  }
  s.core.plane.poll();
}

void Rib::on_resolution_wanted(const ResolutionWanted& event) {
  state_->core.hops.resolution_wanted(event);
}

void Rib::on_timer(const TimerExpired& event, TimePoint /*now*/) {
  if (event.timer.kind == TimerKind::kStaleRoutes) {
    const bgp::PeerId id{static_cast<std::uint16_t>(event.timer.owner)};
    log::warn(
        "bgp {}: its table is not complete in time; what it has not announced again is removed",
        state_->peer(id).name);
    state_->end_all_stale(id);
    state_->finish_departures();
  }
  if (event.timer.kind == TimerKind::kLongLivedStale) state_->end_long_lived(event.timer.owner);
  if (event.timer.kind == TimerKind::kSelectionDeferral) {
    log::warn("after the restart: not every neighbor has told all its routes in time");
    for (const bgp::Family family : kFamilies) state_->end_deferral(family);
  }
  if (event.timer.kind != TimerKind::kResolve) return;
  const auto silent =
      state_->core.hops.resolve_again(NextHopId{static_cast<std::uint16_t>(event.timer.owner)});
  if (silent) state_->neighbor_route(silent->port, silent->address, false);
  state_->core.plane.poll();
}

bool Rib::set_announced(const IpPrefix& prefix, Announced announced,
                        const AnnouncementMarks& marks) {
  bgp::PathAttributes attributes;
  attributes.med = marks.med;
  attributes.communities = marks.communities;
  std::ranges::sort(attributes.communities);
  attributes.communities.erase(
      std::unique(attributes.communities.begin(), attributes.communities.end()),
      attributes.communities.end());
  const AttributeId id = state_->core.attributes.intern(attributes);
  const bool known = std::visit(
      [&]<class Address>(const Prefix<Address>& p) {
        return state_->rib<Address>().set_announced(p, state_->local, announced, id);
      },
      prefix);
  state_->core.attributes.release(id);
  return known;
}

// --- another configuration ---------------------------------------------------------------------

void Rib::State::apply_static_routes(const Config& config) {
  const auto same = [](const StaticRouteConfig& a, const StaticRouteConfig& b) {
    return a.prefix == b.prefix && a.blackhole == b.blackhole && a.announce == b.announce &&
           std::ranges::equal(a.via, b.via, [](const auto& x, const auto& y) {
             return std::tie(x.port, x.address, x.weight) ==
                        std::tie(y.port, y.address, y.weight) &&
                    x.bfd.has_value() == y.bfd.has_value();
           });
  };
  for (const StaticRouteConfig& old : static_routes) {
    if (std::ranges::find(config.routes, old.prefix, &StaticRouteConfig::prefix) !=
        config.routes.end()) {
      continue;
    }
    std::visit(
        [&]<class Address>(const Prefix<Address>& p) { rib<Address>().remove_path(p, statics); },
        old.prefix);
  }
  for (const StaticRouteConfig& route : config.routes) {
    const auto known = std::ranges::find(static_routes, route.prefix, &StaticRouteConfig::prefix);
    if (known == static_routes.end() || !same(*known, route)) add_static_route(route);
  }
  static_routes = config.routes;
}

/// One peer whose session is up: its routes are judged and told anew only if that may differ.
void Rib::State::apply_to(bgp::PeerId id, Judgement judgement, TimePoint now) {
  Peer& peer = this->peer(id);
  if (!peer.up()) return;
  const auto judged_by = [](const Peer& p) {
    return std::tuple(p.import.allow_own_as, p.import.enforce_first_as, p.import.reject_as_sets,
                      p.import.has_policy, p.changes.prepend);
  };
  const auto before = judged_by(peer);
  take_settings(peer);
  const PeerConfig& config = config_of(peer);
  const policy::Policy* was = peer.import_policy.get();
  const policy::Policy* is = config.import.get();
  const bool same_policy = (was == nullptr && is == nullptr) ||
                           (was != nullptr && is != nullptr && was->rules() == is->rules());
  peer.import_policy = config.import;
  check_limit(id, now);
  const bool same = same_policy && before == judged_by(peer) && judgement == Judgement::kSame;
  if (!peer.up() || same) return;
  log::info("bgp {}: another import: asking for its routes again", peer.name);
  if (!peer.can_refresh) {
    sessions.reset(id, bgp::notification(bgp::CeaseReason::kOtherConfigurationChange), now);
    return;
  }
  for (const bgp::Family family : peer.families) {
    sessions.send_route_refresh(id, {family, bgp::RouteRefresh::kRequest});
  }
}

void Rib::apply(const Config& config, const std::vector<bgp::PeerId>& ids, TimePoint now) {
  State& s = *state_;
  OwnAddresses own{config};
  const auto judgement = own == s.own ? State::Judgement::kSame : State::Judgement::kDiffers;
  s.own = std::move(own);
  s.apply_static_routes(config);
  s.configure_generated(config);
  std::vector<State::PeerConfig> wanted = State::peer_configs(config);
  s.configured.clear();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::size_t number = ids[i].value();
    if (number >= s.configured.size()) s.configured.resize(number + 1);
    s.configured[number] = std::move(wanted[i]);
  }
  s.reject_as_sets = config.bgp.reject_as_sets;
  for (std::size_t i = 0; i < s.peers.size(); ++i) {
    s.apply_to(bgp::PeerId{static_cast<std::uint16_t>(i)}, judgement, now);
  }
  Exporter::NewOptions exported;
  for (std::size_t i = 0; i < s.peers.size(); ++i) {
    exported.emplace(static_cast<std::uint16_t>(i), s.config_of(s.peers[i]).exported);
  }
  s.exporter.reconfigure(exported);
}

// --- work --------------------------------------------------------------------------------------

void Rib::State::take_answers(std::size_t limit) {
  // Of this moment are both how far the tables are and what they refused: what comes later rings.
  core.plane.poll();
  applied = core.plane.applied();
  std::ranges::copy(core.plane.take_failures(), std::back_inserter(failures));
  for (; !failures.empty() && limit > 0; --limit) {
    const FibFailure& failure = failures.front();
    std::visit([&]<class Address>(
                   const Prefix<Address>& p) { rib<Address>().on_failure(p, failure.error); },
               failure.prefix);
    failures.pop_front();
  }
  if (failures.empty()) {
    limit -= ipv4.on_applied(applied, limit);
    ipv6.on_applied(applied, limit);
  }
  if (ipv4.failures() + ipv6.failures() == 0) core.retry_credit = 0;
  ipv4.retry_failed(kSliceRoutes);
  ipv6.retry_failed(kSliceRoutes);
}

bool Rib::State::has_answers() const {
  return !failures.empty() || ipv4.is_confirmed(applied) || ipv6.is_confirmed(applied);
}

/// Frees the sources of ended sessions that have no path left.
void Rib::State::finish_departures() {
  std::erase_if(departing, [&](SourceId id) {
    if (core.sources[id].held != 0) return false;
    core.sources.free(id);
    return true;
  });
  const bool go_on = std::ranges::any_of(
      departing, [&](SourceId id) { return core.sources[id].family == sweep_family; });
  if (!go_on) sweeping = false;
}

std::size_t Rib::State::sweep(std::size_t limit) {
  std::size_t done = 0;
  while (!departing.empty() && done < limit) {
    if (!sweeping) {
      sweeping = true;
      sweep_family = core.sources[departing.front()].family;
      sweep_cursor = 0;
    }
    const std::size_t before = done;
    for_family(sweep_family,
               [&](auto& family) { done += family.sweep(sweep_cursor, limit - done); });
    finish_departures();
    // The end of the table: another family, or a source that departed behind the cursor.
    if (done == before) sweeping = false;
  }
  return done;
}

void Rib::State::make_decisions(std::size_t routes) {
  // A sweep goes on even while a full table comes in from elsewhere.
  const std::size_t for_decisions = departing.empty() ? routes : routes - routes / 4;
  std::size_t done = ipv4.decide_dirty(for_decisions);
  done += ipv6.decide_dirty(for_decisions - done);
  if (done < routes) done += age(routes - done);
  if (done < routes) done += sweep(routes - done);
  if (done < routes) done += ipv4.tell_deferred(routes - done);
  if (done < routes) done += ipv6.tell_deferred(routes - done);
  apply_generated();
  // In front of the announcements, so that these see what has become visible.
  take_answers(routes);
}

void Rib::State::announce(std::size_t routes, TimePoint now) {
  exporter.work(routes, now);
  // Behind it: peers hear of an aggregate first, and then that what is inside is withdrawn.
  ipv4.tell_covered();
  ipv6.tell_covered();
}

bool Rib::work(std::size_t routes, TimePoint now, Share share) {
  State& s = *state_;
  // Announcements have a budget of their own: they must not wait for the end of a full table.
  switch (share) {
    case Share::kAll:
      s.make_decisions(routes);
      s.announce(routes, now);
      break;
    case Share::kDecisions:
      s.make_decisions(routes);
      break;
    case Share::kInTurn:
      // What has just been decided is still at hand, so announcing keeps up with it.
      if (s.exporter.has_work() && (s.announces_next || !s.decisions_due())) {
        s.announce(routes, now);
        s.announces_next = false;
      } else {
        s.make_decisions(routes);
        s.announces_next = true;
      }
      break;
    case Share::kNothing:
      break;
  }
  return has_work();
}

bool Rib::State::decisions_due() {
  return ipv4.undecided() + ipv6.undecided() != 0 || !departing.empty() || !aging.empty() ||
         ipv4.generated().has_changes() || ipv6.generated().has_changes() || ipv4.has_deferred() ||
         ipv6.has_deferred() || has_answers();
}

bool Rib::has_work() const {
  return state_->decisions_due() || state_->exporter.has_work();
}

Rib::Rib(const Config& config, ForwardingPlane& plane, bgp::PeerOutput& output,
         Neighborhood& neighborhood, Timers& timers)
    : state_(std::make_unique<State>(config, plane, output, neighborhood, timers)) {}

Rib::~Rib() = default;

}  // namespace lastmile::rib
