// A peer that restarts, with us as its helper (RFC 4724, RFC 8538): which ends of a session are
// restarts, what ends the waiting, and which of our own words say that there is nothing to wait
// for.
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

constexpr TimerKey kRestartTimer{TimerKind::kRestart, 0};

/// A peer that wants its routes kept for 100 s.
Open restarting_open(bool notifications = false) {
  Open open = peer_open();
  GracefulRestart restart;
  restart.notifications = notifications;
  restart.restart_time_s = 100;
  restart.families = {{Family::kIpv4Unicast, true}};
  open.capabilities.graceful_restart = restart;
  return open;
}

PeerSettings helper(bool notifications = false) {
  PeerSettings settings = numbered();
  settings.graceful_restart.notifications = notifications;
  return settings;
}

/// A session with such a peer, established for a while.
struct Restart {
  explicit Restart(PeerSettings settings = helper(), const Open& theirs = restarting_open())
      : world({std::move(settings)}) {
    world.start();
    connection = world.establish_dialed(theirs);
    for (int i = 0; i < 5; ++i) {
      world.advance(2s);
      world.say_keepalive(connection);
    }
  }
  World world;
  ConnectionId connection;
};

using Log = std::vector<std::string>;

TEST(GracefulRestart, WeSayThatWeHelpAndThatNobodyIsToKeepOurRoutes) {
  const auto announced = [](const PeerSettings& settings) {
    return make_open(speaker(), settings, kNumbered, CapabilityUse::kAnnounce)
        .capabilities.graceful_restart;
  };
  ASSERT_TRUE(announced(helper()));
  EXPECT_EQ(*announced(helper()), GracefulRestart{});
  EXPECT_TRUE(announced(helper(true))->notifications);
  PeerSettings off = helper();
  off.graceful_restart.mode = GracefulRestartConfig::Mode::kOff;
  EXPECT_FALSE(announced(off));
}

TEST(GracefulRestart, IsAgreedOnForTheSessionsFamilies) {
  const auto meet = [](const PeerSettings& settings, const Open& theirs) {
    const Open ours = make_open(speaker(), settings, kNumbered, CapabilityUse::kAnnounce);
    return negotiate(speaker(), settings, ours, theirs, {kNumbered, 179, {}}, {kNumbered, 179, {}})
        ->graceful_restart;
  };
  ASSERT_TRUE(meet(helper(), restarting_open()));
  EXPECT_EQ(meet(helper(), restarting_open())->families.size(), 1U);
  EXPECT_TRUE(meet(helper(true), restarting_open(true))->notifications);
  EXPECT_FALSE(meet(helper(false), restarting_open(true))->notifications);
  EXPECT_FALSE(meet(helper(true), restarting_open(false))->notifications);
  EXPECT_FALSE(meet(helper(), peer_open())) << "it does not ask for it";
  Open other_family = restarting_open();
  other_family.capabilities.multiprotocol = {Family::kIpv6Unicast};
  EXPECT_FALSE(meet(helper(), other_family));
  PeerSettings off = helper();
  off.graceful_restart.mode = GracefulRestartConfig::Mode::kOff;
  EXPECT_FALSE(meet(off, restarting_open()));
}

TEST(GracefulRestart, ALostConnectionIsOne) {
  Restart r;
  r.world.hang_up(r.connection);
  EXPECT_EQ(r.world.observer.log, (Log{"up 0", "restarting 0"}));
  EXPECT_TRUE(r.world.status().restarting);
  EXPECT_NE(r.world.status().detail.find("restarting"), std::string::npos);
  EXPECT_EQ(r.world.timers.left(kRestartTimer), 100s);

  r.world.advance(5s);  // dials again, soon
  r.world.establish_dialed(restarting_open());
  EXPECT_EQ(r.world.observer.log, (Log{"up 0", "restarting 0", "up 0"}));
  EXPECT_FALSE(r.world.timers.armed(kRestartTimer));
  EXPECT_FALSE(r.world.status().restarting);
}

