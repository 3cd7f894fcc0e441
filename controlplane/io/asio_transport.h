// BGP's TCP over the kernel's sockets.
//
// A port's BGP runs on its kernel twin (drivers/exception): link-local addresses exist once for
// each twin, so the table of twins turns the kernel's scope of an address into our PortId and back.
// Sockets that we open towards a port are bound to its twin as well: a packet of this session never
// leaves by another interface, whatever the kernel's routes say.
//
// All functions: control thread only. Events go to the loop's handler.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/event/effects.h"
#include "controlplane/io/event_loop.h"
#include "controlplane/io/socket_address.h"

namespace lastmile {

class AsioTransport final : public Transport {
 public:
  /// `loop` outlives the transport.
  AsioTransport(EventLoop& loop, std::vector<PortTwin> twins,
                Duration longest_untaken = kLongestUntaken);
  /// Closes everything at once.
  ~AsioTransport() override;
  AsioTransport(const AsioTransport&) = delete;
  AsioTransport& operator=(const AsioTransport&) = delete;

  /// Accepts connections to `local` from now on; with port 0 the kernel chooses. The port that it
  /// is, or "TCP port 179 on 0.0.0.0: Address already in use; ...".
  tl::expected<std::uint16_t, std::string> listen(const IpAddress& local, std::uint16_t tcp_port);
  /// listen() on [::] and 0.0.0.0. On a machine without IPv6 the first is left out, with a warning.
  tl::expected<void, std::string> listen_everywhere(std::uint16_t tcp_port);

  ConnectionId connect(const Endpoint& remote, const ConnectOptions& options) override;
  void set_hop_limits(ConnectionId connection, const HopLimits& hops) override;
  /// On every listener, also on those that are still to come.
  bool set_password(const IpPrefix& remote, const std::string& password) override;
  /// SendDrained follows only if the kernel did not take everything at once.
  void send(ConnectionId connection, std::vector<std::uint8_t> bytes) override;
  [[nodiscard]] std::size_t queued(ConnectionId connection) const override;
  /// The other side gets what was sent and an orderly end, even if it has sent what we didn't read:
  /// a socket closed with unread data would answer with RST, and the NOTIFICATION could be lost
  /// with it. So the socket is kept, half closed, until the other side closes too, for at most a
  /// second.
  void close(ConnectionId connection) override;

  /// Nothing open and nothing half closed: after the sessions were stopped, every NOTIFICATION has
  /// arrived.
  [[nodiscard]] bool idle() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace lastmile
