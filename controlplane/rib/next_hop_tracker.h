// What stands between "via fe80::1 on up1" and an entry in the workers' next-hop table: one tracked
// hop for each (port, address, session), its link-layer address and its liveness.
//
//   HopId hop = tracker.acquire({.kind = kForward, .port = up1, .address = fe80_1, .session = s});
//   GroupMember member{tracker.next_hop(hop), 1};
//   tracker.release(hop);      // the last reference releases the forwarding entry
//
// A hop starts as kUnresolved unless the link-layer address is known already, asks the kernel for
// it, and asks again until it comes. When the address comes or changes the entry is updated in
// place: no group and no route is touched.
//
// A lost link-layer address is not believed at once. The kernel forgets neighbors that *it* did not
// use for a while, and our packets don't pass through it; so the hop goes on with the address it
// has while the kernel is asked, and becomes kUnresolved only when nobody answers. For the same
// reason the kernel would call a dead neighbor "stale" for ever: whenever an address that a hop
// uses turns stale, the kernel is told to make sure (NTF_USE), and either it is confirmed or lost.
//
// Liveness. A hop is down while its port's link is down (kLink) and from the moment its session has
// ended (kRouting). A session's next incarnation has hops of its own, so packets return to a
// neighbor only with routes that the new session has brought, never by the old ones that still
// wait to be swept. A hop that is not resolved is also down (kRouting) as long as it shares a group
// with one that is: packets take the neighbor that can have them at once. Alone, it holds packets.
// A hop that BFD watches (a static route's) is down (kRouting) until BFD says that its path is up.
//
// All functions: control thread only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/event/effects.h"
#include "controlplane/rib/forwarding_plane.h"
#include "controlplane/rib/path.h"
#include "controlplane/rib/show.h"

namespace lastmile::rib {

using HopId = StrongId<struct HopTag, std::uint16_t>;

/// Does BFD decide whether a hop counts? Of sessions' hops BGP does.
enum class Watch : std::uint8_t { kNo, kBfd };

/// Which next hop. Only forwarding hops have an address; `port` means nothing for kLocalHost,
/// kBlackhole, kUnreachable and kBroadcast.
struct HopKey {
  NextHopKind kind = NextHopKind::kForward;  ///< kForward, never kUnresolved, for neighbors
  PortId port;
  std::optional<IpAddress> address;    ///< kForward without: the neighbor that the port discovered
  std::optional<Incarnation> session;  ///< the BGP session whose end stops the hop
  Watch watch = Watch::kNo;

  friend auto operator<=>(const HopKey&, const HopKey&) = default;
};

class NextHopTracker {
 public:
  NextHopTracker(ForwardingPlane& plane, Neighborhood& neighborhood, Timers& timers)
      : plane_(plane), neighborhood_(neighborhood), timers_(timers) {}

  /// One reference for the caller.
  [[nodiscard]] tl::expected<HopId, FibError> acquire(const HopKey& key);
  void add_reference(HopId hop) { ++hops_[hop.value()].references; }
  void release(HopId hop);

  [[nodiscard]] NextHopId next_hop(HopId hop) const { return hops_[hop.value()].next_hop; }
  [[nodiscard]] const HopKey& key(HopId hop) const { return hops_[hop.value()].key; }
  [[nodiscard]] NextHopView view(HopId hop, std::uint16_t weight) const;
  [[nodiscard]] std::size_t size() const { return by_key_.size(); }

  /// A group with these members (primaries and backups) now exists, or no longer does.
  void group_added(const std::vector<HopId>& members);
  void group_removed(const std::vector<HopId>& members);
  /// Who yields to whom in the groups that have come and gone: once for all of them, for a neighbor
  /// may choose how many there are.
  void take_up_groups();

  void link_changed(PortId port, LinkState state);
  [[nodiscard]] bool is_link_up(PortId port) const {
    return std::ranges::find(ports_down_, port) == ports_down_.end();
  }
  void link_layer_changed(const LinkLayerNeighborChanged& event);
  /// Does the kernel know the neighbor's link-layer address?
  [[nodiscard]] bool knows_link_layer(PortId port, const IpAddress& address) const {
    return link_layer_.contains({port, address});
  }
  void neighbor_discovered(PortId port, const std::optional<IpAddress>& address);
  void session_ended(Incarnation session);
  /// What BFD says of the way to the neighbor of hops that it watches: their keys' port and
  /// address. Until then, down.
  void path_changed(PortId port, const std::optional<IpAddress>& address, PathState state);
  [[nodiscard]] bool is_path_up(PortId port, const std::optional<IpAddress>& address) const {
    return paths_up_.contains({port, address});
  }
  /// A worker holds packets for an unresolved next hop, or met one for a connected destination
  /// (glean) whose link-layer address is not known.
  void resolution_wanted(const ResolutionWanted& event);
  struct Silent {
    PortId port;
    IpAddress address;
  };
  /// The resolve timer of `next_hop` has expired. Returns the neighbor if it is now given up.
  std::optional<Silent> resolve_again(NextHopId next_hop);

 private:
  struct Hop {
    HopKey key;
    std::uint32_t references = 0;  ///< 0: the number is free
    NextHopId next_hop;
    std::optional<IpAddress>
        target;  ///< the address to resolve; none: undiscovered, or no neighbor
    std::optional<MacAddress> mac;
    unsigned attempts = 0;       ///< resolutions asked for since the last answer
    bool session_ended = false;  // the reasons for kRouting …
    bool path_down = false;      //
    bool yields = false;         // … and
    bool routing_down = false;   // whether it is set
  };

  [[nodiscard]] bool is_neighbor(const Hop& hop) const {
    return hop.key.kind == NextHopKind::kForward;
  }
  [[nodiscard]] NextHopSpec spec(const Hop& hop) const;
  void follow(Hop& hop);  ///< takes up the target's link-layer address, or asks for it
  void ask(Hop& hop);
  void update_routing(Hop& hop);
  void update_yields();
  [[nodiscard]] Hop* find(NextHopId next_hop);

  ForwardingPlane& plane_;
  Neighborhood& neighborhood_;
  Timers& timers_;
  std::vector<Hop> hops_;
  std::vector<std::uint16_t> free_;
  std::map<HopKey, HopId> by_key_;
  struct LinkLayer {
    MacAddress mac;
    Freshness freshness = Freshness::kConfirmed;
  };
  std::map<std::pair<PortId, IpAddress>, LinkLayer> link_layer_;  ///< what the kernel knows
  std::map<Incarnation, std::size_t> hops_of_session_;
  std::map<PortId, IpAddress> discovered_;
  std::vector<PortId> ports_down_;
  std::set<std::pair<PortId, std::optional<IpAddress>>> paths_up_;
  /// Of two and more neighbors, and how many there are of the same.
  std::map<std::vector<HopId>, unsigned> groups_;
  bool groups_changed_ = false;
};

}  // namespace lastmile::rib
