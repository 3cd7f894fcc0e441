// Everything that can happen to the control plane, as one type.
//
// Messages, timers, links, neighbors, commands: each enters through ControlPlane::handle(Event) and
// nothing else does. The handlers are ordinary functions of the event and the state, with no clock,
// socket or thread in them, so that unit tests drive them directly and a recorded run can be
// replayed exactly. What they want done comes out through the interfaces in effects.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/event/time.h"
#include "dataplane/bfd/command.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/strong_id.h"

namespace lastmile {

/// A TCP connection, outgoing or accepted; given out by whoever opens it, never reused.
using ConnectionId = StrongId<struct ConnectionTag, std::uint64_t>;
/// A request on the control socket that waits for its answer.
using CommandId = StrongId<struct CommandTag, std::uint64_t>;
/// Index in Config::services.
using ServiceId = StrongId<struct ServiceTag, std::uint16_t>;

/// One end of a TCP connection. The same link-local address may appear on several ports, so a
/// link-local address is meaningless without its port.
struct Endpoint {
  IpAddress address;
  std::uint16_t tcp_port = 0;
  /// Set for link-local addresses: the port whose kernel twin the address belongs to.
  std::optional<PortId> port;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

/// The handlers' timers. `owner` says whose: a peer's index, a port's number.
enum class TimerKind : std::uint8_t {
  // BGP, one set for each peer (RFC 4271 section 10); owner: PeerId
  kConnectRetry,
  kIdleHold,
  kAdvertisement,
  kRestart,  // RFC 4724: how long a peer's routes outlive its session
  // BGP, one set for each connection of a peer, because two may be in OpenSent; owner: ConnectionId
  kDelayOpen,
  kHold,
  kKeepalive,
  kSendHold,  // RFC 9687
  // Router advertisements (RFC 4861 section 6.2); owner: PortId
  kRouterAdvertisement,
  kRouterSolicitation,
  // What a peer has not announced again by then is swept (RFC 4724 section 4.2); owner: PeerId
  kStaleRoutes,
  // How long routes outlive even that, as the last choice (RFC 9494); owner: PeerId and family
  kLongLivedStale,
  // After our own restart: until everybody has told all (RFC 4724 section 4.1); owner: 0
  kSelectionDeferral,
  // Link-layer resolution; owner: NextHopId
  kResolve,
  // The neighbor of a BFD session; owner: bfd::SessionId
  kBfdResolve,
  // The daemon's own: its sign of life for the process that follows; owner: 0
  kSignOfLife,
  // The next health check of a service; owner: ServiceId
  kServiceCheck,
  // The next look at the traffic that is to leave; owner: 0
  kDrain,
  // The next slice of the RIB's work (owner 0), or an update group that has waited long enough
  kRibWork,
};
struct TimerKey {
  TimerKind kind;
  std::uint64_t owner = 0;

  friend auto operator<=>(const TimerKey&, const TimerKey&) = default;
};

enum class LinkState : std::uint8_t { kDown, kUp };

// --- what can happen -------------------------------------------------------------------------

/// A connection that we asked for is established.
struct ConnectionOpened {
  ConnectionId connection;
  Endpoint local;
  Endpoint remote;
};
/// A connection that we asked for could not be established.
struct ConnectionFailed {
  ConnectionId connection;
  std::string reason;
};
/// A peer connected to our BGP port.
struct ConnectionAccepted {
  ConnectionId connection;
  Endpoint local;
  Endpoint remote;
};
/// The other side closed, or the connection broke. `reason` is for people.
struct ConnectionClosed {
  ConnectionId connection;
  std::string reason;
};
struct BytesReceived {
  ConnectionId connection;
  std::vector<std::uint8_t> bytes;
};
/// The kernel took everything that was handed to `send`; a writer that had paused may go on.
struct SendDrained {
  ConnectionId connection;
};
struct TimerExpired {
  TimerKey timer;
};
struct LinkChanged {
  PortId port;
  LinkState state;
};
/// Whether the kernel still vouches for a link-layer address, or has not made sure for a while
/// (RFC 4861 section 7.3.2).
enum class Freshness : std::uint8_t { kConfirmed, kStale };
/// The kernel learned, changed or lost (`mac` empty) a link-layer address on a port's twin.
struct LinkLayerNeighborChanged {
  PortId port;
  IpAddress address;
  std::optional<MacAddress> mac;
  Freshness freshness = Freshness::kConfirmed;
};
/// A router advertisement heard on a port (RFC 4861 section 4.2), already validated by 6.1.2.
struct RouterAdvertisementHeard {
  PortId port;
  Ipv6Address source;
  std::optional<MacAddress> source_link_layer;
  std::chrono::seconds router_lifetime{0};
};
struct RouterSolicitationHeard {
  PortId port;
  Ipv6Address source;
};
/// The FIB writer has made progress, freed identifiers or met a failure.
struct FibProgressed {};
/// A worker met packets for a next hop or a connected destination with no link-layer address.
struct ResolutionWanted {
  PortId port;
  NextHopId next_hop;
  IpAddress destination;
};
enum class CheckOutcome : std::uint8_t { kPassed, kFailed };
/// A health check has ended. `run` is the number that it was started with.
struct ServiceChecked {
  ServiceId service;
  std::uint32_t run = 0;
  CheckOutcome outcome = CheckOutcome::kFailed;
  std::string detail;  ///< for people: "HTTP 200", "connection refused"
  Duration took{0};
};
/// A request on the control socket: one JSON object.
struct CommandReceived {
  CommandId command;
  std::string request;
};

struct Event {
  TimePoint at;
  std::variant<ConnectionOpened, ConnectionFailed, ConnectionAccepted, ConnectionClosed,
               BytesReceived, SendDrained, TimerExpired, LinkChanged, LinkLayerNeighborChanged,
               RouterAdvertisementHeard, RouterSolicitationHeard, FibProgressed, ResolutionWanted,
               bfd::StateChanged, ServiceChecked, CommandReceived>
      what;
};

}  // namespace lastmile
