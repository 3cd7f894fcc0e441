// A world for session tests: virtual time, a transport that only records, and peers played by the
// test. Time moves only by advance(), which fires due timers in order.
//
//   World world({unnumbered(0)});
//   world.start();
//   auto c = world.dialed();                    // the connection that the manager asked for
//   world.open(c);                              // TCP is up
//   world.say(c, peer_open());                  // the peer's OPEN
//   EXPECT_EQ(world.heard(c).back(), ...);      // what the manager sent
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controlplane/bgp/session/session_manager.h"
#include "controlplane/bgp/wire/notification.h"
#include "logging/log.h"

namespace lastmile::bgp {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

inline constexpr Asn kOurAsn{64512};
inline constexpr Asn kPeerAsn{65001};
inline const BgpIdentifier kOurId{10, 0, 1, 1};
inline const BgpIdentifier kHigherId{10, 255, 255, 1};
inline const BgpIdentifier kLowerId{1, 1, 1, 1};
inline const Ipv6Address kOurLinkLocal = *Ipv6Address::parse("fe80::1");
inline const Ipv6Address kLeaf = *Ipv6Address::parse("fe80::aa");
inline const Ipv6Address kOtherLeaf = *Ipv6Address::parse("fe80::bb");
inline const Ipv4Address kNumbered{192, 0, 2, 1};

inline Speaker speaker() {
  return {kOurAsn, kOurId, "bms1", "example.net", std::nullopt, {"up1", "up2", "up3"}};
}

inline PeerSettings unnumbered(std::uint16_t port) {
  PeerSettings settings;
  settings.name = "up" + std::to_string(port + 1);
  settings.port = PortId{port};
  return settings;
}
inline PeerSettings link_local(std::uint16_t port, const Ipv6Address& address) {
  PeerSettings settings = unnumbered(port);
  settings.address = address;
  return settings;
}
inline PeerSettings numbered(Ipv4Address address = kNumbered) {
  PeerSettings settings;
  settings.name = to_string(address);
  settings.address = address;
  return settings;
}

inline Open peer_open(BgpIdentifier id = kHigherId, Asn asn = kPeerAsn, std::uint16_t hold = 9) {
  Open open;
  open.asn = asn;
  open.hold_time_s = hold;
  open.identifier = id;
  open.capabilities.multiprotocol = {Family::kIpv4Unicast, Family::kIpv6Unicast};
  open.capabilities.extended_next_hop = {Family::kIpv4Unicast};
  open.capabilities.route_refresh = true;
  open.capabilities.four_octet_asn = asn;
  return open;
}

class FakeTransport final : public Transport {
 public:
  struct Record {
    Endpoint remote;
    ConnectOptions options;
    bool dialed = false;
    bool closed = false;  ///< by the manager
    Bytes sent;
    std::size_t queued = 0;
    bool stuck = false;  ///< its peer takes nothing
  };

  ConnectionId connect(const Endpoint& remote, const ConnectOptions& options) override {
    const ConnectionId id = next();
    records[id].remote = remote;
    records[id].options = options;
    records[id].dialed = true;
    dials.push_back(id);
    return id;
  }
  void set_hop_limits(ConnectionId id, const HopLimits& hops) override {
    records.at(id).options.hops = hops;
  }
  bool set_password(const IpPrefix& remote, const std::string& password) override {
    if (password.empty()) {
      passwords.erase(remote);
    } else {
      passwords[remote] = password;
    }
    return true;
  }
  void send(ConnectionId id, Bytes bytes) override {
    Record& record = records.at(id);
    EXPECT_FALSE(record.closed) << "sent on a closed connection";
    record.sent.insert(record.sent.end(), bytes.begin(), bytes.end());
    if (stuck || record.stuck) record.queued += bytes.size();
  }
  std::size_t queued(ConnectionId id) const override { return records.at(id).queued; }
  void close(ConnectionId id) override {
    EXPECT_FALSE(records.at(id).closed) << "closed twice";
    records.at(id).closed = true;
  }
  ConnectionId next() { return ConnectionId{++last}; }

