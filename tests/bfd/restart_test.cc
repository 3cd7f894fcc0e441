// A neighbor whose routing restarts (RFC 5882 section 4.3): when its silence kills next hops.

#include "tests/bfd/scripted.h"

namespace lastmile::bfd::test {
namespace {

class Restart : public EngineTest {
 protected:
  enum class Fate { kShared, kOwn };
  /// `fate`: of the neighbor's BFD, beside its control plane.
  void up_with(Fate fate) {
    add(spec());
    apply(Command::Kind::kBind, kHop);
    bring_up();
    ControlPacket up = packet(State::kUp);
    up.flags.control_plane_independent = fate == Fate::kOwn;
    receive(up);
  }
};

TEST_F(Restart, SilenceOfBfdThatSharesFateKillsNothingMeanwhile) {
  up_with(Fate::kShared);
  apply(Command::Kind::kSpare);
  advance(1s);
  EXPECT_EQ(state(), State::kDown);
  EXPECT_EQ(recorder_.told.at(0).failures, 1U);
  EXPECT_TRUE(recorder_.told.at(0).ambiguous);
  EXPECT_TRUE(recorder_.is_alive(kHop)) << "not for a moment";
}

TEST_F(Restart, NorDoesItsNewBeginning) {
  up_with(Fate::kShared);
  apply(Command::Kind::kSpare);
  receive(State::kDown);
  EXPECT_EQ(recorder_.told.at(0).diagnostic, Diagnostic::kNeighborSignaledDown);
  EXPECT_TRUE(recorder_.told.at(0).ambiguous);
  EXPECT_TRUE(recorder_.is_alive(kHop));
}

TEST_F(Restart, BfdThatIsIndependentIsBelieved) {
  up_with(Fate::kOwn);
  apply(Command::Kind::kSpare);
  advance(1s);
  EXPECT_FALSE(recorder_.told.at(0).ambiguous);
  EXPECT_FALSE(recorder_.is_alive(kHop));
}

TEST_F(Restart, ADeadLinkIsADeadLink) {
  up_with(Fate::kShared);
  apply(Command::Kind::kSpare);
  apply(Command::Kind::kPathDown);
  EXPECT_FALSE(recorder_.told.at(0).ambiguous);
  EXPECT_FALSE(recorder_.is_alive(kHop));
}

TEST_F(Restart, WithoutARestartSilenceIsDeath) {
  up_with(Fate::kShared);
  advance(1s);
  EXPECT_TRUE(recorder_.told.at(0).ambiguous);
  EXPECT_FALSE(recorder_.is_alive(kHop));
  // The control plane learns a moment later that it was one.
  apply(Command::Kind::kSpare);
  EXPECT_TRUE(recorder_.is_alive(kHop));
}

TEST_F(Restart, EndsWithTheRestart) {
  up_with(Fate::kShared);
  apply(Command::Kind::kSpare);
  apply(Command::Kind::kHeed);
  advance(1s);
  EXPECT_FALSE(recorder_.is_alive(kHop));
}

TEST_F(Restart, EchoSpeaksOfForwarding) {
  SessionSpec alone = spec();
  alone.parameters.echo_mode = EchoMode::kUnaffiliated;
  alone.parameters.echo.interval = Microseconds{10'000};
  add(alone);
  apply({.kind = Command::Kind::kBind, .session = kSession, .next_hop = kHop, .spec = alone});
  for (int returned = 0; returned < 2; ++returned) {
    while (recorder_.frames.empty()) {
      now_ = engine_.next_deadline();
      engine_.run(now_, now_);
    }
    Datagram back = std::exchange(recorder_.frames, {}).back().datagram;
    back.hop_limit = 254;
    receive(back);
  }
  ASSERT_EQ(state(), State::kUp);
  recorder_.told.clear();
  apply(Command::Kind::kSpare);
  advance(1s);
  EXPECT_FALSE(recorder_.told.at(0).ambiguous);
  EXPECT_FALSE(recorder_.is_alive(kHop));
}

}  // namespace
}  // namespace lastmile::bfd::test
