// What BFD's verdict does to a session (RFC 5882, RFC 9384).
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

constexpr PeerId kPeer{0};

TEST(Bfd, AFailedPathEndsTheSessionWithItsOwnSubcode) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.manager.path_failed(kPeer, "BFD: echo function failed", world.now);
  EXPECT_EQ(world.last_word(c), notification(CeaseReason::kBfdDown));
  EXPECT_EQ(world.observer.down[kPeer], 1);
  EXPECT_NE(world.state(), SessionState::kEstablished);
}

TEST(Bfd, WhenThePathWorksAgainNoBackoffIsWaitedFor) {
  World world({numbered()});
  world.start();
  world.establish_dialed();
  world.manager.path_failed(kPeer, "BFD: down", world.now);
  for (int i = 0; i < 5; ++i) {
    world.advance(30s);
    if (world.status().state == SessionState::kConnect) world.refuse(world.dialed());
  }
  const std::size_t before = world.dial_count();
  world.manager.path_works(kPeer, world.now);
  EXPECT_EQ(world.dial_count(), before + 1);
  world.establish_dialed();
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(Bfd, WhoNeedNotWaitAnyLongerGoesOn) {
  World world({numbered()});
  world.manager.hold(kPeer);
  world.start();
  EXPECT_EQ(world.dial_count(), 0U);
  world.manager.release(kPeer, world.now);
  EXPECT_EQ(world.dial_count(), 1U);
  world.manager.release(kPeer, world.now);
  EXPECT_EQ(world.dial_count(), 1U);
}

TEST(Bfd, ASessionThatStoodWhileItWasHeldComesBackWhenItIsLost) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.manager.hold(kPeer);
  EXPECT_FALSE(world.closed(c));
  world.manager.path_works(kPeer, world.now);
  for (Duration stood{0}; stood < Backoff::kStableAfter; stood += 3s) {
    world.advance(3s);
    world.say_keepalive(c);
  }
  world.hang_up(c);
  world.advance(10s);
  EXPECT_GT(world.dial_count(), 1U);
}

TEST(Bfd, AWorkingPathLeavesASessionInPeace) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.manager.path_works(kPeer, world.now);
  EXPECT_FALSE(world.closed(c));
  EXPECT_EQ(world.dial_count(), 1U);
}

TEST(Bfd, StrictModeNeitherDialsNorAcceptsBeforeThePathWorks) {
  World world({numbered()});
  world.manager.hold(kPeer);
  world.start();
  world.advance(60s);
  EXPECT_EQ(world.dial_count(), 0U);
  EXPECT_EQ(world.status().detail, "waiting for BFD");
  const ConnectionId early = world.connect_in(kNumbered);
  EXPECT_EQ(world.last_word(early), notification(CeaseReason::kConnectionRejected));
  world.manager.path_works(kPeer, world.now);
  EXPECT_EQ(world.dial_count(), 1U);
  world.establish_dialed();
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  world.manager.path_failed(kPeer, "BFD: down", world.now);
  world.manager.hold(kPeer);
  world.advance(600s);
  EXPECT_EQ(world.dial_count(), 1U);
}

}  // namespace
}  // namespace lastmile::bgp
