// What the control plane and a worker's BFD engine tell each other. Values only: they go through
// rings.
#pragma once

#include <cstdint>

#include "dataplane/bfd/clock.h"
#include "dataplane/bfd/echo.h"
#include "dataplane/bfd/session.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/strong_id.h"

namespace lastmile::bfd {

/// A session's place, the same on the control thread and on its worker; below kMaxSessions. The
/// control thread gives it out.
using SessionId = StrongId<struct BfdSessionTag, std::uint16_t>;
inline constexpr std::uint16_t kMaxSessions = 512;

/// In place of a port: a session over several hops (RFC 5883). Its packets go where routes lead and
/// come in by any port, and one worker has all such sessions.
inline constexpr PortId kAnyPort{0xffff};
inline constexpr WorkerId kMultihopOwner{0};

/// What a session detects by.
enum class EchoMode : std::uint8_t {
  kOff,           ///< control packets
  kOn,            ///< control packets, and echo where the other side allows it
  kUnaffiliated,  ///< echo alone (RFC 9747); the neighbor needs no BFD
};

/// How a session is to run. What may change while it runs.
struct SessionParameters {
  SessionSettings control{};
  EchoMode echo_mode = EchoMode::kOff;
  EchoSettings echo{};

  friend bool operator==(const SessionParameters&, const SessionParameters&) = default;
};

/// A session as it is made.
struct SessionSpec {
  std::uint32_t discriminator = 0;  ///< not 0, no other session's
  PortId port{};
  MacAddress local_mac{};
  MacAddress remote_mac{};  ///< zero: not known yet; nothing is sent. Not of a multihop session
  IpAddress local{}, remote{};
  /// Of a multihop session: packets that arrive with less have come too far. (On a link it is 255.)
  std::uint8_t least_hop_limit = 1;
  /// Source and destination of unaffiliated echo: an address of ours that the neighbor has a route
  /// for.
  IpAddress echo_address{};
  std::uint16_t source_port = 0;
  SessionParameters parameters{};
  SipKey echo_key{};
  std::uint64_t seed = 0;

  [[nodiscard]] bool is_multihop() const { return port == kAnyPort; }
};

struct Command {
  enum class Kind : std::uint8_t {
    kAdd,        ///< `spec`
    kRemove,     ///< its next hops live again as far as BFD is concerned
    kChange,     ///< `spec.parameters`
    kResolve,    ///< `spec.remote_mac`
    kEnable,     ///< ends kAdminDown
    kAdminDown,  ///< tells the other side; no failure
    kPathDown,   ///< the port's link is gone
    kForgive,    ///< its next hops live although it is down: routing has come back without it
    kSpare,      ///< the neighbor's routing restarts: what may be that alone kills no next hop
    kHeed,       ///< ends kSpare
    kBind,       ///< `next_hop` dies with the session
    kRelease,    ///< `next_hop` is nobody's any more; it stays as it is until it is given out again
    kUnbind,     ///< it does not any more, and lives
  };
  Kind kind{};
  SessionId session{};
  NextHopId next_hop{};
  SessionSpec spec{};
};

/// A session's state has changed. The worker repeats it until the ring takes it, so the last state
/// always arrives; states in between may be skipped, which `failures` tells.
struct StateChanged {
  SessionId session;
  std::uint32_t discriminator = 0;  ///< a later session in the same place has another one
  State state = State::kDown;
  Diagnostic diagnostic = Diagnostic::kNone;
  State remote_state = State::kDown;
  /// How often the session has left Up for a reason that is a failure.
  std::uint32_t failures = 0;
  /// The last failure may be one of the neighbor's control plane alone (RFC 5882 section 4.3).
  bool ambiguous = false;
  /// When it happened, on the worker's cycle clock; the daemon brings it to the steady clock where
  /// it enters the control plane.
  Instant at{};

  friend bool operator==(const StateChanged&, const StateChanged&) = default;
};

}  // namespace lastmile::bfd
