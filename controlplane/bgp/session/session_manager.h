// All BGP peers of this router: gives each event to the peer that it belongs to.
//
//   SessionManager sessions(speaker, peer_settings(config), transport, timers, seed);
//   Rib rib(config, plane, sessions /* PeerOutput */, ...);
//   sessions.start(rib /* SessionObserver */, now);
//   ...
//   if (sessions.handle(event)) return;      // connections, BGP's timers, links
//   sessions.discovered(port, address, now); // from router advertisements
//   ...
//   sessions.stop("maintenance", now);       // then run the loop until the transport is idle
//
// No clock, no socket, no thread: the same events in the same order with the same seed give the
// same calls of Transport and Timers. All functions: control thread only.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/bgp/session/peer.h"
#include "controlplane/bgp/session/session_events.h"
#include "controlplane/bgp/session/settings.h"
#include "controlplane/bgp/session/status.h"
#include "controlplane/event/effects.h"

namespace lastmile::bgp {

class SessionManager final : public PeerOutput {
 public:
  /// `transport` and `timers` outlive the manager. `peers[i]` becomes PeerId i. `seed` is for the
  /// jitter of timers.
  SessionManager(Speaker speaker, std::vector<PeerSettings> peers, Transport& transport,
                 Timers& timers, std::uint64_t seed);
  ~SessionManager() override;
  SessionManager(const SessionManager&) = delete;
  SessionManager& operator=(const SessionManager&) = delete;

  /// Starts all peers. `observer` outlives the manager's last event. Call once, before any event.
  void start(SessionObserver& observer, TimePoint now);
  /// Cease/Administrative Shutdown to every peer; none comes back by itself.
  void stop(const std::string& message, TimePoint now);

  /// True if the event was BGP's alone. LinkChanged is looked at and left to others too.
  bool handle(const Event& event);

  /// Who the neighbor on an unnumbered port is, or that nobody is known there any more.
  void discovered(PortId port, const Ipv6Address& address, TimePoint now);
  void discovery_lost(PortId port, TimePoint now);

  /// Takes up other settings: a session goes on unless something that it was made with differs; who
  /// is no longer there is told so. Peers are the same if their names are. The PeerIds of `peers`,
  /// in their order.
  std::vector<PeerId> apply(std::vector<PeerSettings> peers, TimePoint now);
  /// Our own restart is over: sessions from now on are ordinary ones (RFC 4724 section 4.1).
  void restart_is_over() { speaker_.away.reset(); }
  // What BFD says of the path to a peer.
  /// The peer neither dials nor is taken until path_works().
  void hold(PeerId peer);
  void path_works(PeerId peer, TimePoint now);
  /// By another configuration the peer need not wait any longer, if it does. Nothing for a listen
  /// range.
  void release(PeerId peer, TimePoint now);
  /// Cease/BFD Down (RFC 9384). `reason`: for people.
  void path_failed(PeerId peer, const std::string& reason, TimePoint now);

  // The operator's commands for one peer.
  void shutdown_peer(PeerId peer, const std::string& message, TimePoint now);
  void start_peer(PeerId peer, TimePoint now);

  // PeerOutput. reset() called from inside an observer's function: on_down follows when that
  // function has returned; otherwise before reset() returns.
  void send_updates(PeerId peer, std::vector<std::uint8_t> encoded) override;
  [[nodiscard]] bool writable(PeerId peer) const override;
  void reset(PeerId peer, const Notification& notification, TimePoint now) override;
  void suspend(PeerId peer, const Notification& notification, std::optional<Duration> pause,
               TimePoint now) override;
  void send_route_refresh(PeerId peer, const RouteRefresh& refresh) override;

  [[nodiscard]] std::size_t peer_count() const { return peers_.size(); }
  /// The neighbor of the configuration, or listen range, of that name.
  [[nodiscard]] std::optional<PeerId> configured(const std::string& name) const;
  [[nodiscard]] const PeerSettings& settings(PeerId peer) const;
  [[nodiscard]] SessionState state(PeerId peer) const;
  /// In order of PeerId.
  [[nodiscard]] std::vector<PeerStatus> status(TimePoint now) const;
  [[nodiscard]] PeerStatus status(PeerId peer, TimePoint now) const;
  [[nodiscard]] const IncomingCounters& incoming() const { return incoming_; }

 private:
  class ObserverSlot;
  /// The settings of a listen range, which has a PeerId and no peer.
  struct Range {
    PeerId id;
    PeerSettings settings;
  };

  void accept(const ConnectionAccepted& connection, TimePoint now);
  void refuse_unknown(const ConnectionAccepted& connection, TimePoint now);
  [[nodiscard]] std::unique_ptr<Peer> make_peer(PeerId id, PeerId configured_as,
                                                PeerSettings settings);
  [[nodiscard]] std::string name_of(const Endpoint& remote) const;
  [[nodiscard]] PeerId free_id();
  [[nodiscard]] bool is_range(PeerId id) const;
  void guard(const Range& range);
  void sort_ranges();
  void apply_to(PeerId id, PeerSettings settings, TimePoint now);
  void start(PeerId id, TimePoint now);
  void retire(PeerId id, const Notification& notification, TimePoint now);
  void retire_dynamic(const PeerSettings& configured, TimePoint now);
  void retire_range(PeerId id, const Notification& notification, TimePoint now);
  Peer* adopt_dynamic(const ConnectionAccepted& connection, TimePoint now);
  void forget_dynamic();
  [[nodiscard]] unsigned dynamic_count(PeerId range) const;
  bool timer_expired(const TimerExpired& expired, TimePoint now);
  void link_changed(const LinkChanged& change, TimePoint now);
  /// The peer of a connection; nullptr if the connection is not ours (any more).
  [[nodiscard]] Peer* peer_of(ConnectionId connection);
  [[nodiscard]] Peer& at(PeerId peer) { return *peers_[peer.value()]; }
  [[nodiscard]] const Peer& at(PeerId peer) const { return *peers_[peer.value()]; }

  Speaker speaker_;
  Transport& transport_;
  Timers& timers_;
  const std::uint64_t seed_;
  PasswordGuards guards_;
  std::unique_ptr<ObserverSlot> observer_;
  ConnectionPeers connection_peers_;
  /// By PeerId. Null for a listen range, and where a dynamic or deconfigured peer has gone: then
  /// the number is given out again.
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<Range> ranges_;
  std::size_t dynamic_ = 0;  ///< how many of the peers came by a range
  std::map<PortId, LinkState> links_;
  IncomingCounters incoming_;
  std::optional<TimePoint> unknown_logged_at_;
  std::uint64_t unknown_unlogged_ = 0;
};

}  // namespace lastmile::bgp
