// What `show bgp` can tell of a peer's session. Plain values; the JSON is made elsewhere.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/config/config.h"

namespace lastmile::bgp {

/// RFC 4271 section 8.2.2.
enum class SessionState : std::uint8_t {
  kIdle,
  kConnect,
  kActive,
  kOpenSent,
  kOpenConfirm,
  kEstablished,
};
/// "Idle", "OpenSent", ...
[[nodiscard]] const char* to_string(SessionState state);

/// Messages since the process started, by type.
struct MessageCounters {
  std::uint64_t open = 0;
  std::uint64_t update = 0;
  std::uint64_t notification = 0;
  std::uint64_t keepalive = 0;
  std::uint64_t route_refresh = 0;

  [[nodiscard]] std::uint64_t total() const {
    return open + update + notification + keepalive + route_refresh;
  }
};

/// What a peer has been through, over all its connections.
struct PeerHistory {
  MessageCounters received, sent;
  std::uint64_t established = 0;        ///< sessions that came up
  std::uint64_t dropped = 0;            ///< of these, how many went down again
  std::uint64_t treat_as_withdraw = 0;  ///< malformed attributes, by RFC 7606's outcome
  std::uint64_t attribute_discard = 0;
  std::string last_fault;  ///< RFC 7606: the worst of the last bad UPDATE; for people
  struct Seen {
    Notification notification;
    TimePoint at;
  };
  std::optional<Seen> last_sent, last_received;  ///< NOTIFICATIONs
  std::string last_error;                        ///< for people; empty: none yet
  std::optional<TimePoint> last_error_at;
  std::string last_down;  ///< why the last session that was up ended; attempts since don't touch it
};

struct PeerStatus {
  PeerId id;
  std::string name;
  std::optional<PortId> port;
  std::optional<IpAddress> address;  ///< empty: not discovered yet
  RemoteAsn expected_asn;
  bool passive = false;
  SessionState state = SessionState::kIdle;
  std::string detail;        ///< why it is not up ("link is down"); empty when Established
  bool suspended = false;    ///< it was ended on purpose, and is not tried for now
  TimePoint since;           ///< when `state` was entered
  Duration uptime{0};        ///< of an Established session, else 0
  bool restarting = false;   ///< the session has ended, and the peer's routes are kept (RFC 4724)
  bool last_choice = false;  ///< the same, for so long that they are the last choice (RFC 9494)
  PeerHistory history;

  // Of the current session; meaningful from OpenConfirm on.
  std::optional<Negotiated> negotiated;
  Duration keepalive{0};  ///< 0: none are sent (hold time 0)
  Capabilities announced, received;
};

/// Connections that came in and belonged to nobody or were not welcome.
struct IncomingCounters {
  std::uint64_t accepted = 0;
  std::uint64_t unknown = 0;  ///< no configured peer has this port and address
  std::uint64_t refused = 0;  ///< the peer is down by configuration, link or damping
};

}  // namespace lastmile::bgp
