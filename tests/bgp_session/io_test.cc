// controlplane/io over real sockets on the loopback: the contracts of effects.h, and two session
// managers that find each other. Nothing here asserts how long something takes.
#include <arpa/inet.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "controlplane/io/asio_timers.h"
#include "controlplane/io/asio_transport.h"
#include "tests/bgp_session/two_routers.h"

namespace lastmile {
namespace {

using namespace std::chrono_literals;
using bgp::Bytes;

const IpAddress kLoopback = Ipv4Address{127, 0, 0, 1};
using bgp::kPatience;
using bgp::Router;
using bgp::TwoRouters;

/// Runs the loop until `done`, which is asked after each event; false if patience ends first.
class Loop {
 public:
  Loop() {
    log::set_level(log::Level::kOff);
    loop.set_handler([this](Event&& event) {
      events.push_back(event);
      if (handler) handler(event);
      if (done && done()) loop.stop();
    });
  }
  bool until(std::function<bool()> condition) {
    done = std::move(condition);
    const bool met = done() || (loop.run_for(kPatience), done());
    done = nullptr;
    return met;
  }
  template <class What>
  const What* first() const {
    for (const Event& e : events) {
      if (const auto* what = std::get_if<What>(&e.what)) return what;
    }
    return nullptr;
  }
  template <class What>
  std::size_t count() const {
    std::size_t n = 0;
    for (const Event& e : events) n += std::holds_alternative<What>(e.what);
    return n;
  }
  Bytes received(ConnectionId id) const {
    Bytes all;
    for (const Event& e : events) {
      const auto* r = std::get_if<BytesReceived>(&e.what);
      if (r && r->connection == id) all.insert(all.end(), r->bytes.begin(), r->bytes.end());
    }
    return all;
  }

  EventLoop loop;
  std::vector<Event> events;
  std::function<void(Event&)> handler;
  std::function<bool()> done;
};

struct TransportTest : testing::Test {
  Loop t;
  AsioTransport transport{t.loop, {}};
  std::uint16_t port = transport.listen(kLoopback, 0).value();

  /// A connection, both ends of it ours.
  void connect() {
    dialed = transport.connect({kLoopback, port, {}}, {});
    ASSERT_TRUE(
        t.until([&] { return t.first<ConnectionAccepted>() && t.first<ConnectionOpened>(); }));
    accepted = t.first<ConnectionAccepted>()->connection;
  }
  ConnectionId dialed, accepted;
};

TEST_F(TransportTest, ConnectSendReceiveClose) {
  connect();
  EXPECT_NE(dialed, accepted);
  const auto* opened = t.first<ConnectionOpened>();
  EXPECT_EQ(opened->connection, dialed);
  EXPECT_EQ(opened->remote, (Endpoint{kLoopback, port, {}}));
  EXPECT_EQ(opened->local, t.first<ConnectionAccepted>()->remote);
  transport.send(dialed, {1, 2, 3});
  transport.send(dialed, {4});
  ASSERT_TRUE(t.until([&] { return t.received(accepted).size() == 4; }));
  EXPECT_EQ(t.received(accepted), (Bytes{1, 2, 3, 4}));
  transport.close(dialed);
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionClosed>() != nullptr; }));
  EXPECT_EQ(t.first<ConnectionClosed>()->connection, accepted);
  EXPECT_EQ(t.first<ConnectionClosed>()->reason, "closed by the other side");
  EXPECT_EQ(t.count<ConnectionClosed>(), 1U) << "none for the end that closed";
}

TEST_F(TransportTest, RefusedIsAnEventAfterConnectReturned) {
  // A port that is bound and not listening refuses, and stays ours meanwhile.
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), length), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  const ConnectionId id = transport.connect({kLoopback, ntohs(address.sin_port), {}}, {});
  EXPECT_TRUE(t.events.empty());
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionFailed>() != nullptr; }));
  EXPECT_EQ(t.first<ConnectionFailed>()->connection, id);
  EXPECT_EQ(t.first<ConnectionFailed>()->reason, "Connection refused");
  ::close(fd);
}

TEST_F(TransportTest, PortWithoutTwinFails) {
  transport.connect({*Ipv6Address::parse("fe80::1"), 179, PortId{7}}, {});
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionFailed>() != nullptr; }));
  EXPECT_EQ(t.first<ConnectionFailed>()->reason, "the port has no kernel interface");
}

