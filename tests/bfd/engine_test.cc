// A scripted peer and virtual time: every change of state, every bad input, when next hops die and
// live again, and what the peer hears of it.

#include "dataplane/bfd/engine.h"

#include <functional>

#include "tests/bfd/scripted.h"

namespace lastmile::bfd::test {
namespace {

// --- the state machine ---------------------------------------------------------------------------

struct Step {
  State ours;
  State received;
  State then;
};

TEST_F(EngineTest, TheStateMachineIsTheRfcs) {
  // RFC 5880 section 6.8.6.
  constexpr auto kAdminDown = State::kAdminDown;
  constexpr auto kDown = State::kDown;
  constexpr auto kInit = State::kInit;
  constexpr auto kUp = State::kUp;
  const Step table[]{
      {kDown, kAdminDown, kDown}, {kDown, kDown, kInit}, {kDown, kInit, kUp}, {kDown, kUp, kDown},
      {kInit, kAdminDown, kDown}, {kInit, kDown, kInit}, {kInit, kInit, kUp}, {kInit, kUp, kUp},
      {kUp, kAdminDown, kDown},   {kUp, kDown, kDown},   {kUp, kInit, kUp},   {kUp, kUp, kUp},
  };
  for (const Step& step : table) {
    add(spec());
    if (step.ours != kDown) receive(kDown);
    if (step.ours == kUp) receive(kInit);
    ASSERT_EQ(state(), step.ours);
    receive(step.received);
    EXPECT_EQ(state(), step.then) << to_string(step.ours) << " + " << to_string(step.received);
  }
}

TEST_F(EngineTest, SpeaksAtOnceThenOnceASecondUntilItIsUp) {
  add(spec());
  ASSERT_EQ(sent().size(), 1U);
  advance(10s);
  const auto packets = sent();
  EXPECT_GE(packets.size(), 10U);
  EXPECT_LE(packets.size(), 14U);
  for (const ControlPacket& packet : packets) {
    EXPECT_EQ(packet.state, State::kDown);
    EXPECT_EQ(packet.your_discriminator, 0U);
    EXPECT_EQ(packet.desired_min_tx, kSlowInterval);
    EXPECT_TRUE(packet.flags.control_plane_independent) << "forwarding ends with them, not before";
  }
}

TEST_F(EngineTest, ComesUpInTwoPacketsAndTellsTheNewIntervalByAPoll) {
  add(spec());
  sent();
  receive(State::kDown);
  EXPECT_EQ(sent().at(0).state, State::kInit);
  receive(State::kInit);
  const auto first = sent();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].state, State::kUp);
  EXPECT_TRUE(first[0].flags.poll);
  EXPECT_EQ(first[0].desired_min_tx, Microseconds{10'000});
  advance(10ms);
  EXPECT_TRUE(sent().at(0).flags.poll) << "until the final has come";
  ControlPacket final = packet(State::kUp);
  final.flags.final = true;
  receive(final);
  advance(10ms);
  EXPECT_FALSE(sent().at(0).flags.poll);
  ASSERT_EQ(recorder_.told.size(), 2U);
  EXPECT_EQ(recorder_.told[0].state, State::kInit);
  EXPECT_EQ(recorder_.told[1].state, State::kUp);
}

TEST_F(EngineTest, PacketsAreJitteredBy25Percent) {
  add(spec());
  bring_up();
  std::vector<Instant> times;
  while (times.size() < 500) {
    receive(State::kUp);
    sent();
    now_ = engine_.next_deadline();
    engine_.run(now_, now_);
    if (!recorder_.frames.empty()) times.push_back(now_);
  }
  Interval least = 1s, most = 0s;
  for (std::size_t i = 1; i < times.size(); ++i) {
    least = std::min(least, times[i] - times[i - 1]);
    most = std::max(most, times[i] - times[i - 1]);
  }
  EXPECT_GE(least, 7500us);
  EXPECT_LE(least, 7700us);
  EXPECT_GE(most, 9800us);
  EXPECT_LE(most, 10'001us);
}

TEST_F(EngineTest, ASingleMissCountsOnlyWithLessJitter) {
  SessionSpec single = spec();
  single.parameters.control.multiplier = 1;
  add(single);
  bring_up();
  for (int i = 0; i < 200; ++i) {
    receive(State::kUp);
    const Instant before = now_;
    sent();
    while (recorder_.frames.empty()) {
      now_ = engine_.next_deadline();
      engine_.run(now_, now_);
    }
    EXPECT_LE(now_ - before, 9'001us);
  }
}

// --- detection -----------------------------------------------------------------------------------

TEST_F(EngineTest, DetectsAfterThreeIntervalsAndNotBefore) {
  add(spec());
  apply(Command::Kind::kBind, kHop);
  bring_up();
  receive(State::kUp);
  advance(30ms - 1ns);
  EXPECT_EQ(state(), State::kUp);
  EXPECT_TRUE(recorder_.is_alive(kHop));
  advance(2ns);
  EXPECT_EQ(state(), State::kDown);
  EXPECT_FALSE(recorder_.is_alive(kHop));
  ASSERT_EQ(recorder_.told.size(), 1U);
  EXPECT_EQ(recorder_.told[0].diagnostic, Diagnostic::kDetectionTimeExpired);
  EXPECT_EQ(recorder_.told[0].failures, 1U);
  const auto packets = sent();
  EXPECT_EQ(packets.back().state, State::kDown);
  EXPECT_EQ(packets.back().diagnostic, Diagnostic::kDetectionTimeExpired);
  EXPECT_EQ(packets.back().your_discriminator, 0U);
  EXPECT_EQ(packets.back().desired_min_tx, kSlowInterval);
}

TEST_F(EngineTest, InitEndsWhenTheNeighborFallsSilent) {
  add(spec());
  apply(Command::Kind::kBind, kHop);
  receive(State::kDown);
  ASSERT_EQ(state(), State::kInit);
  advance(30ms - 1ns);
  EXPECT_EQ(state(), State::kInit);
  advance(2ns);
  EXPECT_EQ(state(), State::kDown);
  EXPECT_EQ(recorder_.told.back().diagnostic, Diagnostic::kDetectionTimeExpired);
  EXPECT_EQ(recorder_.told.back().failures, 0U) << "it was not Up";
  EXPECT_TRUE(recorder_.is_alive(kHop));
}

TEST_F(EngineTest, DetectionFollowsTheSlowerSide) {
  add(spec());
  bring_up();
  ControlPacket slow = packet(State::kUp);
  slow.desired_min_tx = Microseconds{100'000};
  slow.multiplier = 5;
  receive(slow);
  advance(499ms);
  EXPECT_EQ(state(), State::kUp);
  advance(2ms);
  EXPECT_EQ(state(), State::kDown);
}

TEST_F(EngineTest, PacketsThatMayLieUnreadAreWaitedFor) {
  add(spec());
  bring_up();
  receive(State::kUp);
  now_ += 30ms;
  engine_.run(now_, now_ - 1ms);
  EXPECT_EQ(state(), State::kUp);
  now_ += 500us;
  receive(State::kUp);
  engine_.run(now_, now_ - 1ms);
  EXPECT_EQ(state(), State::kUp);
  now_ += 31ms;
  engine_.run(now_, now_ - 1ms);
  EXPECT_EQ(state(), State::kDown) << "but not for long";
}

TEST_F(EngineTest, ThreeMillisecondsWorkToo) {
  SessionSpec fast = spec();
  fast.parameters.control.desired_min_tx = fast.parameters.control.required_min_rx =
      Microseconds{3'000};
  add(fast);
  bring_up();
  ControlPacket up = packet(State::kUp);
  up.desired_min_tx = up.required_min_rx = Microseconds{3'000};
  receive(up);
  advance(9ms - 1us);
  EXPECT_EQ(state(), State::kUp);
  advance(2us);
  EXPECT_EQ(state(), State::kDown);
}

TEST_F(EngineTest, TheNeighborsWordIsAsGoodAsSilence) {
  add(spec());
  apply(Command::Kind::kBind, kHop);
  bring_up();
  receive(State::kDown);
  EXPECT_FALSE(recorder_.is_alive(kHop));
  EXPECT_EQ(recorder_.told.at(0).diagnostic, Diagnostic::kNeighborSignaledDown);
  EXPECT_EQ(recorder_.told.at(0).failures, 1U);
}

TEST_F(EngineTest, AnEndThatIsMeantIsNoFailure) {
  add(spec());
  apply(Command::Kind::kBind, kHop);
  bring_up();
  receive(State::kAdminDown);
  EXPECT_EQ(state(), State::kDown);
  EXPECT_TRUE(recorder_.is_alive(kHop));
  EXPECT_EQ(recorder_.told.at(0).failures, 0U);
}

TEST_F(EngineTest, LinkDownIsAFailureAtOnce) {
  add(spec());
  apply(Command::Kind::kBind, kHop);
  bring_up();
  apply(Command::Kind::kPathDown);
  EXPECT_FALSE(recorder_.is_alive(kHop));
  EXPECT_EQ(recorder_.told.at(0).diagnostic, Diagnostic::kPathDown);
}

// --- next hops -----------------------------------------------------------------------------------

TEST_F(EngineTest, NextHopsDieAndLiveTogether) {
  add(spec());
  for (const NextHopId hop : {NextHopId{7}, NextHopId{8}, NextHopId{9}}) {
    apply(Command::Kind::kBind, hop);
  }
  bring_up();
  apply(Command::Kind::kRelease, NextHopId{8});
  advance(1s);
  EXPECT_FALSE(recorder_.is_alive(NextHopId{7}));
  EXPECT_TRUE(recorder_.is_alive(NextHopId{8}));
  EXPECT_FALSE(recorder_.is_alive(NextHopId{9}));
  apply(Command::Kind::kBind, NextHopId{10});
  EXPECT_FALSE(recorder_.is_alive(NextHopId{10})) << "bound to a session that has failed";
  apply(Command::Kind::kUnbind, NextHopId{9});
  EXPECT_TRUE(recorder_.is_alive(NextHopId{9}));
  ControlPacket back = packet(State::kDown);
  back.your_discriminator = 0;
  receive(back);
  EXPECT_FALSE(recorder_.is_alive(NextHopId{7})) << "Init is not Up";
  receive(State::kUp);
  EXPECT_TRUE(recorder_.is_alive(NextHopId{7}));
  EXPECT_TRUE(recorder_.is_alive(NextHopId{10}));
}

TEST_F(EngineTest, ASessionThatNeverWasUpKillsNothing) {
  add(spec());
  apply(Command::Kind::kBind, kHop);
  advance(60s);
  receive(State::kDown);
  advance(60s);
  EXPECT_EQ(state(), State::kDown);
  EXPECT_TRUE(recorder_.is_alive(kHop));
}

TEST_F(EngineTest, RoutingMayOverruleAnOldVerdictAndRemovalLeavesNothingDead) {
  add(spec());
  apply(Command::Kind::kBind, kHop);
  bring_up();
  advance(1s);
  ASSERT_FALSE(recorder_.is_alive(kHop));
  apply(Command::Kind::kForgive);
  EXPECT_TRUE(recorder_.is_alive(kHop));
  bring_up();
  advance(1s);
  ASSERT_FALSE(recorder_.is_alive(kHop));
  apply(Command::Kind::kRemove);
  EXPECT_TRUE(recorder_.is_alive(kHop));
  EXPECT_FALSE(engine_.has_sessions());
}

TEST_F(EngineTest, AFullRingDelaysNewsAndLosesNone) {
  add(spec());
  recorder_.deaf = true;
  bring_up();
  now_ += 1s;
  engine_.run(now_, now_);
  EXPECT_TRUE(recorder_.told.empty());
  EXPECT_LE(engine_.next_deadline(), now_ + 1ms) << "the worker must not sleep over it";
  const unsigned before = recorder_.unheard;
  for (int loop = 0; loop < 100; ++loop) engine_.run(now_, now_);
  EXPECT_EQ(recorder_.unheard, before) << "offered once in a while, not in each loop";
  recorder_.deaf = false;
  now_ += 1ms;
  engine_.run(now_, now_);
  ASSERT_EQ(recorder_.told.size(), 1U);
  EXPECT_EQ(recorder_.told[0].state, State::kDown);
  EXPECT_EQ(recorder_.told[0].failures, 1U) << "it was Up in between";
  EXPECT_GT(engine_.next_deadline(), now_);
}

// --- parameters, roles, modes --------------------------------------------------------------------

TEST_F(EngineTest, ASlowerRateWaitsForTheFinalAndNothingFlaps) {
  add(spec());
  bring_up();
  receive(State::kUp);
  Command change{.kind = Command::Kind::kChange, .session = kSession, .spec = spec()};
  change.spec.parameters.control.desired_min_tx = Microseconds{50'000};
  change.spec.parameters.control.required_min_rx = Microseconds{50'000};
  apply(change);
  const auto poll = sent();
  ASSERT_FALSE(poll.empty());
  EXPECT_TRUE(poll.back().flags.poll);
  EXPECT_EQ(poll.back().desired_min_tx, Microseconds{50'000});
  for (int i = 0; i < 5; ++i) {
    advance(10ms);
    EXPECT_FALSE(sent().empty()) << "still at the old rate";
    receive(State::kUp);
  }
  ControlPacket final = packet(State::kUp);
  final.flags.final = true;
  receive(final);
  sent();
  advance(25ms);
  EXPECT_TRUE(sent().empty());
  EXPECT_EQ(state(), State::kUp);
  EXPECT_EQ(board_[kSession].failures.read(), 0U);
  EXPECT_EQ(board_[kSession].detection_us.read(), 150'000U);
}

TEST_F(EngineTest, AnAnswerToTheLastPollButOneIsNoAnswerToTheLast) {
  add(spec());
  bring_up();
  receive(State::kUp);
  for (const std::uint32_t interval : {50'000U, 1'000'000U}) {
    Command change{.kind = Command::Kind::kChange, .session = kSession, .spec = spec()};
    change.spec.parameters.control.desired_min_tx = Microseconds{interval};
    apply(change);
  }
  ControlPacket final = packet(State::kUp);
  final.flags.final = true;
  receive(final);  // of the first, and the second was lost
  sent();
  advance(10ms);
  const auto again = sent();
  ASSERT_FALSE(again.empty()) << "at the old rate, or the other side finds silence";
  EXPECT_TRUE(again.back().flags.poll);
  EXPECT_EQ(again.back().desired_min_tx, Microseconds{1'000'000});
  receive(final);
  sent();
  advance(25ms);
  EXPECT_TRUE(sent().empty());
}

TEST_F(EngineTest, DetectionTimesLongerThanTheProtocolsUnitHoldsDoNotWrap) {
  add(spec());
  bring_up();
  ControlPacket slow = packet(State::kUp);
  slow.desired_min_tx = Microseconds{0x80000000};
  slow.multiplier = 2;
  receive(slow);
  advance(1min);
  EXPECT_EQ(state(), State::kUp);
  EXPECT_EQ(board_[kSession].detection_us.read(), 0xffffffffU);
}

TEST_F(EngineTest, FasterDetectionWaitsForTheFinal) {
  SessionSpec slow = spec();
  slow.parameters.control.required_min_rx = Microseconds{100'000};
  add(slow);
  bring_up();
  ControlPacket up = packet(State::kUp);
  receive(up);
  apply({.kind = Command::Kind::kChange, .session = kSession, .spec = spec()});
  advance(299ms);
  EXPECT_EQ(state(), State::kUp) << "300 ms hold until the other side has heard of 10 ms";
  up.flags.final = true;
  receive(up);
  advance(31ms);
  EXPECT_EQ(state(), State::kDown);
}

TEST_F(EngineTest, APollIsAnsweredAtOnceWithAFinal) {
  add(spec());
  bring_up();
  ControlPacket poll = packet(State::kUp);
  poll.flags.poll = true;
  receive(poll);
  const auto answer = sent();
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_TRUE(answer[0].flags.final);
  EXPECT_FALSE(answer[0].flags.poll);
}

TEST_F(EngineTest, APassiveSessionSpeaksWhenSpokenTo) {
  SessionSpec passive = spec();
  passive.parameters.control.role = Role::kPassive;
  add(passive);
  advance(60s);
  EXPECT_TRUE(sent().empty());
  ControlPacket first = packet(State::kDown);
  first.your_discriminator = 0;
  receive(first);
  EXPECT_EQ(sent().at(0).state, State::kInit);
  advance(60s);
  sent();
  advance(60s);
  EXPECT_TRUE(sent().empty()) << "nobody is there any more";
}

TEST_F(EngineTest, DemandModeStopsOurPacketsAndNotOurDetection) {
  add(spec());
  bring_up();
  ControlPacket demand = packet(State::kUp);
  demand.flags.demand = true;
  receive(demand);
  sent();
  advance(20ms);
  EXPECT_TRUE(sent().empty());
  demand.flags.poll = true;
  receive(demand);
  const auto answer = sent();
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_TRUE(answer[0].flags.final);
  EXPECT_FALSE(answer[0].flags.demand) << "we never ask for it";
  advance(31ms);
  EXPECT_EQ(state(), State::kDown);
}

TEST_F(EngineTest, ANeighborThatWantsNoPacketsGetsNone) {
  add(spec());
  bring_up();
  ControlPacket quiet = packet(State::kUp);
  quiet.required_min_rx = Microseconds{0};
  receive(quiet);
  sent();
  advance(25ms);
  EXPECT_TRUE(sent().empty());
}

TEST_F(EngineTest, AdministrativelyDownIsToldAndStays) {
  add(spec());
  apply(Command::Kind::kBind, kHop);
  bring_up();
  apply(Command::Kind::kAdminDown);
  const auto packets = sent();
  ASSERT_FALSE(packets.empty());
  EXPECT_EQ(packets.back().state, State::kAdminDown);
  EXPECT_EQ(packets.back().diagnostic, Diagnostic::kAdministrativelyDown);
  EXPECT_TRUE(recorder_.is_alive(kHop));
  receive(State::kDown);
  EXPECT_EQ(state(), State::kAdminDown);
  EXPECT_EQ(refused(Refusal::kAdministrativelyDown), 1U);
  apply(Command::Kind::kEnable);
  EXPECT_EQ(state(), State::kDown);
  bring_up();
}

TEST_F(EngineTest, NothingIsSentToANeighborWithoutALinkLayerAddress) {
  SessionSpec unresolved = spec();
  unresolved.remote_mac = {};
  add(unresolved);
  advance(10s);
  EXPECT_TRUE(recorder_.frames.empty());
  apply(Command::Kind::kResolve);
  EXPECT_EQ(sent().size(), 1U);
}

// --- whose packet is it --------------------------------------------------------------------------

TEST_F(EngineTest, TheSameNeighborAddressOnTwoPortsIsTwoSessions) {
  SessionSpec other = spec();
  other.port = kUp2;
  other.discriminator = 3 * kMaxSessions + 6;
  add(spec());
  add(other, SessionId{6});
  ControlPacket first = packet(State::kDown);
  first.your_discriminator = 0;
  Datagram on_up2 = datagram(first);
  on_up2.port = kUp2;
  receive(on_up2);
  EXPECT_EQ(state(), State::kDown);
  EXPECT_EQ(board_[SessionId{6}].state.read(), static_cast<std::uint64_t>(State::kInit));
}

struct BadInput {
  const char* name;
  std::function<void(ControlPacket&)> spoil_packet;
  std::function<void(Datagram&)> spoil_datagram;
  Refusal refusal;
};

const std::vector<BadInput>& bad_inputs() {
  const auto nothing = [](auto&) {};
  static const std::vector<BadInput> table{
      {"HopLimit254", nothing, [](Datagram& d) { d.hop_limit = 254; }, Refusal::kBadHopLimit},
      {"OtherPort", nothing, [](Datagram& d) { d.port = kUp2; }, Refusal::kWrongPort},
      {"UnknownDiscriminator", [](ControlPacket& p) { p.your_discriminator ^= kMaxSessions; },
       nothing, Refusal::kUnknownDiscriminator},
      {"DiscriminatorOfAnEmptyPlace", [](ControlPacket& p) { p.your_discriminator += 1; }, nothing,
       Refusal::kUnknownDiscriminator},
      {"ZeroMyDiscriminator", [](ControlPacket& p) { p.my_discriminator = 0; }, nothing,
       Refusal::kZeroDiscriminator},
      {"ZeroYourDiscriminatorInUp", [](ControlPacket& p) { p.your_discriminator = 0; }, nothing,
       Refusal::kMissingDiscriminator},
      {"StrangerWithoutDiscriminator",
       [](ControlPacket& p) {
         p.your_discriminator = 0;
         p.state = State::kDown;
       },
       [](Datagram& d) { d.source = ip("fe80::99"); }, Refusal::kUnknownPeer},
      {"NeighborOfAnotherPort",
       [](ControlPacket& p) {
         p.your_discriminator = 0;
         p.state = State::kDown;
       },
       [](Datagram& d) { d.port = kUp2; }, Refusal::kUnknownPeer},
      {"ZeroMultiplier", [](ControlPacket& p) { p.multiplier = 0; }, nothing,
       Refusal::kZeroMultiplier},
      {"BadVersion", nothing, [](Datagram& d) { d.octets[0] = 0x40; }, Refusal::kBadVersion},
      {"BadLength", nothing, [](Datagram& d) { d.octets[3] = 40; }, Refusal::kBadLength},
      {"Short", nothing, [](Datagram& d) { d.size = 20; }, Refusal::kTooShort},
      {"Multipoint", nothing, [](Datagram& d) { d.octets[1] |= 1; }, Refusal::kMultipoint},
      {"UnexpectedAuthentication",
       [](ControlPacket& p) {
         p.flags.authenticated = true;
         p.length = 52;
       },
       [](Datagram& d) { d.size = 52; }, Refusal::kAuthUnexpected},
  };
  return table;
}

class Refused : public EngineTest, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(Refused, ChangesNothingAndIsCounted) {
  const BadInput& test_case = bad_inputs()[GetParam()];
  add(spec());
  bring_up();
  receive(State::kUp);
  advance(29ms);
  ControlPacket bad = packet(State::kUp);
  bad.flags.poll = true;
  test_case.spoil_packet(bad);
  Datagram spoilt = datagram(bad);
  test_case.spoil_datagram(spoilt);
  sent();
  receive(spoilt);
  EXPECT_EQ(refused(test_case.refusal), 1U);
  EXPECT_EQ(all_refused(), 1U);
  EXPECT_TRUE(sent().empty()) << "not even the poll is answered";
  advance(2ms);
  EXPECT_EQ(state(), State::kDown) << "it did not keep the session alive";
}
INSTANTIATE_TEST_SUITE_P(Table, Refused, ::testing::Range(std::size_t{0}, bad_inputs().size()),
                         [](const auto& test) { return bad_inputs()[test.param].name; });

TEST_F(EngineTest, AuthenticationKeepsStrangersAndRecordingsOut) {
  SessionSpec secret = spec();
  Authentication& authentication = secret.parameters.control.authentication;
  authentication.type = AuthType::kMeticulousSha1;
  authentication.key_length = 3;
  authentication.key = {'k', 'e', 'y'};
  add(secret);
  const auto signed_with = [&](std::uint32_t sequence, const Authentication& auth) {
    ControlPacket down = packet(State::kDown);
    down.flags.authenticated = true;
    down.length = kLargestControl;
    Datagram result = datagram(down);
    result.size = kLargestControl;
    sign(auth, sequence, std::span{result.octets}.first(kLargestControl));
    return result;
  };
  receive(State::kDown);
  EXPECT_EQ(refused(Refusal::kAuthMissing), 1U);
  Authentication wrong = authentication;
  wrong.key[0] = 'x';
  receive(signed_with(10, wrong));
  EXPECT_EQ(refused(Refusal::kAuthDigest), 1U);
  EXPECT_EQ(state(), State::kDown);
  receive(signed_with(10, authentication));
  EXPECT_EQ(state(), State::kInit);
  receive(signed_with(10, authentication));
  EXPECT_EQ(refused(Refusal::kAuthSequence), 1U);
  const auto packets = std::exchange(recorder_.frames, {});
  for (const auto& frame : packets) {
    SequenceWindow window;
    EXPECT_EQ(check(authentication, frame.datagram.payload(), window), std::nullopt);
  }
}

}  // namespace
}  // namespace lastmile::bfd::test
