// What a BGP session tells the routing side, and what the routing side may ask of it. The session
// (this folder) knows connections, messages and timers; the RIB (controlplane/rib) knows routes.
// They meet only here.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/role.h"
#include "controlplane/event/event.h"

namespace lastmile::bgp {

/// A configured or dynamic peer, numbered densely from 0, stable for the life of the process.
using PeerId = StrongId<struct PeerTag, std::uint16_t>;

/// What OPEN settled.
struct Negotiated {
  Asn local_asn;  ///< the one that the peer sees: router.asn, or local-as
  Asn remote_asn;
  BgpIdentifier remote_identifier;
  bool external = true;
  std::chrono::seconds hold_time{0};
  CodecContext codec;            ///< for decoding what the peer sends and encoding what we send
  std::vector<Family> families;  ///< that both sides announced
  bool peer_route_refresh = false;
  bool enhanced_refresh = false;  ///< begin and end of a refresh are marked (RFC 7313)
  std::optional<Role> role;       ///< what we are to the peer (RFC 9234)
  Endpoint local;
  Endpoint remote;
  /// How the peer's routes are kept while it restarts: what it says of itself, for the families of
  /// this session. Nothing: it doesn't ask for that, or we don't help.
  std::optional<GracefulRestart> graceful_restart;
  /// For how long beyond that (RFC 9494): families that are kept, times no longer than we allow.
  /// Nothing: the peer and we have not both announced it.
  std::optional<LongLivedRestart> long_lived;
  /// The peer marks the end of its table, and does not wait for the end of ours (RFC 4724 section
  /// 4.1).
  bool ends_its_table = false;
  /// Our own addresses on the session's port, for next hop self.
  NextHop local_next_hop;
  std::string name;  ///< the peer's, as everything shows it
  /// Whose configuration holds for the peer: its own, or the listen range's that it came by.
  PeerId configured_as;
};

/// Implemented by the routing side. Calls come from inside ControlPlane::handle; an implementation
/// may call PeerOutput but must not destroy the session.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;
  virtual void on_established(PeerId peer, const Negotiated& negotiated, TimePoint now) = 0;
  /// The session has already dealt with the codec's faults; `update` may be moved from.
  virtual void on_update(PeerId peer, Update& update, TimePoint now) = 0;
  virtual void on_route_refresh(PeerId peer, const RouteRefresh& refresh, TimePoint now) = 0;
  /// The session has ended, but the peer is expected back: its routes of the families in
  /// Negotiated::graceful_restart are kept and used (RFC 4724 section 4.2). on_established or
  /// on_down follows.
  virtual void on_restarting(PeerId peer, const std::string& reason, TimePoint now) = 0;
  /// The peer is not back in time, but its routes of these families are to be kept still, as the
  /// last choice, each for its own time (RFC 9494 section 4.2). What follows is as after
  /// on_restarting.
  virtual void on_long_lived(PeerId peer, const LongLivedRestart& kept, TimePoint now) = 0;
  /// The peer's routes are to be forgotten. Called for each on_established, unless on_restarting
  /// and another on_established have followed that.
  virtual void on_down(PeerId peer, const std::string& reason, TimePoint now) = 0;
  /// The peer's send queue is empty again; more updates may follow.
  virtual void on_writable(PeerId peer, TimePoint now) = 0;
};

/// Implemented by the session side. What is sent is queued: sending neither ends a session nor
/// calls back; a connection that fails by it says so in a later turn of the event loop.
class PeerOutput {
 public:
  virtual ~PeerOutput() = default;
  /// Sends encoded UPDATE messages. Ignored if the peer is not Established.
  virtual void send_updates(PeerId peer, std::vector<std::uint8_t> encoded) = 0;
  /// Asks an Established peer to send its routes again (RFC 2918), or marks where ours begin and
  /// end that it has asked for (RFC 7313).
  virtual void send_route_refresh(PeerId peer, const RouteRefresh& refresh) = 0;
  /// False while the send queue is above its mark; on_writable follows.
  [[nodiscard]] virtual bool writable(PeerId peer) const = 0;
  /// Ends the session with a NOTIFICATION: another import, and a peer that can not refresh.
  virtual void reset(PeerId peer, const Notification& notification, TimePoint now) = 0;
  /// The same of a peer that sends too much, and no other session before `pause` is over; nullopt:
  /// before the peer is started by the operator.
  virtual void suspend(PeerId peer, const Notification& notification, std::optional<Duration> pause,
                       TimePoint now) = 0;
};

}  // namespace lastmile::bgp
