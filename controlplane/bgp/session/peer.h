// A BGP peer: the configuration, the search for a connection, and up to two connections.
//
// RFC 4271's state machine is one for each connection. Here its two halves are apart. The half that
// talks (OpenSent and later) is Connection. The half that seeks is this class, once for each peer:
//
//              start              ConnectRetry                TCP opens
//     Idle ───────────► Active ◄───────────────► Connect ───────────────► a Connection
//      ▲                  │  TCP fails, backoff                               │
//      │ IdleHold expires │  accepted() ──────────► a Connection              │ ends
//      └──────────────────┴───────────────────────────────────────────────────┘
//
// While a connection has not got an OPEN from the other side, the search goes on beside it: someone
// who connects and says nothing must not keep us from dialing. From OpenConfirm on it rests.
//
// After a failure the peer is deaf (Idle) for one retry interval, then listens, and dials when its
// backoff has passed (retry.h). So a flapping peer costs little, and one that has recovered is
// heard within one interval however long our own backoff has grown.
//
// The address of an unnumbered peer is whoever was discovered on its port, or, as long as nobody
// was, whoever connects from a link-local address of that port: a neighbor configured with our
// address may not send router advertisements at all. News of a discovery never disturbs an
// Established session; they count when it has ended.
//
// Everything that enters runs inside a turn(). What a turn leaves Closed is settled when it ends:
// that is when the observer hears on_down and the next attempt is planned.
//
// Event numbers in comments are those of RFC 4271 section 8.1.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>

#include "controlplane/bgp/session/connection.h"
#include "controlplane/bgp/session/open.h"
#include "controlplane/bgp/session/password_guards.h"
#include "controlplane/bgp/session/retry.h"
#include "controlplane/bgp/session/status.h"
#include "controlplane/event/effects.h"

namespace lastmile::bgp {

/// Which peer a connection belongs to, for routing its events.
using ConnectionPeers = std::unordered_map<ConnectionId, PeerId>;

class Peer final : private ConnectionOwner {
 public:
  /// What a peer needs from outside itself; all of it outlives the peer.
  struct Context {
    const Speaker& speaker;
    Transport& transport;
    Timers& timers;
    SessionObserver& observer;
    ConnectionPeers& connection_peers;
    PasswordGuards& guards;
  };

  /// Bytes that may wait in the send queue before writable() turns false.
  static constexpr std::size_t kSendMark = 256 * 1024;
  /// A connection that the peer opens sooner after the session came up is a late collision; later,
  /// it says that the peer has forgotten the session (RFC 4724 section 5).
  static constexpr Duration kCollisionWindow = std::chrono::seconds{5};

  /// `configured_as`: the PeerId of the configuration that `settings` are of.
  Peer(const Context& context, PeerId id, PeerId configured_as, PeerSettings settings,
       std::uint64_t seed);
  ~Peer() override = default;
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  // --- administration and the link ------------------------------------------------------------

  /// Events 1 and 3 to 5.
  void start(TimePoint now);
  /// Event 2: Cease/Administrative Shutdown with `message` for the other side's operator
  /// (RFC 9003), and stays down until start().
  void shutdown(const std::string& message, TimePoint now);
  /// Ends the session with a NOTIFICATION; tries again as after any failure.
  void reset(const Notification& notification, TimePoint now);
  /// Ends it, and is deaf for `pause`; nullopt: until start().
  void suspend(const Notification& notification, std::optional<Duration> pause, TimePoint now);
  /// Ends the session with a NOTIFICATION and gives up everything outside that is the peer's: the
  /// last thing that is done with it.
  void retire(const Notification& notification, TimePoint now);
  /// Another configuration of which the peer never hears, so its session goes on: the keepalive
  /// time from now on, connect-retry from the next try on. One that was suspended without a pause
  /// is tried again if another number of prefixes is allowed now.
  void configure_again(const PeerSettings& settings, TimePoint now);
  void link_down(TimePoint now);
  void link_up(TimePoint now);
  /// Waits for path_works() before it seeks or takes a connection (strict mode of BFD).
  void hold();
  /// BFD is up: whatever the backoff says, this is the time to try.
  void path_works(TimePoint now);
  [[nodiscard]] bool is_held() const { return held_; }
  /// BFD has failed. `reason`: for people.
  void path_failed(const std::string& reason, TimePoint now);
  /// An unnumbered peer's neighbor is known; repeated news of the same one mean nothing.
  void set_discovered(const Ipv6Address& address, TimePoint now);
  void discovery_lost(TimePoint now);

