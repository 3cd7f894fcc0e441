// Finding the other end of unnumbered links by router advertisements, and being found.
//
// For each port, while its link is up:
//   - we solicit at once and every second until somebody advertises, so that a session does not
//     wait for the neighbor's own interval (RFC 4861 section 6.3.7 asks hosts for three
//     solicitations four seconds apart; a router on a point-to-point link has nobody else to
//     disturb);
//   - we advertise ourselves at once, three times quickly and then every ten seconds, with
//     lifetime 0 so that nobody takes us for a default router (section 6.2.4, 6.2.5);
//   - we answer solicitations at once, to the one who asked; and advertisements that follow each
//     other quickly, which are those of a router that has just started. FRR solicits nobody, so it
//     would wait for our next advertisement.
//
// The source of an advertisement is the port's neighbor. Should two routers advertise on one port,
// the first one stays until another has been heard twice since: so a replaced leaf is found, and
// two that live side by side do not alternate.
//
// Driven by events, with no clock or socket of its own. Control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <vector>

#include "controlplane/event/effects.h"

namespace lastmile {

/// What is told of a port's neighbor.
class NeighborObserver {
 public:
  virtual ~NeighborObserver() = default;
  virtual void on_neighbor_discovered(PortId port, const Ipv6Address& address, TimePoint now) = 0;
  /// The link went down: whoever comes up next may be another router.
  virtual void on_neighbor_lost(PortId port, TimePoint now) = 0;
};

class RouterDiscovery {
 public:
  /// What `show neighbors` tells of a port.
  struct Status {
    PortId port;
    std::optional<Ipv6Address> neighbor;
    std::optional<TimePoint> heard_at;
    std::uint64_t advertisements_sent = 0;
    std::uint64_t advertisements_heard = 0;
    std::uint64_t solicitations_sent = 0;
    std::uint64_t solicitations_heard = 0;
  };

  /// `seed` spreads the timers of many routers (section 6.2.4 wants them random).
  RouterDiscovery(Neighborhood& neighborhood, Timers& timers, NeighborObserver& observer,
                  std::uint32_t seed);

  /// A port that takes part. `own`: its link-local address, which is never a neighbor.
  void add_port(PortId port, const Ipv6Address& own);

  void handle(const LinkChanged& link, TimePoint now);
  void handle(const RouterAdvertisementHeard& heard, TimePoint now);
  void handle(const RouterSolicitationHeard& heard, TimePoint now);
  /// Timers of kind kRouterAdvertisement and kRouterSolicitation.
  void handle(const TimerExpired& expired, TimePoint now);

  [[nodiscard]] std::optional<Ipv6Address> neighbor(PortId port) const;
  [[nodiscard]] std::vector<Status> status() const;

 private:
  struct Port {
    Status status;
    Ipv6Address own;
    bool up = false;
    unsigned advertised = 0;  ///< since the link came up
    unsigned solicited = 0;
    /// A source other than the neighbor, and how often it was heard since the neighbor was.
    std::optional<Ipv6Address> rival;
    unsigned rival_heard = 0;
    std::optional<TimePoint> welcomed;      ///< when a router that had just started was answered
    std::optional<TimePoint> answered_all;  ///< when a solicitation last got a multicast answer
  };

  Port* find(PortId port);
  void advertise(Port& port);
  void solicit(Port& port);
  void welcome(Port& port, TimePoint now);
  Duration jittered(Duration interval);

  Neighborhood& neighborhood_;
  Timers& timers_;
  NeighborObserver& observer_;
  std::minstd_rand random_;
  std::vector<Port> ports_;
};

}  // namespace lastmile