TEST(GracefulRestart, IsNoneIfThePeerDidNotAskForIt) {
  Restart r(helper(), peer_open());
  r.world.hang_up(r.connection);
  EXPECT_EQ(r.world.observer.log, (Log{"up 0", "down 0"}));
}

TEST(GracefulRestart, EndsWhenItTakesTooLong) {
  Restart r;
  r.world.hang_up(r.connection);
  r.world.advance(99s);
  EXPECT_EQ(r.world.observer.log.back(), "restarting 0");
  r.world.advance(2s);
  EXPECT_EQ(r.world.observer.log, (Log{"up 0", "restarting 0", "down 0"}));
}

TEST(GracefulRestart, OurOwnLimitCountsIfItIsShorter) {
  PeerSettings settings = helper();
  settings.graceful_restart.restart_limit = 30s;
  Restart r(settings);
  r.world.hang_up(r.connection);
  EXPECT_EQ(r.world.timers.left(kRestartTimer), 30s);
}

// Design: stale routes of a restarting peer are kept only as long as its link is up.
TEST(GracefulRestart, EndsWithTheLink) {
  PeerSettings settings = link_local(0, kLeaf);
  settings.graceful_restart.notifications = false;
  Restart r(settings);
  r.world.hang_up(r.connection);
  r.world.event(LinkChanged{PortId{0}, LinkState::kDown});
  EXPECT_EQ(r.world.observer.log, (Log{"up 0", "restarting 0", "down 0"}));
  EXPECT_FALSE(r.world.timers.armed(kRestartTimer));
}

TEST(GracefulRestart, ALinkThatGoesDownIsNone) {
  Restart r(link_local(0, kLeaf));
  r.world.event(LinkChanged{PortId{0}, LinkState::kDown});
  EXPECT_EQ(r.world.observer.log, (Log{"up 0", "down 0"}));
}

// RFC 5882 section 4.3: a failure of BFD is one of the path.
TEST(GracefulRestart, EndsWhenBfdFails) {
  Restart r;
  r.world.hang_up(r.connection);
  r.world.manager.path_failed(PeerId{0}, "BFD: echo failed", r.world.now);
  EXPECT_EQ(r.world.observer.log, (Log{"up 0", "restarting 0", "down 0"}));
  EXPECT_EQ(r.world.observer.last_reason, "BFD: echo failed");
}

TEST(GracefulRestart, EndsByTheOperator) {
  Restart r;
  r.world.hang_up(r.connection);
  r.world.manager.shutdown_peer(PeerId{0}, "maintenance", r.world.now);
  EXPECT_EQ(r.world.observer.log, (Log{"up 0", "restarting 0", "down 0"}));
}

TEST(GracefulRestart, EndsWithTheNeighborsConfiguration) {
  Restart r;
  r.world.hang_up(r.connection);
  r.world.manager.apply({}, r.world.now);
  EXPECT_EQ(r.world.observer.log, (Log{"up 0", "restarting 0", "down 0"}));
}