  // --- connections ----------------------------------------------------------------------------

  /// Is a connection from there this peer's?
  [[nodiscard]] bool matches(const Endpoint& remote) const;
  /// Would this unnumbered peer, whose neighbor nobody has discovered, take it for its own?
  [[nodiscard]] bool adopts(const Endpoint& remote) const;
  enum class Welcome : std::uint8_t { kAccepted, kRefused };
  /// A connection from a matching or adopted remote. If refused, it has been closed.
  Welcome accepted(ConnectionId id, const Endpoint& local, const Endpoint& remote, TimePoint now);
  void opened(ConnectionId id, const Endpoint& local, const Endpoint& remote, TimePoint now);
  void failed(ConnectionId id, const std::string& reason, TimePoint now);
  void closed(ConnectionId id, const std::string& reason, TimePoint now);
  void received(ConnectionId id, std::span<const std::uint8_t> bytes, TimePoint now);
  void drained(ConnectionId id, TimePoint now);
  /// A timer of one of the peer's connections.
  void connection_timer_expired(ConnectionId id, TimerKind kind, TimePoint now);
  /// kConnectRetry, kIdleHold or kRestart.
  void timer_expired(TimerKind kind, TimePoint now);

  // --- for the routing side and for show ------------------------------------------------------

  void send_updates(std::vector<std::uint8_t> encoded);
  void send_route_refresh(const RouteRefresh& refresh);
  [[nodiscard]] bool writable() const;
  [[nodiscard]] SessionState state() const;
  [[nodiscard]] const PeerSettings& settings() const { return settings_; }
  /// No connection, none on its way: a dynamic peer in this state may be forgotten.
  [[nodiscard]] bool idle() const {
    return depth_ == 0 && !suspended_ && !restarting_ && furthest() == nullptr;
  }
  [[nodiscard]] PeerId configured_as() const { return configured_as_; }
  [[nodiscard]] PeerStatus status(TimePoint now) const;

 private:
  /// The seeking half.
  enum class Seek : std::uint8_t {
    kIdle,     ///< not seeking, and deaf
    kActive,   ///< listening; will dial if the ConnectRetry timer is armed
    kConnect,  ///< a dial is under way
  };
  /// Where the address came from, in order of trust.
  enum class AddressSource : std::uint8_t { kNone, kIncoming, kDiscovered, kConfigured };
  /// What a connection's end asks for, mildest first.
  enum class Aftermath : std::uint8_t { kRetryAtOnce, kRetry, kDamp };

  // ConnectionOwner
  tl::expected<Negotiated, Notification> check_open(const Connection& connection,
                                                    const Open& theirs) override;
  void on_open_confirm(Connection& connection, TimePoint now) override;
  [[nodiscard]] bool may_lose(const Connection& connection) const override;
  void on_undecided(Connection& connection, TimePoint now) override;
  void on_decided(Connection& connection, TimePoint now) override;
  void on_established(Connection& connection, TimePoint now) override;
  void on_update(Connection& connection, Update& update, TimePoint now) override;
  void on_route_refresh(Connection& connection, const RouteRefresh& refresh,
                        TimePoint now) override;

  template <class Body>
  void turn(TimePoint now, Body&& body);
  void settle(TimePoint now);
  std::optional<Aftermath> reap(TimePoint now);
  Aftermath judge(const Connection::Ending& ending);
  void plan(Aftermath aftermath, TimePoint now);