  std::map<ConnectionId, Record> records;
  std::vector<ConnectionId> dials;
  std::map<IpPrefix, std::string> passwords;
  bool stuck = false;  ///< the kernel takes nothing
  std::uint64_t last = 0;
};

class FakeTimers final : public Timers {
 public:
  explicit FakeTimers(const TimePoint& clock) : now(clock) {}
  void arm(TimerKey timer, Duration after) override { deadlines[timer] = now + after; }
  void cancel(TimerKey timer) override { deadlines.erase(timer); }

  [[nodiscard]] bool armed(TimerKey timer) const { return deadlines.contains(timer); }
  /// Until it fires.
  [[nodiscard]] Duration left(TimerKey timer) const {
    const auto it = deadlines.find(timer);
    return it == deadlines.end() ? Duration{-1} : it->second - now;
  }

  const TimePoint& now;
  std::map<TimerKey, TimePoint> deadlines;
};

class Recorder final : public SessionObserver {
 public:
  void on_established(PeerId peer, const Negotiated& n, TimePoint) override {
    ++up[peer];
    negotiated[peer] = n;
    log.push_back("up " + std::to_string(peer.value()));
  }
  void on_update(PeerId peer, Update& update, TimePoint now) override {
    updates.push_back(update);
    if (during_update) during_update(peer, now);
  }
  void on_route_refresh(PeerId, const RouteRefresh& r, TimePoint) override {
    refreshes.push_back(r);
  }
  void on_restarting(PeerId peer, const std::string& reason, TimePoint) override {
    last_reason = reason;
    log.push_back("restarting " + std::to_string(peer.value()));
  }
  void on_long_lived(PeerId peer, const LongLivedRestart& kept, TimePoint) override {
    last_kept = kept;
    log.push_back("long-lived " + std::to_string(peer.value()));
  }
  void on_down(PeerId peer, const std::string& reason, TimePoint) override {
    ++down[peer];
    last_reason = reason;
    log.push_back("down " + std::to_string(peer.value()));
  }
  void on_writable(PeerId peer, TimePoint) override { ++writable[peer]; }

  std::map<PeerId, int> up, down, writable;
  std::map<PeerId, Negotiated> negotiated;
  std::vector<Update> updates;
  std::vector<RouteRefresh> refreshes;
  std::vector<std::string> log;
  LongLivedRestart last_kept;
  std::string last_reason;
  std::function<void(PeerId, TimePoint)> during_update;
};

class World {
 public:
  explicit World(std::vector<PeerSettings> peers, std::uint64_t seed = 1)
      : timers(now), manager(speaker(), std::move(peers), transport, timers, seed) {
    log::set_level(log::Level::kOff);
  }

  void start() { manager.start(observer, now); }
  template <class What>
  bool event(What what) {
    return manager.handle(Event{now, std::move(what)});
  }

  /// Moves time, firing what falls due on the way.
  void advance(Duration by) {
    const TimePoint until = now + by;
    for (;;) {
      auto first = timers.deadlines.end();
      for (auto it = timers.deadlines.begin(); it != timers.deadlines.end(); ++it) {
        if (first == timers.deadlines.end() || it->second < first->second) first = it;
      }
      if (first == timers.deadlines.end() || first->second > until) break;
      now = std::max(now, first->second);
      const TimerKey key = first->first;
      timers.deadlines.erase(first);
      event(TimerExpired{key});
    }
    now = until;
  }

  // --- the peer's side of TCP ---------------------------------------------------------------