// RFC 4724 section 4.2 without, RFC 8538 section 3 with the N bit of both.
TEST(GracefulRestart, NotificationsOnlyIfBothSidesSaySo) {
  const Notification fault = notification(UpdateError::kMalformedAttributeList);
  const Notification reset = hard_reset(notification(CeaseReason::kAdministrativeShutdown));
  struct Row {
    bool ours, theirs;
    Notification received;
    const char* outcome;
  };
  const Row rows[] = {
      {false, false, fault, "down 0"}, {true, false, fault, "down 0"},
      {false, true, fault, "down 0"},  {true, true, fault, "restarting 0"},
      {true, true, reset, "down 0"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(to_string(row.received) + (row.ours ? " N" : " -") + (row.theirs ? "N" : "-"));
    Restart r(helper(row.ours), restarting_open(row.theirs));
    r.world.say(r.connection, row.received);
    EXPECT_EQ(r.world.observer.log.back(), row.outcome);
  }
}

TEST(GracefulRestart, SilenceIsOneOnlyWithTheNBit) {
  Restart without(helper(false), restarting_open(false));
  without.world.advance(20s);
  EXPECT_EQ(without.world.observer.log[1], "down 0");
  Restart with(helper(true), restarting_open(true));
  with.world.advance(9s);
  EXPECT_EQ(with.world.observer.log[1], "restarting 0");
  EXPECT_EQ(with.world.last_word(with.connection),
            notification(NotificationCode::kHoldTimerExpired));
}

// What we end for good says so, or the peer would go on using us (RFC 8538 section 3).
TEST(GracefulRestart, WhatWeEndForGoodIsAHardReset) {
  const Notification shutdown = administrative_shutdown("maintenance");
  Restart with(helper(true), restarting_open(true));
  with.world.manager.shutdown_peer(PeerId{0}, "maintenance", with.world.now);
  EXPECT_EQ(with.world.last_word(with.connection), hard_reset(shutdown));
  EXPECT_EQ(with.world.observer.log.back(), "down 0");

  Restart without(helper(true), restarting_open(false));
  without.world.manager.shutdown_peer(PeerId{0}, "maintenance", without.world.now);
  EXPECT_EQ(without.world.last_word(without.connection), shutdown);

  Restart bfd(helper(true), restarting_open(true));
  bfd.world.manager.path_failed(PeerId{0}, "BFD: echo failed", bfd.world.now);
  EXPECT_EQ(bfd.world.last_word(bfd.connection), hard_reset(notification(CeaseReason::kBfdDown)));
  EXPECT_EQ(bfd.world.observer.log.back(), "down 0");
}

// RFC 4724 section 5: a peer that died without a word is back before we missed it.
TEST(GracefulRestart, AConnectionInPlaceOfTheSessionIsOne) {
  Restart r;
  const ConnectionId again = r.world.connect_in(kNumbered);
  EXPECT_EQ(r.world.observer.log, (Log{"up 0", "restarting 0"}));
  EXPECT_TRUE(r.world.closed(r.connection));
  EXPECT_FALSE(r.world.last_word(r.connection)) << "nobody is there to hear it";
  r.world.establish(again, restarting_open());
  EXPECT_EQ(r.world.observer.log.back(), "up 0");
  EXPECT_EQ(r.world.state(), SessionState::kEstablished);
}

TEST(GracefulRestart, AConnectionRightBehindTheSessionIsACollision) {
  World world({helper()});
  world.start();
  world.establish_dialed(restarting_open());
  const ConnectionId late = world.connect_in(kNumbered);
  EXPECT_EQ(world.last_word(late), notification(CeaseReason::kConnectionCollision));
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(GracefulRestart, AConnectionInPlaceOfAnotherPeersSessionIsRefused) {
  Restart r(helper(), peer_open());
  const ConnectionId again = r.world.connect_in(kNumbered);
  EXPECT_EQ(r.world.last_word(again), notification(CeaseReason::kConnectionCollision));
  EXPECT_EQ(r.world.state(), SessionState::kEstablished);
}

TEST(GracefulRestart, ADynamicNeighborKeepsItsNumber) {
  PeerSettings range = helper();
  range.name = "192.0.2.0/24";
  range.address.reset();
  range.listen = *parse_ip_prefix("192.0.2.0/24");
  range.limit = 2;
  World world({range});
  world.start();
  world.establish(world.connect_in(kNumbered), restarting_open());
  const ConnectionId first{world.transport.last};
  world.advance(6s);
  world.hang_up(first);
  world.advance(2s);
  world.establish(world.connect_in(kNumbered), restarting_open());
  EXPECT_EQ(world.observer.log, (Log{"up 1", "restarting 1", "up 1"}));
  world.hang_up(ConnectionId{world.transport.last});
  world.advance(200s);
  EXPECT_EQ(world.observer.log.back(), "down 1");
  world.event(LinkChanged{PortId{5}, LinkState::kUp});  // anything: that is when it is tidied up
  EXPECT_EQ(world.manager.status(world.now).size(), 1U) << "forgotten when it did not come back";
}

}  // namespace
}  // namespace lastmile::bgp
