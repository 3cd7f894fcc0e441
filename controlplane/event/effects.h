// What the control plane's handlers ask of the outside world. Implemented over Boost.Asio and
// netlink in controlplane/io and controlplane/neighbors, and by fakes in tests.
//
// None of these calls blocks or calls back into the handlers: results come later, as events.
// All: control thread only.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/event/event.h"

namespace lastmile {

/// TTLs (IPv4) or hop limits (IPv6) of a connection.
struct HopLimits {
  std::uint8_t sent = 1;
  std::uint8_t least_received = 0;  ///< packets with less are dropped (RFC 5082); 0: none are

  friend bool operator==(const HopLimits&, const HopLimits&) = default;
};

/// TCP for BGP. Every connection ends with exactly one ConnectionFailed or ConnectionClosed event,
/// unless we close it ourselves: after close() no event for it follows.
class Transport {
 public:
  virtual ~Transport() = default;

  /// A connection ends if its other side takes nothing of what the kernel holds for so long: it
  /// acknowledges, and its window is shut. Less than the kernel holds never shows in queued().
  static constexpr Duration kLongestUntaken = std::chrono::minutes{8};

  struct ConnectOptions {
    std::optional<IpAddress> source;  ///< update source; else the kernel chooses
    HopLimits hops;
    std::string password;  ///< TCP MD5 (RFC 2385); empty: none
  };
  /// Starts a connection; ConnectionOpened or ConnectionFailed follows.
  virtual ConnectionId connect(const Endpoint& remote, const ConnectOptions& options) = 0;
  /// For a connection that was accepted.
  virtual void set_hop_limits(ConnectionId connection, const HopLimits& hops) = 0;
  /// From now on connections from there must be signed with `password` (RFC 2385), or, if it is
  /// empty, must not. The longest prefix counts. False if the kernel can't.
  virtual bool set_password(const IpPrefix& remote, const std::string& password) = 0;
  /// Queues bytes; never blocks. SendDrained follows when the queue has become empty.
  virtual void send(ConnectionId connection, std::vector<std::uint8_t> bytes) = 0;
  /// Bytes queued and not yet taken by the kernel.
  [[nodiscard]] virtual std::size_t queued(ConnectionId connection) const = 0;
  /// Closes after what is queued has been sent as far as the kernel takes it at once.
  virtual void close(ConnectionId connection) = 0;
};

/// One-shot timers. Arming an armed timer moves it.
class Timers {
 public:
  virtual ~Timers() = default;
  virtual void arm(TimerKey timer, Duration after) = 0;
  virtual void cancel(TimerKey timer) = 0;
};

/// The kernel's side of a port: neighbor discovery on its twin.
class Neighborhood {
 public:
  virtual ~Neighborhood() = default;
  /// Multicasts a router advertisement with lifetime 0 (RFC 4861 section 6.2.3); `to`: unicast.
  virtual void send_router_advertisement(PortId port, std::optional<Ipv6Address> to) = 0;
  virtual void send_router_solicitation(PortId port) = 0;
  /// Asks the kernel to resolve an address (ARP or ND); LinkLayerNeighborChanged follows if it can.
  virtual void resolve(PortId port, const IpAddress& address) = 0;
};

/// Answers to commands.
class Replies {
 public:
  virtual ~Replies() = default;
  /// `response` is one JSON object, with "error" set if the command failed.
  virtual void reply(CommandId command, std::string response) = 0;
};

}  // namespace lastmile