TEST_F(TransportTest, TwinThatDoesNotExistFails) {
  AsioTransport with_twin(t.loop, {{PortId{7}, "lm-nosuch"}});
  with_twin.connect({*Ipv6Address::parse("fe80::1"), 179, PortId{7}}, {});
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionFailed>() != nullptr; }));
  EXPECT_EQ(t.first<ConnectionFailed>()->reason, "kernel interface lm-nosuch does not exist");
}

TEST_F(TransportTest, NoEventAfterClose) {
  const ConnectionId id = transport.connect({kLoopback, port, {}}, {});
  transport.close(id);
  const ConnectionId failing =
      transport.connect({*Ipv6Address::parse("fe80::1"), 179, PortId{7}}, {});
  transport.close(failing);
  connect();
  for (const Event& e : t.events) {
    if (const auto* o = std::get_if<ConnectionOpened>(&e.what)) {
      EXPECT_EQ(o->connection, dialed);
    }
    EXPECT_FALSE(std::holds_alternative<ConnectionFailed>(e.what));
  }
}

TEST_F(TransportTest, LastWordsArriveThoughDataIsUnread) {
  connect();
  // The dialer has not read any of this when it closes; a plain close(2) would answer with RST and
  // take its last words with it.
  transport.send(accepted, Bytes(100000, 7));
  const Bytes last_words = encode(bgp::notification(bgp::CeaseReason::kAdministrativeShutdown));
  transport.send(dialed, last_words);
  transport.close(dialed);
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionClosed>() != nullptr; }));
  EXPECT_EQ(t.received(accepted), last_words);
  EXPECT_EQ(t.first<ConnectionClosed>()->reason, "closed by the other side");
  EXPECT_TRUE(t.received(dialed).empty()) << "nothing after close";
}

TEST_F(TransportTest, BackPressureAndDrain) {
  connect();
  // Far more than the kernel takes at once; the reader is the same loop, so it has read nothing
  // yet.
  constexpr std::size_t kChunk = 1 << 20;
  constexpr std::size_t kChunks = 32;
  for (std::size_t i = 0; i < kChunks; ++i) {
    transport.send(dialed, Bytes(kChunk, static_cast<std::uint8_t>(i)));
  }
  EXPECT_GT(transport.queued(dialed), 0U);
  EXPECT_EQ(t.count<SendDrained>(), 0U) << "no event from inside send";
  std::size_t got = 0;
  bool in_order = true;
  t.handler = [&](Event& e) {
    const auto* r = std::get_if<BytesReceived>(&e.what);
    if (r == nullptr) return;
    for (std::uint8_t byte : r->bytes) in_order &= byte == got++ / kChunk;
  };
  ASSERT_TRUE(t.until([&] { return got == kChunk * kChunks && t.count<SendDrained>() > 0; }));
  EXPECT_TRUE(in_order);
  EXPECT_EQ(t.count<SendDrained>(), 1U);
  EXPECT_EQ(transport.queued(dialed), 0U);
}

// With KEEPALIVEs alone it takes days to fill the kernel's buffer, and a withdrawal would lie
// there.
TEST_F(TransportTest, WhoTakesNothingIsLeftThoughTheKernelTakesAll) {
  AsioTransport impatient(t.loop, {}, 500ms);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int smallest = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  const ConnectionId id = impatient.connect({kLoopback, ntohs(address.sin_port), {}}, {});
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionOpened>() != nullptr; }));
  impatient.send(id, Bytes(20000, 1));
  EXPECT_EQ(impatient.queued(id), 0U) << "the kernel has it all";
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionClosed>() != nullptr; }));
  EXPECT_EQ(t.first<ConnectionClosed>()->reason,
            "the other side has taken nothing for too long (send hold time, RFC 9687)");
  ::close(listener);
}

TEST_F(TransportTest, WhoIsSilentAndTakesAllIsNotLeft) {
  AsioTransport impatient(t.loop, {}, 200ms);
  const ConnectionId id = impatient.connect({kLoopback, port, {}}, {});
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionAccepted>() != nullptr; }));
  for (int i = 0; i < 6; ++i) {
    impatient.send(id, {1});
    t.loop.run_for(100ms);
  }
  EXPECT_EQ(t.count<ConnectionClosed>(), 0U);
}

TEST_F(TransportTest, IdleWhenEverythingHasGone) {
  EXPECT_TRUE(transport.idle());
  connect();
  EXPECT_FALSE(transport.idle());
  transport.close(dialed);
  EXPECT_FALSE(transport.idle()) << "half closed";
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionClosed>() != nullptr; }));
  while (!transport.idle()) t.loop.run_for(1ms);
}

TEST_F(TransportTest, PortInUse) {
  AsioTransport other(t.loop, {});
  const auto result = other.listen(kLoopback, port);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error(),
            "TCP port " + std::to_string(port) + " on 127.0.0.1: bind: Address already in use");
}

