// Echo: what comes back counts once, on its own port, if it is ours; what is missing kills; what
// the neighbor sends goes back to it.

#include "dataplane/bfd/echo.h"

#include "dataplane/net/headers.h"
#include "tests/bfd/scripted.h"

namespace lastmile::bfd::test {
namespace {

class UnaffiliatedEcho : public EngineTest {
 protected:
  UnaffiliatedEcho() {
    SessionSpec alone = spec();
    alone.parameters.echo_mode = EchoMode::kUnaffiliated;
    alone.parameters.echo = {.interval = Microseconds{3'000}, .multiplier = 3};
    add(alone);
    apply(Command::Kind::kBind, kHop);
  }

  /// The neighbor's forwarding path: what we sent, a hop older, on the port it left by.
  std::vector<Datagram> take() {
    std::vector<Datagram> returned;
    for (const auto& frame : std::exchange(recorder_.frames, {})) {
      EXPECT_EQ(frame.datagram.source, ip("10.0.1.1"));
      EXPECT_EQ(frame.datagram.destination, ip("10.0.1.1"));
      EXPECT_EQ(frame.datagram.destination_port, kEchoPort);
      EXPECT_EQ(frame.datagram.hop_limit, 255);
      EXPECT_EQ(frame.destination, kPeerMac);
      returned.push_back(frame.datagram);
      returned.back().hop_limit = 254;
    }
    return returned;
  }
  void bounce(Interval round_trip = 40us) {
    for (const Datagram& echo : take()) {
      now_ += round_trip;
      receive(echo);
    }
  }
  void bring_echo_up() {
    for (int i = 0; i < 10 && state() != State::kUp; ++i) {
      bounce();
      advance(3ms);
    }
    ASSERT_EQ(state(), State::kUp);
    recorder_.told.clear();
  }
};

TEST_F(UnaffiliatedEcho, ComesUpWhenPacketsReturnAndMeasuresThem) {
  bring_echo_up();
  for (int i = 0; i < 400; ++i) {
    now_ = std::max(now_, engine_.next_deadline());
    engine_.run(now_, now_);
    bounce(50us);
  }
  EXPECT_EQ(state(), State::kUp);
  EXPECT_EQ(all_refused(), 0U);
  EXPECT_EQ(board_[kSession].round_trip_ns.read(), 50'000U);
  EXPECT_NEAR(static_cast<double>(board_[kSession].round_trip_mean_ns.read()), 50'000, 100);
  EXPECT_LT(board_[kSession].round_trip_jitter_ns.read(), 1'000U);
  EXPECT_EQ(board_[kSession].detection_us.read(), 9'000U);
}

TEST_F(UnaffiliatedEcho, SendsOnceASecondToANeighborThatReturnsNothing) {
  advance(20s);
  const std::size_t sent = take().size();
  EXPECT_GE(sent, 20U);
  EXPECT_LE(sent, 28U);
  EXPECT_TRUE(recorder_.is_alive(kHop)) << "it never worked, so it proves nothing";
}

TEST_F(UnaffiliatedEcho, DetectsAfterThreeIntervals) {
  bring_echo_up();
  bounce();
  const Instant last = now_;
  while (recorder_.is_alive(kHop)) advance(10us);
  EXPECT_GE(now_ - last, 9ms);
  EXPECT_LE(now_ - last, 9ms + 20us);
  ASSERT_EQ(recorder_.told.size(), 1U);
  EXPECT_EQ(recorder_.told[0].diagnostic, Diagnostic::kEchoFailed);
  EXPECT_EQ(recorder_.told[0].failures, 1U);
}

TEST_F(UnaffiliatedEcho, AReplayKeepsNobodyAlive) {
  bring_echo_up();
  advance(3ms);
  const auto recorded = take();
  ASSERT_FALSE(recorded.empty());
  receive(recorded[0]);
  for (int i = 0; i < 9; ++i) {
    advance(1ms);
    receive(recorded[0]);
  }
  EXPECT_GE(refused(Refusal::kEchoReplayed), 8U);
  EXPECT_EQ(state(), State::kDown);
}

TEST_F(UnaffiliatedEcho, ADelayedRecordingIsRefusedThoughItsNumberIsNew) {
  bring_echo_up();
  advance(3ms);
  const auto kept = take();
  ASSERT_FALSE(kept.empty());
  advance(2s);
  receive(kept[0]);
  EXPECT_EQ(refused(Refusal::kEchoReplayed), 1U);
}

TEST_F(UnaffiliatedEcho, AnyOctetChangedIsAForgery) {
  bring_echo_up();
  advance(3ms);
  const Datagram good = take().at(0);
  std::uint64_t forged = 0;
  for (std::size_t i = 0; i < kEchoSize; ++i) {
    if (i >= 4 && i < 8) continue;  // another discriminator is another session's
    Datagram spoilt = good;
    spoilt.octets[i] ^= 1;
    receive(spoilt);
    EXPECT_EQ(refused(Refusal::kEchoForged), ++forged) << "octet " << i;
  }
  Datagram longer = good;
  ++longer.size;
  receive(longer);
  EXPECT_EQ(refused(Refusal::kEchoForged), forged + 1);
  receive(good);
  EXPECT_EQ(state(), State::kUp);
}

TEST_F(UnaffiliatedEcho, OnlyThePortItLeftByCounts) {
  bring_echo_up();
  advance(3ms);
  Datagram elsewhere = take().at(0);
  elsewhere.port = kUp2;
  receive(elsewhere);
  EXPECT_EQ(refused(Refusal::kEchoWrongPort), 1U);
}

TEST_F(UnaffiliatedEcho, OneHopAndNoOther) {
  bring_echo_up();
  advance(3ms);
  Datagram echo = take().at(0);
  echo.hop_limit = 253;
  receive(echo);
  EXPECT_EQ(refused(Refusal::kBadHopLimit), 1U);
  echo.hop_limit = 254;
  store_be32(&echo.octets[4], kOurs + 1);
  receive(echo);
  EXPECT_EQ(refused(Refusal::kEchoUnknown), 1U);
}

TEST_F(UnaffiliatedEcho, LinkDownAndAdministration) {
  bring_echo_up();
  apply(Command::Kind::kPathDown);
  EXPECT_FALSE(recorder_.is_alive(kHop));
  advance(1s);
  bring_echo_up();
  EXPECT_TRUE(recorder_.is_alive(kHop));
  apply(Command::Kind::kAdminDown);
  EXPECT_EQ(state(), State::kAdminDown);
  EXPECT_TRUE(recorder_.is_alive(kHop));
  take();
  advance(10s);
  EXPECT_TRUE(take().empty());
}

// --- echo beside control packets -----------------------------------------------------------------

class AffiliatedEcho : public EngineTest {
 protected:
  void start(std::uint32_t they_allow_us) {
    SessionSpec both = spec();
    both.parameters.echo_mode = EchoMode::kOn;
    both.parameters.echo = {.interval = Microseconds{5'000}, .multiplier = 3};
    both.parameters.control.required_min_echo_rx = Microseconds{5'000};
    add(both);
    apply(Command::Kind::kBind, kHop);
    bring_up();
    allow_ = Microseconds{they_allow_us};
    keep_up();
  }
  void keep_up() {
    ControlPacket up = packet(State::kUp);
    up.required_min_echo_rx = allow_;
    receive(up);
  }
  std::vector<Datagram> echoes() {
    std::vector<Datagram> found;
    for (const auto& frame : std::exchange(recorder_.frames, {})) {
      if (frame.datagram.destination_port == kEchoPort) found.push_back(frame.datagram);
    }
    return found;
  }
  /// What a peer's daemon makes of a link-local echo: back to its sender, a hop older.
  static Datagram returned(Datagram echo) {
    std::swap(echo.source, echo.destination);
    echo.hop_limit = 254;
    return echo;
  }

  Microseconds allow_{0};
};

TEST_F(AffiliatedEcho, SendsNoneToANeighborThatAllowsNone) {
  start(0);
  advance(25ms);
  EXPECT_TRUE(echoes().empty());
}

TEST_F(AffiliatedEcho, KeepsTheNeighborsPace) {
  start(20'000);
  std::size_t sent = 0;
  for (int i = 0; i < 100; ++i) {
    advance(10ms);
    keep_up();
    for (const Datagram& echo : echoes()) {
      ++sent;
      receive(returned(echo));
    }
  }
  EXPECT_GE(sent, 50U);
  EXPECT_LE(sent, 72U) << "20 ms, less up to 25 % of jitter";
  EXPECT_EQ(all_refused(), 0U);
}

TEST_F(AffiliatedEcho, ItsLossIsAFailureThoughControlPacketsFlow) {
  start(5'000);
  for (int i = 0; i < 20; ++i) {
    advance(5ms);
    keep_up();
    for (const Datagram& echo : echoes()) receive(returned(echo));
  }
  ASSERT_TRUE(recorder_.is_alive(kHop));
  for (int i = 0; i < 4; ++i) {
    advance(5ms);
    if (state() == State::kUp) keep_up();
  }
  EXPECT_FALSE(recorder_.is_alive(kHop));
  EXPECT_EQ(recorder_.told.back().diagnostic, Diagnostic::kEchoFailed);
}

TEST_F(AffiliatedEcho, ANeighborThatNeverReturnsAnyIsNotPunished) {
  start(5'000);
  for (int i = 0; i < 100; ++i) {
    advance(10ms);
    keep_up();
  }
  EXPECT_EQ(state(), State::kUp);
  EXPECT_TRUE(recorder_.is_alive(kHop));
}

// --- the neighbor's echo -------------------------------------------------------------------------

class Reflection : public AffiliatedEcho {
 protected:
  static Datagram echo(const char* source, const char* destination) {
    Datagram datagram;
    datagram.port = kUp1;
    datagram.source_mac = kPeerMac;
    datagram.source = ip(source);
    datagram.destination = ip(destination);
    datagram.source_port = 3785;
    datagram.destination_port = kEchoPort;
    datagram.hop_limit = 255;
    datagram.size = 40;
    for (std::uint8_t i = 0; i < 40; ++i) datagram.octets[i] = i;
    return datagram;
  }
};

TEST_F(Reflection, ReturnsItWithItsContentAndAHopLess) {
  start(0);
  recorder_.frames.clear();
  receive(echo("fe80::1", "fe80::2"));
  ASSERT_EQ(recorder_.frames.size(), 1U);
  const auto& frame = recorder_.frames[0];
  EXPECT_EQ(frame.destination, kPeerMac);
  EXPECT_EQ(frame.datagram.source, ip("fe80::2"));
  EXPECT_EQ(frame.datagram.destination, ip("fe80::1"));
  EXPECT_EQ(frame.datagram.hop_limit, 254);
  EXPECT_EQ(frame.datagram.octets, echo("fe80::1", "fe80::2").octets);
  EXPECT_EQ(board_[kSession].echo_reflected.read(), 1U);
}

TEST_F(Reflection, OneThatIsAddressedToItsSenderStaysSo) {
  start(0);
  recorder_.frames.clear();
  receive(echo("fe80::1", "fe80::1"));
  ASSERT_EQ(recorder_.frames.size(), 1U);
  EXPECT_EQ(recorder_.frames[0].datagram.source, ip("fe80::1"));
  EXPECT_EQ(recorder_.frames[0].datagram.destination, ip("fe80::1"));
}

TEST_F(Reflection, OnlyForNeighborsWhomWeAllowIt) {
  add(spec());  // echo off
  bring_up();
  receive(echo("fe80::1", "fe80::2"));
  start(0);
  recorder_.frames.clear();
  receive(echo("fe80::77", "fe80::2"));
  EXPECT_TRUE(recorder_.frames.empty());
  EXPECT_EQ(refused(Refusal::kEchoRefused), 2U);
}

TEST_F(Reflection, AFloodGetsTheRateThatWeAnnounced) {
  start(0);
  recorder_.frames.clear();
  for (int i = 0; i < 1000; ++i) receive(echo("fe80::1", "fe80::2"));
  EXPECT_LE(recorder_.frames.size(), 34U);
  EXPECT_GE(refused(Refusal::kEchoRefused), 966U);
}

}  // namespace
}  // namespace lastmile::bfd::test
