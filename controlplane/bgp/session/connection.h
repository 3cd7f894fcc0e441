// One TCP connection of a peer and the part of the finite state machine that talks on it:
//
//                 begin()                OPEN              KEEPALIVE
//   (TCP is up) ───────────► OpenSent ─────────► OpenConfirm ─────────► Established
//        │                      ▲                     ▲
//        └───► DelayOpen ───────┘ DelayOpen expires   │
//                  └──────────────────────────────────┘ OPEN
//
// and from each of them to Closed. A peer may have two connections at once, one that it opened and
// one that we opened, until they collide (RFC 4271 section 6.8); so hold and keepalive timers, the
// reader of the byte stream and what was negotiated belong to the connection, and finding a
// connection in the first place belongs to the peer (peer.h).
//
// A connection closes its transport and stops its timers the moment it ends, but stays in place,
// Closed, until its owner has looked at `ending()`: so it may be ended from inside any of the
// owner's functions.
//
// Event numbers in comments are those of RFC 4271 section 8.1.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/bgp/session/open.h"
#include "controlplane/bgp/session/retry.h"
#include "controlplane/bgp/session/status.h"
#include "controlplane/bgp/wire/message.h"
#include "controlplane/event/effects.h"

namespace lastmile::bgp {

class Connection;

/// The peer, as its connections see it. The calls come from inside Connection::receive.
class ConnectionOwner {
 public:
  virtual ~ConnectionOwner() = default;
  /// Is this OPEN acceptable, and what follows from it? An error is sent and ends the connection.
  virtual tl::expected<Negotiated, Notification> check_open(const Connection& connection,
                                                            const Open& theirs) = 0;
  /// The connection is in OpenConfirm. The owner resolves collisions, which may end it.
  virtual void on_open_confirm(Connection& connection, TimePoint now) = 0;
  /// Whether it may lose a collision that is not decided yet; it then says no KEEPALIVE for a
  /// while.
  [[nodiscard]] virtual bool may_lose(const Connection& connection) const = 0;
  /// That has lasted for kCollisionPatience.
  virtual void on_undecided(Connection& connection, TimePoint now) = 0;
  /// The peer is Established on this one of two connections, and has said so by what it sends.
  virtual void on_decided(Connection& connection, TimePoint now) = 0;
  virtual void on_established(Connection& connection, TimePoint now) = 0;
  virtual void on_update(Connection& connection, Update& update, TimePoint now) = 0;
  virtual void on_route_refresh(Connection& connection, const RouteRefresh& refresh,
                                TimePoint now) = 0;
};

class Connection {
 public:
  enum class Origin : std::uint8_t { kOutgoing, kIncoming };
  enum class State : std::uint8_t { kDelayOpen, kOpenSent, kOpenConfirm, kEstablished, kClosed };

  /// How it ended, for whoever decides what to do next.
  struct Ending {
    enum class Cause : std::uint8_t {
      kNotificationSent,
      kNotificationReceived,
      kTransport,   ///< the other side closed, or the connection broke
      kDropped,     ///< we closed without a word: the link is down, or nobody can listen
      kSuperseded,  ///< the peer has opened another one, so it has lost this one
    };
    Cause cause = Cause::kDropped;
    State before = State::kClosed;  ///< the state in which it ended
    Notification notification;      ///< sent or received
    std::string reason;             ///< for people
  };

  /// What a connection needs from outside itself; all of it outlives the connection.
  struct Context {
    ConnectionOwner& owner;
    Transport& transport;
    Timers& timers;
    Jitter& jitter;
    PeerHistory& history;
    const PeerSettings& settings;
  };

  /// While OPEN is awaited: RFC 4271 section 8.2.2 suggests 4 minutes.
  static constexpr Duration kLargeHoldTime = std::chrono::minutes{4};
  /// RFC 9687 section 4: the greater of 8 minutes and twice the hold time. Of what the kernel holds
  /// already, which we can't see, the transport says when it has waited for too long.
  static constexpr Duration kSendHoldTime = Transport::kLongestUntaken;
  /// How long a collision may remain undecided (see ConnectionOwner::may_lose).
  static constexpr Duration kCollisionPatience = std::chrono::milliseconds{500};
  /// A hold timer that fires this late tells of our own delay, not of the peer's (see
  /// hold_expired).
  static constexpr Duration kLate = std::chrono::milliseconds{100};