  /// The last connection that the manager dialed and has not closed.
  ConnectionId dialed() const {
    for (auto it = transport.dials.rbegin(); it != transport.dials.rend(); ++it) {
      if (!transport.records.at(*it).closed) return *it;
    }
    ADD_FAILURE() << "nothing is being dialed";
    return ConnectionId{0};
  }
  [[nodiscard]] std::size_t dial_count() const { return transport.dials.size(); }
  void open(ConnectionId id) {
    const Endpoint remote = transport.records.at(id).remote;
    event(ConnectionOpened{id, local_for(remote, 40000), remote});
  }
  void refuse(ConnectionId id) { event(ConnectionFailed{id, "Connection refused"}); }
  ConnectionId connect_in(const IpAddress& from, std::optional<PortId> port = std::nullopt) {
    const ConnectionId id = transport.next();
    const Endpoint remote{from, 50000, port};
    transport.records[id].remote = remote;
    event(ConnectionAccepted{id, local_for(remote, kBgpPort), remote});
    return id;
  }
  void hang_up(ConnectionId id) { event(ConnectionClosed{id, "closed by the other side"}); }
  void say_bytes(ConnectionId id, Bytes bytes) { event(BytesReceived{id, std::move(bytes)}); }
  template <class Message>
  void say(ConnectionId id, const Message& message) {
    say_bytes(id, encode(message));
  }
  void say_keepalive(ConnectionId id) { say(id, Keepalive{}); }

  // --- what the manager did -----------------------------------------------------------------

  bool closed(ConnectionId id) const { return transport.records.at(id).closed; }
  std::vector<Message> heard(ConnectionId id) const {
    MessageReader reader;
    reader.append(transport.records.at(id).sent);
    std::vector<Message> messages;
    while (auto next = reader.next(CodecContext{})) {
      EXPECT_TRUE(next->has_value()) << "we sent a malformed message";
      if (!*next) break;
      messages.push_back(std::move(**next));
    }
    return messages;
  }
  template <class Type>
  std::size_t count(ConnectionId id) const {
    std::size_t n = 0;
    for (const Message& m : heard(id)) n += std::holds_alternative<Type>(m);
    return n;
  }
  /// The NOTIFICATION that ended a connection.
  std::optional<Notification> last_word(ConnectionId id) const {
    const auto messages = heard(id);
    if (messages.empty()) return std::nullopt;
    const auto* n = std::get_if<Notification>(&messages.back());
    return n == nullptr ? std::nullopt : std::optional{*n};
  }

  SessionState state(std::uint16_t peer = 0) const { return manager.state(PeerId{peer}); }
  PeerStatus status(std::uint16_t peer = 0) const { return manager.status(PeerId{peer}, now); }

  /// Plays the peer up to Established on an open TCP connection.
  void establish(ConnectionId id, const Open& theirs = peer_open()) {
    say(id, theirs);
    say_keepalive(id);
  }
  /// Dials, answers, establishes.
  ConnectionId establish_dialed(const Open& theirs = peer_open()) {
    const ConnectionId id = dialed();
    open(id);
    establish(id, theirs);
    return id;
  }

  TimePoint now{1000s};
  FakeTransport transport;
  FakeTimers timers;
  Recorder observer;
  SessionManager manager;

 private:
  static Endpoint local_for(const Endpoint& remote, std::uint16_t tcp_port) {
    if (std::holds_alternative<Ipv4Address>(remote.address)) {
      return {Ipv4Address{192, 0, 2, 2}, tcp_port, std::nullopt};
    }
    return {kOurLinkLocal, tcp_port, remote.port};
  }
};

inline TimerKey hold_of(ConnectionId id) {
  return {TimerKind::kHold, id.value()};
}
inline TimerKey keepalive_of(ConnectionId id) {
  return {TimerKind::kKeepalive, id.value()};
}
inline constexpr TimerKey kConnectRetry{TimerKind::kConnectRetry, 0};
inline constexpr TimerKey kIdleHold{TimerKind::kIdleHold, 0};

/// RFC 4271 section 10: 75 to 100 percent of the nominal value.
inline void expect_jittered(Duration actual, Duration nominal) {
  EXPECT_GE(actual, nominal * 3 / 4);
  EXPECT_LE(actual, nominal);
}

}  // namespace lastmile::bgp