  // graceful restart (RFC 4724, RFC 8538), peer_restart.cc
  [[nodiscard]] bool is_restart(const Connection::Ending& ending,
                                const std::optional<GracefulRestart>& agreed) const;
  void begin_restart(const Negotiated& session, const std::string& reason, TimePoint now);
  void restart_timer_expired(TimePoint now);
  void end_restart(const std::string& reason, TimePoint now);
  bool superseded(TimePoint now);
  [[nodiscard]] static Notification final_word(const Notification& notification,
                                               const Connection& connection);

  // seeking
  void seek(TimePoint now);
  void dial(TimePoint now);
  void dial_after(Duration wait);
  void rest();
  void stop_seeking();
  void hold_idle();
  [[nodiscard]] bool may_seek() const;
  [[nodiscard]] bool may_dial() const;
  void use_address(std::optional<IpAddress> address, AddressSource source);
  void guard_address();
  void unguard_address();
  [[nodiscard]] std::optional<IpPrefix> guarded_address() const;
  void believe_discovery();
  void end_all(const Notification& notification, TimePoint now);
  void drop_all(const std::string& reason);

  // connections
  using Slot = std::optional<Connection>;
  Slot& slot(Connection::Origin origin) { return slots_[static_cast<std::size_t>(origin)]; }
  [[nodiscard]] const Slot& slot(Connection::Origin origin) const {
    return slots_[static_cast<std::size_t>(origin)];
  }
  void open_connection(ConnectionId id, Connection::Origin origin, const Endpoint& local,
                       const Endpoint& remote, TimePoint now);
  [[nodiscard]] Connection* find(ConnectionId id);
  /// The other open connection, if there is one.
  [[nodiscard]] Connection* other_than(const Connection& connection);
  /// The open connection that has come furthest, if there is one.
  [[nodiscard]] const Connection* furthest() const;
  /// A connection is in OpenConfirm or Established.
  [[nodiscard]] bool past_open() const;
  [[nodiscard]] Connection* established();
  void note_error(const std::string& reason, TimePoint now);
  void note_fault(const Update& update, TimePoint now);
  void drop_foreign_families(const std::vector<Family>& agreed, Update& update);
  void note_state(TimePoint now);
  [[nodiscard]] std::string detail() const;

  const Context ctx_;
  const PeerId id_;
  const PeerId configured_as_;
  PeerSettings settings_;  ///< but for configure_again(), what it was made with
  Jitter jitter_;
  Backoff backoff_;
  PeerHistory history_;

  bool enabled_ = false;
  bool suspended_ = false;             ///< until IdleHold expires, or start()
  bool awaits_configuration_ = false;  ///< if suspended: without a pause
  bool restarting_ = false;            ///< until the next session, or kRestart expires
  /// What was agreed on with the session that is being waited for, until it begins.
  std::optional<LongLivedRestart> long_lived_;
  bool last_choice_ = false;  ///< the long-lived time of RFC 9494 has begun
  LinkState link_ = LinkState::kUp;
  bool held_ = false;
  std::optional<Ipv6Address> discovered_;
  std::optional<IpAddress> address_;
  AddressSource address_source_ = AddressSource::kNone;

  Seek seek_ = Seek::kIdle;
  bool dial_planned_ = false;  ///< the ConnectRetry timer is armed
  std::optional<ConnectionId> dialing_;
  std::array<Slot, 2> slots_;  ///< by Connection::Origin
  CapabilityUse capability_use_ = CapabilityUse::kAnnounce;

  std::optional<TimePoint> established_at_;
  bool send_paused_ = false;
  SessionState noted_state_ = SessionState::kIdle;
  TimePoint state_since_;
  std::string logged_error_;
  std::optional<TimePoint> fault_logged_at_;
  unsigned depth_ = 0;  ///< turns on the stack
};

template <class Body>
void Peer::turn(TimePoint now, Body&& body) {
  ++depth_;
  body();
  if (depth_ == 1) settle(now);
  --depth_;
}

}  // namespace lastmile::bgp
