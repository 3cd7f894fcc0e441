// Routes that come from the configuration and from the links: loopbacks, services, our addresses
// and their subnets, static routes, and the neighbors in those subnets; and the events that change
// them.
#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "controlplane/rib/rib_state.h"

namespace lastmile::rib {
namespace {

/// The addresses that stand for all hosts of a subnet: all ones, and all zeros as 4.2BSD had it
/// (RFC 1812 section 5.3.5). None where both are hosts (RFC 3021), and none in IPv6.
std::vector<IpPrefix> broadcasts_of(const IpPrefix& subnet) {
  const auto* const prefix = std::get_if<Ipv4Prefix>(&subnet);
  if (prefix == nullptr || prefix->length() > 30) return {};
  const std::uint32_t first = prefix->address().value();
  const std::uint32_t hosts = 0xffffffffU >> prefix->length();
  return {host_prefix(Ipv4Address{first}), host_prefix(Ipv4Address{first | hosts})};
}

/// Whether they make the same route, so that a reload can leave it alone.
bool same(const StaticRouteConfig& a, const StaticRouteConfig& b) {
  return a.prefix == b.prefix && a.blackhole == b.blackhole && a.announce == b.announce &&
         std::ranges::equal(a.via, b.via, [](const auto& x, const auto& y) {
           return std::tie(x.port, x.address, x.weight) == std::tie(y.port, y.address, y.weight) &&
                  x.bfd.has_value() == y.bfd.has_value();
         });
}

}  // namespace

void Rib::State::add_route(const IpPrefix& prefix, SourceId source, Announced announced,
                           std::span<const TargetTable::Wish> wishes) {
  Path path;
  path.source = source;
  path.attributes = no_attributes;
  path.announced = announced;
  lead(path, wishes);
  for_prefix(prefix, [&](auto& family, const auto& p) { family.set_path(p, path); });
  core.targets.release(path.target);
}

void Rib::State::remove_path(const IpPrefix& prefix, SourceId source) {
  for_prefix(prefix, [&](auto& family, const auto& p) { family.remove_path(p, source); });
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

// --- static routes -------------------------------------------------------------------------------

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
  // It stands for the neighbor's own route.
  if (route.announce) remove_path(route.prefix, connected);
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
  for_prefix(prefix, [&](auto& family, const auto& p) { family.set_path(p, path); });
}

void Rib::State::apply_static_routes(const Config& config) {
  for (const StaticRouteConfig& old : static_routes) {
    const bool stays = std::ranges::find(config.routes, old.prefix, &StaticRouteConfig::prefix) !=
                       config.routes.end();
    if (!stays) remove_path(old.prefix, statics);
  }
  for (const StaticRouteConfig& route : config.routes) {
    const auto known = std::ranges::find(static_routes, route.prefix, &StaticRouteConfig::prefix);
    if (known == static_routes.end() || !same(*known, route)) add_static_route(route);
  }
  const std::vector<StaticRouteConfig> before = std::exchange(static_routes, config.routes);
  for (const StaticRouteConfig& old : before) {
    if (!old.announce) continue;
    // It stood for the neighbor's own route, and may not be there any more.
    const IpAddress guest = address_of(old.prefix);
    const std::optional<PortId> port = own.connected_port(guest);
    if (port && old.prefix == host_prefix(guest) && core.hops.knows_link_layer(*port, guest)) {
      neighbor_route(*port, guest, true);
    }
  }
}

// --- neighbors -----------------------------------------------------------------------------------

/// A neighbor with a link-layer address in one of our subnets gets a route of its own, so that its
/// packets no longer go by the glean route. A guest has one already, which is announced.
void Rib::State::neighbor_route(PortId port, const IpAddress& address, bool present) {
  if (own.connected_port(address) != port || own.is_ours(address)) return;
  const IpPrefix prefix = host_prefix(address);
  const bool is_guest = std::ranges::any_of(static_routes, [&](const StaticRouteConfig& route) {
    return route.announce && route.prefix == prefix;
  });
  if (is_guest) return;
  if (!present) return remove_path(prefix, connected);
  HopKey key;
  key.kind = NextHopKind::kForward;
  key.port = port;
  key.address = address;
  const TargetTable::Wish wish{key, 1};
  add_route(prefix, connected, Announced::kNo, std::span(&wish, 1));
}

// --- events --------------------------------------------------------------------------------------

void Rib::on_link_changed(const LinkChanged& event) {
  State& s = *state_;
  s.core.hops.link_changed(event.port, event.state);
  for (const StaticRouteConfig& route : s.static_routes) {
    const bool leads_there =
        std::ranges::find(route.via, event.port, &StaticRouteConfig::Via::port) != route.via.end();
    if (!route.announce || !leads_there) continue;
    s.for_prefix(route.prefix, [&](auto& family, const auto& p) {
      family.set_announced(p, s.statics, s.announced(route), s.no_attributes);
    });
  }
  s.core.plane.poll();
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
  const bool known = state_->for_prefix(prefix, [&](auto& family, const auto& p) {
    return family.set_announced(p, state_->local, announced, id);
  });
  state_->core.attributes.release(id);
  return known;
}

}  // namespace lastmile::rib
