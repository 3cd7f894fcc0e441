// Which BFD sessions there are, whom they watch, and who hears of it.
//
//   BfdManager bfd(config, peers, ports, plane, neighborhood, timers, observer, seed);
//   bfd.neighbor_found(port, address);          // router discovery, or BGP's own connection
//   bfd.next_hop_changed(id, spec);             // every next hop, as it comes, changes and goes
//   bfd.handle(bfd::StateChanged{...});         // from the workers
//
//   configuration ─┐                          ┌─> commands ─> the worker that owns the port
//   discovery ─────┼─> session (port, peer) ──┤
//   link layer ────┘                          └─> observer: failed, up ─> BGP, static routes
//
// A session is bound to next hops by port and link-layer address, whatever made them: if the
// neighbor is dead, so is every way through it. The worker does the rest by itself: it marks them
// when it detects, in the same loop, and we hear of it later.
//
// A session over several hops (RFC 5883), with a BGP neighbor that is on no port's link, is bound
// to none: what it finds dead is a neighbor, and none of the ways out of here. It is between two
// addresses, and its packets go where routes lead.
//
// Static routes have nothing else that tells them of a dead neighbor, so their next hops count only
// while the session is up; to them AdminDown is a failure, too (RFC 5882 sections 3.2 and 5).
//
// While BGP restarts (RFC 4724) a neighbor whose BFD shares fate with its control plane (C bit)
// falls silent for that reason, perhaps; that is not believed then (RFC 5882 section 4.3).
//
// Traffic comes back in two ways. If BFD itself comes up again, the worker takes the marks away; by
// then BGP has ended its session, so its old next hops stay dead for that reason until the new
// session has brought routes. If BGP comes back without BFD (the neighbor no longer speaks it), we
// take them away (RFC 5882 section 4.1: BFD that was never up is no reason to stay down).
//
// All functions: control thread only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "controlplane/bfd/bfd_plane.h"
#include "controlplane/bfd/watched.h"
#include "controlplane/bgp/session/session_events.h"
#include "controlplane/bgp/session/settings.h"
#include "controlplane/config/config.h"
#include "controlplane/event/effects.h"
#include "controlplane/rib/path.h"
#include "dataplane/bfd/command.h"
#include "dataplane/forwarding/spec.h"

namespace lastmile {

/// Who uses BFD's verdict. Calls come from inside BfdManager's functions.
class BfdObserver {
 public:
  virtual ~BfdObserver() = default;
  virtual void on_bfd_up(bgp::PeerId peer, TimePoint now) = 0;
  /// The session was Up and has failed. `reason`: for people.
  virtual void on_bfd_failed(bgp::PeerId peer, const std::string& reason, TimePoint now) = 0;
  /// The same, but the restart of the peer's BGP explains it.
  virtual void on_bfd_spared(bgp::PeerId peer, TimePoint now) = 0;
  virtual void on_bfd_path(const WatchedHop& hop, rib::PathState state, TimePoint now) = 0;
};

/// A session as `show bfd` has it; the worker's numbers are in its status.
struct BfdSessionView {
  std::string neighbor;  ///< as in BgpNeighborConfig
  std::string profile;
  std::optional<PortId> port;        ///< none: over several hops
  std::vector<std::string> clients;  ///< "bgp", "static"
  IpAddress address;
  bfd::SessionId id;
  bfd::SessionSpec spec;
  bool resolved = false;  ///< the neighbor's link-layer address is known
  std::optional<Duration> up_for;
  const bfd::SessionStatus* status = nullptr;
};

class BfdManager {
 public:
  struct Port {
    PortId id;
    MacAddress mac;
  };
  struct Outside {
    BfdPlane& plane;
    Neighborhood& neighborhood;
    Timers& timers;
    BfdObserver& observer;
  };
  /// All references outlive the manager. What a running router can't take up anew (ports,
  /// loopbacks) comes from `config`, the neighbors from apply().
  BfdManager(const Config& config, std::vector<Port> ports, const Outside& outside,
             std::uint64_t seed);
  ~BfdManager();

  /// Takes up the neighbors and next hops of a configuration: sessions of those whose address is
  /// configured are made, those of neighbors that are no longer watched end, and other parameters
  /// of a profile are changed without a flap. `peers[i]` is `ids[i]` and
  /// `wanted.bgp.neighbors[i]`. Neighbors of a listen range are not watched.
  void apply(const Config& wanted, const std::vector<bgp::PeerSettings>& peers,
             const std::vector<bgp::PeerId>& ids, TimePoint now);
  /// Tells every neighbor that the end is meant (AdminDown).
  void stop();
  /// Does this peer's BGP session have to wait until BFD is up?
  [[nodiscard]] bool must_wait(bgp::PeerId peer) const;

  void neighbor_found(PortId port, const IpAddress& address, TimePoint now);
  void established(bgp::PeerId peer, const IpAddress& address, TimePoint now);
  /// The peer's BGP has ended, and its routes are kept (RFC 4724); established() or down() follows.
  void restarting(bgp::PeerId peer);
  void down(bgp::PeerId peer);
  void link_layer_changed(const LinkLayerNeighborChanged& event, TimePoint now);
  void link_changed(const LinkChanged& event, TimePoint now);
  void handle(const bfd::StateChanged& change, TimePoint now);
  /// For timers of TimerKind::kBfdResolve.
  void timer_expired(const TimerExpired& expired);

  void next_hop_changed(NextHopId next_hop, const NextHopSpec& spec);
  void next_hop_released(NextHopId next_hop);

  [[nodiscard]] std::vector<BfdSessionView> sessions(TimePoint now) const;

 private:
  using User = BfdUser;
  using Watched = BfdWatched;
  struct Session;
  struct Place {
    PortId port;
    MacAddress mac;
    friend auto operator<=>(const Place&, const Place&) = default;
  };

  void watch(const User& user, const IpAddress& address, TimePoint now);
  void drop(const User& user, TimePoint now);
  void settle_admin(Session& session);
  void tell_up(const User& user, TimePoint now);
  void tell_failed(const Session& session, const User& user, const bfd::StateChanged& change,
                   TimePoint now);
  void resolve(Session& session, const std::optional<MacAddress>& mac);
  void bind(Session& session, NextHopId next_hop);
  void unbind(NextHopId next_hop, bfd::Command::Kind how);
  void submit(const Session& session, bfd::Command::Kind kind, NextHopId next_hop = {}) const;
  [[nodiscard]] Session* find(PortId port, const IpAddress& address);
  [[nodiscard]] Session* of(const User& user);
  [[nodiscard]] std::optional<bfd::SessionId> free_id() const;
  [[nodiscard]] std::optional<IpAddress> local_address(const Watched& watched,
                                                       const IpAddress& remote) const;
  [[nodiscard]] bfd::SessionSpec spec(bfd::SessionId id, const Watched& watched,
                                      const IpAddress& local, const IpAddress& remote);
  std::uint64_t random();

  const Config& config_;
  std::map<User, Watched> watched_;
  const std::vector<Port> ports_;
  const Outside out_;
  std::uint64_t random_;
  std::map<bfd::SessionId, Session> sessions_;
  std::map<User, bfd::SessionId> by_user_;
  std::set<bgp::PeerId> restarting_;
  std::map<std::pair<PortId, IpAddress>, MacAddress> link_layer_;
  std::unordered_map<NextHopId, Place> next_hops_;
  std::unordered_map<NextHopId, bfd::SessionId> bound_;
};

}  // namespace lastmile
