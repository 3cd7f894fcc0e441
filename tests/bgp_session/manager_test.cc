// What is the manager's own: routing of events, strangers, what show gets to see.
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

TEST(Routing, WhatIsNotBgpIsLeftToOthers) {
  World world({numbered()});
  world.start();
  EXPECT_FALSE(world.event(FibProgressed{}));
  EXPECT_FALSE(world.event(TimerExpired{{TimerKind::kRouterAdvertisement, 0}}));
  EXPECT_FALSE(world.event(TimerExpired{{TimerKind::kAdvertisement, 0}})) << "the RIB's";
  EXPECT_FALSE(world.event(BytesReceived{ConnectionId{999}, {1}}));
  EXPECT_TRUE(world.event(TimerExpired{{TimerKind::kHold, 999}}));
  EXPECT_TRUE(world.event(TimerExpired{{TimerKind::kConnectRetry, 999}}));
}

TEST(Strangers, AreRefusedAndCounted) {
  World world({numbered()});
  world.start();
  for (std::uint8_t i = 10; i < 110; ++i) {
    const ConnectionId c = world.connect_in(Ipv4Address{203, 0, 113, i});
    EXPECT_EQ(world.last_word(c), notification(CeaseReason::kConnectionRejected));
    EXPECT_TRUE(world.closed(c));
  }
  EXPECT_EQ(world.manager.incoming().unknown, 100U);
  EXPECT_EQ(world.manager.incoming().accepted, 0U);
}

TEST(Status, OfAnEstablishedSession) {
  World world({numbered(), unnumbered(0)});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.advance(5s);
  world.say_bytes(c, encode_end_of_rib(Family::kIpv4Unicast));
  const auto all = world.manager.status(world.now);
  ASSERT_EQ(all.size(), 2U);
  const PeerStatus& s = all[0];
  EXPECT_EQ(s.name, "192.0.2.1");
  EXPECT_EQ(s.state, SessionState::kEstablished);
  EXPECT_STREQ(to_string(s.state), "Established");
  EXPECT_EQ(s.detail, "");
  EXPECT_EQ(s.uptime, 5s);
  EXPECT_EQ(s.since, world.now - 5s);
  EXPECT_EQ(s.history.received.open, 1U);
  EXPECT_EQ(s.history.received.keepalive, 1U);
  EXPECT_EQ(s.history.received.update, 1U);
  EXPECT_EQ(s.history.received.total(), 3U);
  EXPECT_EQ(s.history.sent.open, 1U);
  EXPECT_EQ(s.history.sent.keepalive, world.count<Keepalive>(c));
  EXPECT_EQ(s.history.established, 1U);
  ASSERT_TRUE(s.negotiated);
  EXPECT_EQ(s.negotiated->hold_time, 9s);
  EXPECT_EQ(s.keepalive, 3s);
  EXPECT_EQ(s.negotiated->remote, (Endpoint{kNumbered, 179, std::nullopt}));
  EXPECT_EQ(s.received, peer_open().capabilities);
  EXPECT_EQ(s.announced.hostname, "bms1");
  EXPECT_EQ(all[1].state, SessionState::kActive);
  EXPECT_EQ(all[1].negotiated, std::nullopt);
}

TEST(Status, OfOneThatFailed) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.advance(9s);
  const PeerStatus s = world.status();
  EXPECT_EQ(s.history.last_sent->notification, notification(NotificationCode::kHoldTimerExpired));
  EXPECT_EQ(s.history.last_sent->at, world.now);
  EXPECT_EQ(s.history.last_error_at, world.now);
  EXPECT_EQ(s.uptime, 0s);
  EXPECT_EQ(s.history.dropped, 1U);
  EXPECT_TRUE(world.closed(c));
}

/// Whatever happens in whatever order, no timer is left for a connection that is gone, nothing is
/// sent on a closed one (the fake transport checks), and up and down alternate.
TEST(Anything, InAnyOrder) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    World world({unnumbered(0), link_local(1, kLeaf), numbered()}, seed);
    world.start();
    std::uint64_t random = seed;
    const auto pick = [&](std::uint64_t n) {
      random = random * 6364136223846793005 + 1442695040888963407;
      return (random >> 33) % n;
    };
    std::set<ConnectionId> gone, up;
    const auto some = [&]() -> std::optional<ConnectionId> {
      std::vector<ConnectionId> live;
      for (const auto& [id, record] : world.transport.records) {
        if (!record.closed && !gone.contains(id)) live.push_back(id);
      }
      if (live.empty()) return std::nullopt;
      return live[pick(live.size())];
    };
    for (int step = 0; step < 300; ++step) {
      const PortId port{static_cast<std::uint16_t>(pick(2))};
      switch (pick(14)) {
        case 0:
          world.manager.discovered(port, pick(2) != 0 ? kLeaf : kOtherLeaf, world.now);
          break;
        case 1:
          world.manager.discovery_lost(port, world.now);
          break;
        case 2:
          world.event(LinkChanged{port, pick(3) == 0 ? LinkState::kDown : LinkState::kUp});
          break;
        case 3:
          up.insert(world.connect_in(kLeaf, port));
          break;
        case 4:
          up.insert(world.connect_in(kNumbered));
          break;
        case 5:
          world.advance(std::chrono::milliseconds{pick(5000)});
          break;
        case 6:
          world.manager.reset(PeerId{static_cast<std::uint16_t>(pick(3))},
                              notification(CeaseReason::kMaximumPrefixes), world.now);
          break;
        case 7: {
          const PeerId peer{static_cast<std::uint16_t>(pick(3))};
          pick(3) == 0 ? world.manager.shutdown_peer(peer, "x", world.now)
                       : world.manager.start_peer(peer, world.now);
          break;
        }
        default: {
          const auto c = some();
          if (!c) break;
          if (!up.contains(*c)) {  // a dial under way
            if (pick(4) == 0) {
              gone.insert(*c);
              world.refuse(*c);
            } else {
              up.insert(*c);
              world.open(*c);
            }
          } else if (pick(8) == 0) {
            gone.insert(*c);
            world.hang_up(*c);
          } else if (pick(2) == 0) {
            world.say(*c, peer_open(pick(2) != 0 ? kHigherId : kLowerId));
          } else {
            world.say_keepalive(*c);
          }
        }
      }
      for (const auto& [key, deadline] : world.timers.deadlines) {
        if (key.kind == TimerKind::kConnectRetry || key.kind == TimerKind::kIdleHold) continue;
        const ConnectionId owner{key.owner};
        ASSERT_FALSE(world.transport.records.at(owner).closed || gone.contains(owner))
            << "timer of a connection that is gone";
      }
    }
    std::map<std::string, int> balance;
    for (const std::string& entry : world.observer.log) {
      const std::string peer = entry.substr(entry.find(' '));
      balance[peer] += entry.starts_with("up") ? 1 : -1;
      ASSERT_TRUE(balance[peer] == 0 || balance[peer] == 1) << entry;
    }
    world.manager.stop("", world.now);
    EXPECT_TRUE(world.timers.deadlines.empty());
    for (const auto& [id, record] : world.transport.records) {
      EXPECT_TRUE(record.closed || gone.contains(id)) << "connection " << id.value() << " leaked";
    }
  }
}

}  // namespace
}  // namespace lastmile::bgp