TEST_F(TransportTest, DestroyedWithConnectionsOpen) {
  auto doomed = std::make_unique<AsioTransport>(t.loop, std::vector<PortTwin>{});
  doomed->connect({kLoopback, port, {}}, {});
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionAccepted>() != nullptr; }));
  doomed.reset();
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionClosed>() != nullptr; }));
}

// --- timers -----------------------------------------------------------------------------------

TEST(TimersTest, InOrderMovedAndCancelled) {
  Loop t;
  AsioTimers timers(t.loop);
  const auto key = [](std::uint64_t owner) { return TimerKey{TimerKind::kHold, owner}; };
  timers.arm(key(1), 30ms);
  timers.arm(key(2), 10ms);
  timers.arm(key(3), 20ms);
  timers.arm(key(4), 15ms);
  timers.cancel(key(4));
  timers.arm(key(1), 5ms);   // forward
  timers.arm(key(2), 40ms);  // back
  timers.cancel(key(99));
  ASSERT_TRUE(t.until([&] { return t.count<TimerExpired>() == 3; }));
  std::vector<std::uint64_t> order;
  for (const Event& e : t.events) order.push_back(std::get<TimerExpired>(e.what).timer.owner);
  EXPECT_EQ(order, (std::vector<std::uint64_t>{1, 3, 2}));
}

TEST(TimersTest, HandlerCancelsOneThatIsDueAtTheSameTime) {
  Loop t;
  AsioTimers timers(t.loop);
  const TimerKey a{TimerKind::kHold, 1}, b{TimerKind::kHold, 2}, c{TimerKind::kHold, 3};
  timers.arm(a, 5ms);
  timers.arm(b, 5ms);
  timers.arm(c, 20ms);
  t.handler = [&](Event& e) {
    if (std::get<TimerExpired>(e.what).timer == a) timers.cancel(b);
  };
  ASSERT_TRUE(t.until([&] { return t.events.size() == 2; }));
  EXPECT_EQ(std::get<TimerExpired>(t.events[1].what).timer, c);
}

TEST(TimersTest, DeadlinesCountFromTheEvent) {
  Loop t;
  AsioTimers timers(t.loop);
  const TimerKey a{TimerKind::kHold, 1}, b{TimerKind::kHold, 2};
  timers.arm(a, 1ms);
  t.handler = [&](Event& e) {
    if (std::get<TimerExpired>(e.what).timer != a) return;
    EXPECT_EQ(t.loop.now(), e.at);
    timers.arm(b, 1ms);
    ::usleep(20000);
    EXPECT_EQ(t.loop.now(), e.at) << "time stands still while an event is handled";
  };
  ASSERT_TRUE(t.until([&] { return t.events.size() == 2; }));
  EXPECT_GE(t.events[1].at - t.events[0].at, 20ms);
}

TEST(LoopTest, WatchesADescriptorAndHandsItBack) {
  Loop t;
  const int fd = ::eventfd(0, EFD_NONBLOCK);
  ASSERT_GE(fd, 0);
  int calls = 0;
  t.loop.watch(fd, [&] {
    std::uint64_t value = 0;
    ASSERT_EQ(::read(fd, &value, sizeof value), static_cast<ssize_t>(sizeof value));
    if (++calls == 2) t.loop.unwatch(fd);
    t.loop.deliver(FibProgressed{});
  });
  const std::uint64_t one = 1;
  for (std::size_t i = 1; i <= 2; ++i) {
    ASSERT_EQ(::write(fd, &one, sizeof one), static_cast<ssize_t>(sizeof one));
    ASSERT_TRUE(t.until([&] { return t.events.size() == i; }));
  }
  ASSERT_EQ(::write(fd, &one, sizeof one), static_cast<ssize_t>(sizeof one)) << "still open";
  t.loop.run_for(1ms);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(::close(fd), 0);
}

TEST(LoopTest, SignalsCallTheirHandler) {
  Loop t;
  int seen = 0;
  t.loop.on_signal([&](int signal) {
    seen = signal;
    t.loop.stop();
  });
  ::raise(SIGTERM);
  t.loop.run_for(kPatience);
  EXPECT_EQ(seen, SIGTERM);
}

// --- two routers ------------------------------------------------------------------------------

