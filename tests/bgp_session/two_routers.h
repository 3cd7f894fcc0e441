// Two session managers that find each other, over real sockets on the loopback and in real time.
#pragma once

#include <optional>
#include <utility>

#include "controlplane/io/asio_timers.h"
#include "controlplane/io/asio_transport.h"
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {

inline constexpr Duration kPatience = 10s;

/// A session manager with everything real around it.
struct Router {
  Router(Asn asn, Ipv4Address id, const IpAddress& own) : speaker{asn, id, "", ""} {
    loop.set_handler([this](Event&& event) { manager->handle(event); });
    port = transport.listen(own, 0).value();
  }
  void start(const IpAddress& own, const IpAddress& remote, std::uint16_t remote_port,
             PeerSettings settings = {}) {
    settings.name = to_string(remote);
    settings.address = remote;
    settings.source = own;
    settings.tcp_port = remote_port;
    manager.emplace(speaker, std::vector{settings}, transport, timers, speaker.asn.value());
    manager->start(observer, loop.now());
  }
  SessionState state() const { return manager->state(PeerId{0}); }

  Speaker speaker;
  EventLoop loop;
  AsioTimers timers{loop};
  AsioTransport transport{loop, {}};
  Recorder observer;
  std::optional<SessionManager> manager;
  std::uint16_t port = 0;
};

/// Each the other's only neighbor.
struct TwoRouters {
  TwoRouters(const IpAddress& address_a, const IpAddress& address_b,
             const PeerSettings& settings = {})
      : a(Asn{65001}, {1, 1, 1, 1}, address_a), b(Asn{65002}, {2, 2, 2, 2}, address_b) {
    log::set_level(log::Level::kOff);
    a.start(address_a, address_b, b.port, settings);
    b.start(address_b, address_a, a.port, settings);
  }
  /// Runs both until it holds; false if patience ends first.
  template <class Condition>
  bool until(Condition condition, Duration patience = kPatience) {
    const auto give_up = ControlClock::now() + patience;
    while (!condition() && ControlClock::now() < give_up) {
      a.loop.run_for(1ms);
      b.loop.run_for(1ms);
    }
    return condition();
  }
  bool both_up() const {
    return a.state() == SessionState::kEstablished && b.state() == SessionState::kEstablished;
  }
  Router a, b;
};

}  // namespace lastmile::bgp