  Connection(const Context& context, ConnectionId id, Origin origin, Endpoint local,
             Endpoint remote)
      : ctx_(context), id_(id), origin_(origin), local_(local), remote_(remote) {}
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // --- events -------------------------------------------------------------------------------

  /// TCP is up (events 16 and 17). `open` is what we say, now or after the DelayOpen timer.
  void begin(const Open& open, TimePoint now);
  void receive(std::span<const std::uint8_t> bytes, TimePoint now);
  /// The other side closed, or the connection broke (event 18).
  void transport_closed(const std::string& reason, TimePoint now);
  void drained();
  /// A timer of this connection expired: kDelayOpen, kHold, kKeepalive or kSendHold.
  void timer_expired(TimerKind kind, TimePoint now);

  // --- what the owner may ask -----------------------------------------------------------------

  /// A collision is not decided: it goes no further than OpenConfirm until go_on().
  void hold() { undecided_ = true; }
  /// There is nothing left to lose a collision to: goes on if it has waited for that.
  void go_on(TimePoint now);
  /// KEEPALIVE has answered OPEN, so the peer may be Established.
  [[nodiscard]] bool answered() const { return answered_; }
  /// The keepalive time in the settings has changed.
  void keepalive_changed();
  /// Ends the connection with a NOTIFICATION.
  void close_with(const Notification& notification, TimePoint now);
  /// Ends it without a word.
  void drop(const std::string& reason, Ending::Cause cause = Ending::Cause::kDropped);
  /// Sends encoded UPDATEs; Established only.
  void send_updates(std::vector<std::uint8_t> encoded);
  void send_route_refresh(const RouteRefresh& refresh);

  [[nodiscard]] ConnectionId id() const { return id_; }
  [[nodiscard]] Origin origin() const { return origin_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] const Endpoint& local() const { return local_; }
  [[nodiscard]] const Endpoint& remote() const { return remote_; }
  [[nodiscard]] const Open& sent_open() const { return sent_; }
  /// The peer's; meaningful from OpenConfirm on.
  [[nodiscard]] const Open& received_open() const { return received_; }
  [[nodiscard]] const Negotiated& negotiated() const { return negotiated_; }
  [[nodiscard]] Duration keepalive() const { return keepalive_; }
  [[nodiscard]] const Ending& ending() const { return ending_; }

 private:
  void send(std::vector<std::uint8_t> bytes);
  void send_open();
  void send_keepalive();
  void accept_open(const Open& theirs, TimePoint now);
  void answer();
  void establish(TimePoint now);

  // One for each state: what a message means there.
  void in_delay_open(Message& message, TimePoint now);
  void in_open_sent(Message& message, TimePoint now);
  void in_open_confirm(Message& message, TimePoint now);
  void in_established(Message& message, TimePoint now);
  void handle(Message& message, TimePoint now);
  void unexpected(const Message& message, TimePoint now);
  void notified(const Notification& notification, TimePoint now);
  void note_faults(const Update& update);

  void restart_hold(Duration after, TimePoint now);
  void restart_keepalive();
  void hold_expired(TimePoint now);
  void send_hold_expired();
  void arm_send_hold();
  [[nodiscard]] std::uint64_t gone_octets() const;
  [[nodiscard]] TimerKey timer(TimerKind kind) const { return {kind, id_.value()}; }

  void end(Ending ending);

  const Context ctx_;
  const ConnectionId id_;
  const Origin origin_;
  const Endpoint local_, remote_;
  State state_ = State::kDelayOpen;
  MessageReader reader_;
  CodecContext codec_;
  Open sent_, received_;
  Negotiated negotiated_;
  Duration keepalive_{0};
  std::optional<TimePoint> hold_deadline_;
  bool hold_second_chance_ = true;  ///< see hold_expired()
  bool send_hold_armed_ = false;
  std::uint64_t sent_octets_ = 0;        ///< handed to the transport
  std::uint64_t gone_at_send_hold_ = 0;  ///< of these had left its queue when kSendHold was armed
  // In OpenConfirm.
  bool answered_ = false;         ///< with KEEPALIVE
  bool undecided_ = false;        ///< a collision is to be decided first
  bool heard_keepalive_ = false;  ///< while it was undecided
  Ending ending_;
};

[[nodiscard]] SessionState to_session_state(Connection::State state, Connection::Origin origin);

}  // namespace lastmile::bgp