TEST(TwoRoutersTest, EstablishExchangeAndStop) {
  TwoRouters net(Ipv4Address{127, 0, 0, 2}, Ipv4Address{127, 0, 0, 3});
  ASSERT_TRUE(net.until([&] { return net.both_up(); }));
  const bgp::PeerStatus status = net.a.manager->status(bgp::PeerId{0}, net.a.loop.now());
  EXPECT_EQ(status.negotiated->remote_asn, bgp::Asn{65002});
  net.a.manager->send_updates(bgp::PeerId{0}, bgp::encode_end_of_rib(bgp::Family::kIpv4Unicast));
  ASSERT_TRUE(net.until([&] { return net.b.observer.updates.size() == 1; }));

  net.a.manager->stop("bye", net.a.loop.now());
  ASSERT_TRUE(net.until(
      [&] { return net.b.observer.down[bgp::PeerId{0}] == 1 && net.a.transport.idle(); }));
  EXPECT_EQ(
      net.b.manager->status(bgp::PeerId{0}, net.b.loop.now()).history.last_received->notification,
      bgp::administrative_shutdown("bye"));
  EXPECT_EQ(net.a.observer.down[bgp::PeerId{0}], 1);
}

TEST(TwoRoutersTest, OverIpv6WithExtendedNextHop) {
  const IpAddress loopback = *Ipv6Address::parse("::1");
  if (const int fd = ::socket(AF_INET6, SOCK_STREAM, 0); fd >= 0) {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_addr = in6addr_loopback;
    const int bound = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::close(fd);
    if (bound != 0) GTEST_SKIP() << "no ::1 on this machine";
  } else {
    GTEST_SKIP() << "no IPv6 on this machine";
  }
  TwoRouters net(loopback, loopback);
  ASSERT_TRUE(net.until([&] { return net.both_up(); }));
  EXPECT_EQ(net.a.observer.negotiated[bgp::PeerId{0}].codec.extended_next_hop,
            std::vector{bgp::Family::kIpv4Unicast});
  EXPECT_EQ(net.a.observer.up[bgp::PeerId{0}], 1) << "the collision cost no session";
}

TEST(TwoRoutersTest, StrangerIsTurnedAwayAndHearsIt) {
  TwoRouters net(Ipv4Address{127, 0, 0, 4}, Ipv4Address{127, 0, 0, 5});
  Router stranger(bgp::Asn{65001}, {3, 3, 3, 3}, Ipv4Address{127, 0, 0, 6});
  stranger.start(Ipv4Address{127, 0, 0, 6}, Ipv4Address{127, 0, 0, 4}, net.a.port);
  // 127.0.0.6 is nobody's neighbor at A.
  const auto last_received = [&] {
    return stranger.manager->status(bgp::PeerId{0}, stranger.loop.now()).history.last_received;
  };
  ASSERT_TRUE(net.until([&] {
    stranger.loop.run_for(1ms);
    return net.both_up() && last_received().has_value();
  }));
  EXPECT_EQ(last_received()->notification,
            bgp::notification(bgp::CeaseReason::kConnectionRejected));
  EXPECT_GT(net.a.manager->incoming().unknown, 0U);
}

TEST_F(TransportTest, SignedConnectionsNeedTheSamePassword) {
  if (!transport.set_password(Ipv4Prefix{{127, 0, 0, 1}, 32}, "secret")) {
    GTEST_SKIP() << "this kernel has no TCP MD5";
  }
  Transport::ConnectOptions options;
  options.password = "secret";
  dialed = transport.connect({kLoopback, port, {}}, options);
  ASSERT_TRUE(
      t.until([&] { return t.first<ConnectionAccepted>() && t.first<ConnectionOpened>(); }));
  transport.close(dialed);
  // Without the key nobody gets in. That nothing happens is hard to prove; with a key for another
  // range the same connection comes at once.
  ASSERT_TRUE(transport.set_password(Ipv4Prefix{{127, 0, 0, 1}, 32}, ""));
  ASSERT_TRUE(transport.set_password(Ipv4Prefix{{127, 9, 0, 0}, 16}, "secret"));
  t.events.clear();
  connect();
}

TEST_F(TransportTest, HopLimitsAreSetOnBothSides) {
  Transport::ConnectOptions options;
  options.hops = {255, 254};
  dialed = transport.connect({kLoopback, port, {}}, options);
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionAccepted>() != nullptr; }));
  accepted = t.first<ConnectionAccepted>()->connection;
  transport.set_hop_limits(accepted, {255, 255});
  ASSERT_TRUE(t.until([&] { return t.first<ConnectionOpened>() != nullptr; }));
  transport.send(dialed, Bytes{1, 2, 3});
  EXPECT_TRUE(t.until([&] { return t.received(accepted).size() == 3; }));
}

}  // namespace
}  // namespace lastmile
