#include "daemon/route_view.h"

#include <chrono>
#include <string>
#include <vector>

namespace lastmile {
namespace {

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

}  // namespace

RouteView route_view(const rib::RouteView& route, const Config& config,
                     const bgp::SessionManager& sessions) {
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
    view.advertised_to.push_back(sessions.settings(peer).name);
  }
  for (const rib::NextHopView& hop : route.next_hops) {
    NextHopView next_hop;
    if (hop.port) next_hop.port = config.ports[hop.port->value()].name;
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
  view.age = std::chrono::duration_cast<std::chrono::seconds>(route.age);
  return view;
}

RouteView route_view(const rib::AdvertisedView& route) {
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

}  // namespace lastmile
