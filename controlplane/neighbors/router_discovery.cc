#include "controlplane/neighbors/router_discovery.h"

#include <algorithm>

namespace lastmile {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr unsigned kInitialAdvertisements =
    3;  // MAX_INITIAL_RTR_ADVERTISEMENTS, RFC 4861 section 10
constexpr Duration kInitialAdvertisementInterval = seconds{1};
constexpr Duration kAdvertisementInterval = seconds{10};
/// MIN_DELAY_BETWEEN_RAS, RFC 4861 section 6.2.6: of multicast ones that somebody asked for.
constexpr Duration kMinDelayBetweenAdvertisements = seconds{3};
constexpr unsigned kQuickSolicitations = 10;
constexpr Duration kQuickSolicitationInterval = seconds{1};
constexpr Duration kSolicitationInterval = seconds{4};  // RTR_SOLICITATION_INTERVAL
constexpr unsigned kRivalWins = 2;
/// Advertisements that follow each other so quickly are a router's first ones.
constexpr Duration kJustStarted = seconds{2};

}  // namespace

RouterDiscovery::RouterDiscovery(Neighborhood& neighborhood, Timers& timers,
                                 NeighborObserver& observer, std::uint32_t seed)
    : neighborhood_(neighborhood), timers_(timers), observer_(observer), random_(seed) {}

void RouterDiscovery::add_port(PortId port, const Ipv6Address& own) {
  Port entry;
  entry.status.port = port;
  entry.own = own;
  ports_.push_back(entry);
}

RouterDiscovery::Port* RouterDiscovery::find(PortId port) {
  const auto found =
      std::ranges::find_if(ports_, [port](const Port& p) { return p.status.port == port; });
  return found == ports_.end() ? nullptr : &*found;
}

void RouterDiscovery::handle(const LinkChanged& link, TimePoint now) {
  Port* port = find(link.port);
  if (port == nullptr || port->up == (link.state == LinkState::kUp)) return;
  port->up = link.state == LinkState::kUp;
  port->rival.reset();
  port->rival_heard = 0;
  if (port->up) {
    port->advertised = 0;
    port->solicited = 0;
    solicit(*port);
    advertise(*port);
    return;
  }
  timers_.cancel({TimerKind::kRouterAdvertisement, link.port.value()});
  timers_.cancel({TimerKind::kRouterSolicitation, link.port.value()});
  if (port->status.neighbor) {
    port->status.neighbor.reset();
    port->status.heard_at.reset();
    observer_.on_neighbor_lost(link.port, now);
  }
}

void RouterDiscovery::handle(const RouterAdvertisementHeard& heard, TimePoint now) {
  Port* port = find(heard.port);
  // Our own advertisement, looped back by a bridge or a reflecting link, is not a neighbor.
  if (port == nullptr || !port->up || heard.source == port->own) return;
  ++port->status.advertisements_heard;
  if (port->status.neighbor && *port->status.neighbor != heard.source) {
    if (port->rival != heard.source) port->rival_heard = 0;
    port->rival = heard.source;
    if (++port->rival_heard < kRivalWins) return;
  }
  const bool changed = port->status.neighbor != heard.source;
  const bool quick =
      !changed && port->status.heard_at && now - *port->status.heard_at < kJustStarted;
  port->status.neighbor = heard.source;
  port->status.heard_at = now;
  port->rival.reset();
  port->rival_heard = 0;
  if (changed) {
    timers_.cancel({TimerKind::kRouterSolicitation, heard.port.value()});
    observer_.on_neighbor_discovered(heard.port, heard.source, now);
  }
  if (quick) welcome(*port, now);
}

void RouterDiscovery::welcome(Port& port, TimePoint now) {
  if (port.welcomed && now - *port.welcomed < kMinDelayBetweenAdvertisements) return;
  port.welcomed = now;
  ++port.status.advertisements_sent;
  neighborhood_.send_router_advertisement(port.status.port, port.status.neighbor);
}

void RouterDiscovery::handle(const RouterSolicitationHeard& heard, TimePoint now) {
  Port* port = find(heard.port);
  if (port == nullptr || !port->up || heard.source == port->own) return;
  ++port->status.solicitations_heard;
  if (heard.source.is_unspecified()) {
    if (port->answered_all && now - *port->answered_all < kMinDelayBetweenAdvertisements) return;
    port->answered_all = now;
  }
  ++port->status.advertisements_sent;
  // Section 6.2.6 lets a router answer by unicast, and then at once; a solicitor that has no
  // address yet can only hear a multicast.
  const auto to = heard.source.is_unspecified() ? std::nullopt : std::optional{heard.source};
  neighborhood_.send_router_advertisement(heard.port, to);
}

void RouterDiscovery::handle(const TimerExpired& expired, TimePoint) {
  Port* port = find(PortId{static_cast<PortId::Representation>(expired.timer.owner)});
  if (port == nullptr || !port->up) return;
  if (expired.timer.kind == TimerKind::kRouterAdvertisement) advertise(*port);
  if (expired.timer.kind == TimerKind::kRouterSolicitation && !port->status.neighbor) {
    solicit(*port);
  }
}

void RouterDiscovery::advertise(Port& port) {
  const PortId id = port.status.port;
  ++port.advertised;
  ++port.status.advertisements_sent;
  neighborhood_.send_router_advertisement(id, std::nullopt);
  timers_.arm({TimerKind::kRouterAdvertisement, id.value()},
              jittered(port.advertised < kInitialAdvertisements ? kInitialAdvertisementInterval
                                                                : kAdvertisementInterval));
}

void RouterDiscovery::solicit(Port& port) {
  const PortId id = port.status.port;
  ++port.solicited;
  ++port.status.solicitations_sent;
  neighborhood_.send_router_solicitation(id);
  timers_.arm({TimerKind::kRouterSolicitation, id.value()},
              jittered(port.solicited < kQuickSolicitations ? kQuickSolicitationInterval
                                                            : kSolicitationInterval));
}

Duration RouterDiscovery::jittered(Duration interval) {
  // 75 to 100 percent, so that the routers of a rack that start together do not stay together.
  std::uniform_int_distribution<Duration::rep> spread{interval.count() * 3 / 4, interval.count()};
  return Duration{spread(random_)};
}

std::optional<Ipv6Address> RouterDiscovery::neighbor(PortId port) const {
  for (const Port& p : ports_) {
    if (p.status.port == port) return p.status.neighbor;
  }
  return std::nullopt;
}

std::vector<RouterDiscovery::Status> RouterDiscovery::status() const {
  std::vector<Status> result;
  result.reserve(ports_.size());
  for (const Port& port : ports_) result.push_back(port.status);
  return result;
}

}  // namespace lastmile
