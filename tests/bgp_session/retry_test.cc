// What follows a failure: how long the peer is deaf, when it dials again, what is tried
// differently.
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

/// Lets the peer fail as a wrong AS does, then tells how long it takes until the next dial.
Duration fail_and_wait(World& world) {
  const ConnectionId c = world.dialed();
  world.open(c);
  world.say(c, peer_open(kHigherId, kOurAsn));
  EXPECT_EQ(world.state(), SessionState::kIdle);
  const TimePoint failed = world.now;
  const std::size_t before = world.dial_count();
  while (world.dial_count() == before && world.now - failed < 10min) world.advance(10ms);
  return world.now - failed;
}

TEST(Damping, DoublesUpToAMinute) {
  World world({numbered()});
  world.start();
  for (Duration nominal : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    const Duration waited = fail_and_wait(world);
    EXPECT_GE(waited, nominal * 3 / 4);
    EXPECT_LE(waited, nominal + 10ms);
  }
}

TEST(Damping, DeafForOneIntervalOnly) {
  World world({numbered()});
  world.start();
  for (int i = 0; i < 6; ++i) fail_and_wait(world);
  const ConnectionId c = world.dialed();
  world.open(c);
  world.say(c, peer_open(kHigherId, kOurAsn));
  const ConnectionId early = world.connect_in(kNumbered);
  EXPECT_EQ(world.last_word(early), notification(CeaseReason::kConnectionRejected));
  EXPECT_EQ(world.manager.incoming().refused, 1U);
  world.advance(1s);
  // Our own next dial is most of a minute away, but the peer has been mended and comes by itself.
  EXPECT_EQ(world.state(), SessionState::kActive);
  world.establish(world.connect_in(kNumbered));
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(Damping, ForgottenAfterAGoodSession) {
  World world({numbered()});
  world.start();
  for (int i = 0; i < 5; ++i) fail_and_wait(world);
  const ConnectionId c = world.establish_dialed(peer_open(kHigherId, kPeerAsn, 0));
  world.advance(31s);
  world.hang_up(c);
  EXPECT_EQ(world.state(), SessionState::kActive) << "not deaf: the peer may come right back";
  expect_jittered(world.timers.left(kConnectRetry), 1s);
}

TEST(Damping, ShortSessionCounts) {
  World world({numbered()});
  world.start();
  world.hang_up(world.establish_dialed());
  EXPECT_EQ(world.state(), SessionState::kIdle);
  expect_jittered(world.timers.left(kIdleHold), 1s);
  world.advance(1s);
  world.hang_up(world.establish_dialed());
  world.advance(1s);
  EXPECT_EQ(world.dial_count(), 2U);
  world.advance(1s);
  EXPECT_EQ(world.dial_count(), 3U);
}

TEST(Damping, AdministrativeResetOfThePeerIsNoFault) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.say(c, notification(CeaseReason::kAdministrativeReset));
  EXPECT_EQ(world.state(), SessionState::kActive);
  world.establish(world.connect_in(kNumbered));
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(Damping, AfterCeaseOfAPeerThatIsShutDown) {
  for (CeaseReason reason : {CeaseReason::kMaximumPrefixes, CeaseReason::kAdministrativeShutdown,
                             CeaseReason::kPeerDeconfigured, CeaseReason::kConnectionRejected,
                             CeaseReason::kOutOfResources}) {
    World world({numbered()});
    world.start();
    const ConnectionId c = world.dialed();
    world.open(c);
    world.say(c, notification(reason));
    EXPECT_EQ(world.state(), SessionState::kIdle);
    EXPECT_TRUE(world.timers.armed(kIdleHold));
  }
}

TEST(Damping, LongConfiguredIntervalIsNotShortened) {
  PeerSettings settings = numbered();
  settings.timers.connect_retry = 120s;
  World world({settings});
  world.start();
  const Duration waited = fail_and_wait(world);
  EXPECT_GE(waited, 90s);
  EXPECT_LE(waited, 120s + 10ms);
}

// --- RFC 5492: a peer that knows no capabilities ----------------------------------------------

TEST(Capabilities, LeftOutForAPeerThatRejectsThem) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  EXPECT_FALSE(std::get<Open>(world.heard(c)[0]).capabilities.multiprotocol.empty());
  world.say(c, notification(OpenError::kUnsupportedOptionalParameter));
  // At once, and without.
  const ConnectionId plain = world.dialed();
  ASSERT_NE(plain, c);
  world.open(plain);
  EXPECT_EQ(std::get<Open>(world.heard(plain)[0]).capabilities, Capabilities{});
  Open old = peer_open();
  old.capabilities = {};
  world.establish(plain, old);
  const Negotiated& n = world.observer.negotiated[PeerId{0}];
  EXPECT_EQ(n.families, std::vector<Family>{Family::kIpv4Unicast});
  EXPECT_FALSE(n.codec.four_octet_asn);
  EXPECT_FALSE(n.peer_route_refresh);
  // A later session starts afresh: the peer may have been upgraded.
  world.hang_up(plain);
  world.advance(1s);
  world.open(world.dialed());
  EXPECT_NE(std::get<Open>(world.heard(world.dialed())[0]).capabilities, Capabilities{});
}

TEST(Capabilities, RejectedAgainIsAnOrdinaryFailure) {
  World world({numbered()});
  world.start();
  for (int i = 0; i < 2; ++i) {
    const ConnectionId c = world.dialed();
    world.open(c);
    world.say(c, notification(OpenError::kUnsupportedOptionalParameter));
  }
  EXPECT_EQ(world.dial_count(), 2U);
  EXPECT_EQ(world.state(), SessionState::kIdle);
}

}  // namespace
}  // namespace lastmile::bgp
