// Packets that say what the one before them said go a short way through the engine. Whatever
// happens, nobody may see a difference: here one engine lives with it, and a twin goes the whole
// way with every packet, and both are told the same.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <initializer_list>
#include <random>
#include <utility>
#include <vector>

#include "tests/bfd/scripted.h"

namespace lastmile::bfd::test {
namespace {

constexpr std::array kPorts{kUp1, kUp2};

/// Session i is on port i; the first speaks IPv6, the second IPv4.
SessionSpec spec_of(std::uint16_t i) {
  SessionSpec spec;
  spec.discriminator = 3 * kMaxSessions + i;
  spec.port = kPorts[i];
  spec.local_mac = kOurMac;
  spec.remote_mac = kPeerMac;
  spec.local = i == 0 ? ip("fe80::2") : ip("192.0.2.2");
  spec.remote = i == 0 ? ip("fe80::1") : ip("192.0.2.1");
  spec.source_port = static_cast<std::uint16_t>(kFirstSourcePort + i);
  spec.parameters.control.desired_min_tx = Microseconds{10'000};
  spec.parameters.control.required_min_rx = Microseconds{10'000};
  spec.echo_key = {1, 2};
  spec.seed = 42 + i;
  return spec;
}

ControlPacket packet_of(std::uint16_t i, State state) {
  ControlPacket packet;
  packet.state = state;
  packet.multiplier = 3;
  packet.my_discriminator = 77U + i;
  packet.your_discriminator = spec_of(i).discriminator;
  packet.desired_min_tx = packet.required_min_rx = Microseconds{10'000};
  return packet;
}

Datagram datagram_of(std::uint16_t i, const ControlPacket& packet) {
  Datagram datagram;
  datagram.port = kPorts[i];
  datagram.source_mac = kPeerMac;
  datagram.source = spec_of(i).remote;
  datagram.destination = spec_of(i).local;
  datagram.source_port = 50000;
  datagram.destination_port = kControlPort;
  datagram.hop_limit = kHopLimit;
  datagram.size = kControlSize;
  encode(packet, datagram.octets);
  return datagram;
}

/// An engine and all that can be seen of it.
struct Watched {
  Recorder recorder;
  StatusBoard board;
  Engine engine{recorder, board, 64};

  /// A command that says nothing new; it makes the engine forget what is routine.
  void stir(Instant now, const std::array<SessionParameters, 2>& parameters) {
    for (std::uint16_t i = 0; i < kPorts.size(); ++i) {
      Command command{.kind = Command::Kind::kChange, .session = SessionId{i}};
      command.spec.parameters = parameters[i];
      engine.apply(command, now);
    }
  }
  [[nodiscard]] std::vector<std::uint64_t> figures() const {
    std::vector<std::uint64_t> all;
    const auto add = [&](std::initializer_list<const Gauge*> gauges) {
      for (const Gauge* gauge : gauges) all.push_back(gauge->read());
    };
    for (std::uint16_t i = 0; i < kPorts.size(); ++i) {
      const SessionStatus& s = board[SessionId{i}];
      add({&s.discriminator,
           &s.state,
           &s.diagnostic,
           &s.last_down_reason,
           &s.receive_interval_us,
           &s.polling,
           &s.changes,
           &s.failures,
           &s.sent,
           &s.received,
           &s.refused,
           &s.longest_gap_ns,
           &s.echo_state,
           &s.echo_sent,
           &s.remote_state,
           &s.remote_diagnostic,
           &s.remote_discriminator,
           &s.remote_multiplier,
           &s.transmit_interval_us,
           &s.detection_us,
           &s.remote_demand,
           &s.remote_independent});
    }
    for (const Gauge& gauge : board.refusals) all.push_back(gauge.read());
    return all;
  }
  /// Order counts on each port, not between them.
  std::vector<std::vector<std::uint8_t>> take_frames() {
    std::ranges::stable_sort(recorder.frames, {}, [](const auto& frame) { return frame.port; });
    std::vector<std::vector<std::uint8_t>> octets;
    for (const auto& frame : std::exchange(recorder.frames, {})) {
      octets.push_back(on_the_wire(frame.datagram));
    }
    return octets;
  }
};

class Routine : public ::testing::Test {
 protected:
  void apply(std::uint16_t i, Command::Kind kind) {
    const Command command{.kind = kind,
                          .session = SessionId{i},
                          .next_hop = NextHopId{static_cast<std::uint16_t>(7 + i)},
                          .spec = spec_of(i)};
    if (kind == Command::Kind::kAdd) parameters_[i] = command.spec.parameters;
    apply(command);
  }
  void apply(const Command& command) {
    usual_.engine.apply(command, now_);
    twin_.engine.apply(command, now_);
    run();
  }
  void change(std::uint16_t i, const SessionParameters& parameters) {
    Command command{.kind = Command::Kind::kChange, .session = SessionId{i}};
    command.spec.parameters = parameters_[i] = parameters;
    apply(command);
  }
  void run() {
    usual_.engine.run(now_, now_);
    twin_.stir(now_, parameters_);
    twin_.engine.run(now_, now_);
  }
  void receive(PortId port, const std::vector<std::uint8_t>& packet) {
    usual_.engine.receive(port, kPeerMac, packet, now_);
    const auto datagram = take_apart(port, kPeerMac, packet);
    twin_.stir(now_, parameters_);
    datagram ? twin_.engine.receive(*datagram, now_) : twin_.engine.refuse(datagram.error());
    run();
  }
  void receive(std::uint16_t i, State state) { receive(i, packet_of(i, state)); }
  void receive(std::uint16_t i, const ControlPacket& packet) {
    receive(kPorts[i], on_the_wire(datagram_of(i, packet)));
  }
  void advance(Interval time) {
    const Instant end = now_ + time;
    for (;;) {
      const Instant next = std::min(usual_.engine.next_deadline(), twin_.engine.next_deadline());
      if (next > end) break;
      now_ = std::max(now_, next);
      run();
    }
    now_ = end;
  }
  void bring_up(std::uint16_t i) {
    apply(i, Command::Kind::kAdd);
    apply(i, Command::Kind::kBind);
    receive(i, State::kDown);
    receive(i, State::kInit);
    ControlPacket final = packet_of(i, State::kUp);
    final.flags.final = true;
    receive(i, final);
    receive(i, State::kUp);
    receive(i, State::kUp);
  }
  void drop_frames() {
    usual_.take_frames();
    twin_.take_frames();
  }
  void expect_no_difference() {
    ASSERT_EQ(usual_.figures(), twin_.figures());
    ASSERT_EQ(usual_.take_frames(), twin_.take_frames());
    ASSERT_EQ(usual_.recorder.told, twin_.recorder.told);
    for (const NextHopId hop : {NextHopId{7}, NextHopId{8}}) {
      ASSERT_EQ(usual_.recorder.is_alive(hop), twin_.recorder.is_alive(hop));
    }
  }
  [[nodiscard]] const SessionStatus& status(std::uint16_t i) const {
    return usual_.board[SessionId{i}];
  }
  [[nodiscard]] State state(std::uint16_t i) const {
    return static_cast<State>(status(i).state.read());
  }

  Watched usual_, twin_;
  std::array<SessionParameters, 2> parameters_;
  Instant now_{1s};
};

TEST_F(Routine, KeepsASessionUpAndCountsIt) {
  for (std::uint16_t i = 0; i < kPorts.size(); ++i) {
    bring_up(i);
    usual_.take_frames();
    const std::uint64_t received = status(i).received.read();
    const std::uint64_t sent = status(i).sent.read();
    for (int round = 0; round < 100; ++round) {
      advance(9ms);
      receive(i, State::kUp);
    }
    EXPECT_EQ(state(i), State::kUp);
    EXPECT_EQ(status(i).received.read(), received + 100);
    const auto frames = usual_.take_frames();
    EXPECT_EQ(status(i).sent.read(), sent + frames.size());
    EXPECT_NEAR(static_cast<double>(frames.size()), 900 / 8.75, 5);
    EXPECT_EQ(std::ranges::count(frames, frames.front()),
              static_cast<std::ptrdiff_t>(frames.size()))
        << "the same octets each time";
    advance(29ms);
    EXPECT_EQ(state(i), State::kUp);
    advance(2ms);
    EXPECT_EQ(state(i), State::kDown) << "the last of them counted, and no longer than any other";
    apply(i, Command::Kind::kRemove);
  }
}

TEST_F(Routine, OneOctetThatDiffersIsLookedAt) {
  for (std::uint16_t i = 0; i < kPorts.size(); ++i) {
    bring_up(i);
    std::vector<std::uint8_t> packet = on_the_wire(datagram_of(i, packet_of(i, State::kUp)));
    for (std::size_t at = 1; at < packet.size(); ++at) {
      advance(1ms);
      for (const unsigned bit : {0x01U, 0x80U}) {
        std::vector<std::uint8_t> other = packet;
        other[at] = static_cast<std::uint8_t>(other[at] ^ bit);
        // Not what the pipeline would let through: the length of the header itself, the protocol.
        const bool is_ours = i == 0 ? at != 6 : at != 9;
        if (is_ours) receive(kPorts[i], other);
        receive(kPorts[i], packet);
        expect_no_difference();
      }
    }
    EXPECT_EQ(state(i), State::kUp);
    EXPECT_GT(status(i).refused.read() +
                  usual_.board.refusals[static_cast<std::size_t>(Refusal::kBadChecksum)].read(),
              60U);
    receive(kPorts[1U - i], packet);
    EXPECT_EQ(usual_.board.refusals[static_cast<std::size_t>(Refusal::kWrongPort)].read(), i + 1U);
    packet.pop_back();
    receive(kPorts[i], packet);
    packet.insert(packet.end(), 7, 0);  // padding of a short frame
    packet[packet.size() - 7] = on_the_wire(datagram_of(i, packet_of(i, State::kUp))).back();
    receive(kPorts[i], packet);
    expect_no_difference();
  }
}

TEST_F(Routine, CommandsAreHeededAtOnce) {
  bring_up(0);
  for (int i = 0; i < 3; ++i) {
    receive(0, State::kUp);
    advance(10ms);
  }
  drop_frames();
  Command resolve{.kind = Command::Kind::kResolve, .session = SessionId{0}};
  resolve.spec.remote_mac = MacAddress{{2, 0, 0, 0, 9, 9}};
  apply(resolve);
  ASSERT_EQ(usual_.recorder.frames.size(), 1U);
  EXPECT_EQ(usual_.recorder.frames[0].destination, resolve.spec.remote_mac);
  for (int i = 0; i < 3; ++i) {
    receive(0, State::kUp);
    advance(10ms);
  }
  for (const auto& frame : usual_.recorder.frames) {
    EXPECT_EQ(frame.destination, resolve.spec.remote_mac);
  }
  drop_frames();

  SessionParameters faster = spec_of(0).parameters;
  faster.control.desired_min_tx = Microseconds{3'000};
  change(0, faster);
  ASSERT_EQ(usual_.recorder.frames.size(), 1U);
  const auto poll = decode(usual_.recorder.frames[0].datagram.payload());
  EXPECT_TRUE(poll->flags.poll);
  EXPECT_EQ(poll->desired_min_tx, Microseconds{3'000});
  receive(0, State::kUp);
  expect_no_difference();
  ControlPacket final = packet_of(0, State::kUp);
  final.flags.final = true;
  receive(0, final);
  drop_frames();
  receive(0, State::kUp);
  advance(10ms);
  for (const auto& frame : usual_.recorder.frames) {
    EXPECT_FALSE(decode(frame.datagram.payload())->flags.poll);
  }
  expect_no_difference();
}

TEST_F(Routine, APollIsAnsweredEachTimeItComes) {
  bring_up(0);
  ControlPacket poll = packet_of(0, State::kUp);
  poll.flags.poll = true;
  for (int i = 0; i < 5; ++i) {
    drop_frames();
    receive(0, poll);
    ASSERT_EQ(usual_.recorder.frames.size(), 1U);
    EXPECT_TRUE(decode(usual_.recorder.frames[0].datagram.payload())->flags.final);
    expect_no_difference();
  }
}

TEST_F(Routine, ASequenceNumberIsAnotherEachTime) {
  SessionSpec secret = spec_of(0);
  Authentication& authentication = secret.parameters.control.authentication;
  authentication.type = AuthType::kMeticulousSha1;
  authentication.key_length = 3;
  authentication.key = {'k', 'e', 'y'};
  parameters_[0] = secret.parameters;
  apply({.kind = Command::Kind::kAdd, .session = SessionId{0}, .spec = secret});
  std::uint32_t sequence = 10;
  const auto signed_packet = [&](State state) {
    ControlPacket packet = packet_of(0, state);
    packet.flags.authenticated = true;
    packet.length = kLargestControl;
    Datagram datagram = datagram_of(0, packet);
    datagram.size = kLargestControl;
    sign(authentication, ++sequence, std::span{datagram.octets}.first(kLargestControl));
    return on_the_wire(datagram);
  };
  receive(kUp1, signed_packet(State::kDown));
  receive(kUp1, signed_packet(State::kInit));
  for (int i = 0; i < 20; ++i) {
    receive(kUp1, signed_packet(State::kUp));
    advance(9ms);
  }
  EXPECT_EQ(state(0), State::kUp);
  expect_no_difference();
  const std::vector<std::uint8_t> recorded = signed_packet(State::kUp);
  receive(kUp1, recorded);
  receive(kUp1, recorded);
  EXPECT_EQ(status(0).refused.read(), 1U) << "a replay, though its octets are the last ones";
  expect_no_difference();
}

TEST_F(Routine, WhateverHappensNobodySeesADifference) {
  std::mt19937 random{11};
  const auto chance = [&](unsigned one_in) { return random() % one_in == 0; };
  for (std::uint16_t i = 0; i < kPorts.size(); ++i) bring_up(i);
  unsigned ups = 0;
  for (int step = 0; step < 30'000; ++step) {
    const auto i = static_cast<std::uint16_t>(random() % 2);
    const State ours = state(i);
    ControlPacket packet = packet_of(i, ours == State::kDown ? State::kDown : State::kUp);
    if (chance(30)) packet.state = static_cast<State>(random() % 4);
    if (chance(30)) packet.flags.poll = true;
    if (chance(30)) packet.flags.final = true;
    if (chance(40)) packet.flags.demand = true;
    if (chance(60)) packet.my_discriminator += 1000;
    if (chance(40)) packet.multiplier = static_cast<std::uint8_t>(1 + random() % 3);
    if (chance(60))
      packet.required_min_rx = Microseconds{static_cast<std::uint32_t>(random() % 3) * 7'000};
    if (chance(60)) packet.desired_min_tx = Microseconds{5'000};
    if (chance(60)) packet.required_min_echo_rx = Microseconds{5'000};
    if (chance(60)) packet.your_discriminator = 0;
    std::vector<std::uint8_t> octets = on_the_wire(datagram_of(i, packet));
    if (chance(40)) {
      std::uint8_t& octet = octets[16 + random() % (octets.size() - 16)];
      octet = static_cast<std::uint8_t>(octet ^ 4U);
    }
    receive(chance(60) ? kUp2 : kPorts[i], octets);
    advance(std::chrono::microseconds{chance(50) ? random() % 60'000 : random() % 6'000});
    if (chance(100)) {
      static constexpr std::array kKinds{
          Command::Kind::kAdd,       Command::Kind::kResolve,  Command::Kind::kEnable,
          Command::Kind::kAdminDown, Command::Kind::kPathDown, Command::Kind::kForgive,
          Command::Kind::kSpare,     Command::Kind::kHeed,     Command::Kind::kBind,
          Command::Kind::kUnbind,    Command::Kind::kEnable};
      apply(i, kKinds[random() % kKinds.size()]);
    }
    if (chance(150)) {
      SessionParameters other = spec_of(i).parameters;
      if (chance(2)) other.control.desired_min_tx = Microseconds{3'000};
      if (chance(2)) other.control.required_min_rx = Microseconds{20'000};
      if (chance(3)) other.echo_mode = EchoMode::kOn;
      other.control.role = chance(3) ? Role::kPassive : Role::kActive;
      change(i, other);
    }
    ups += state(i) == State::kUp ? 1U : 0U;
    expect_no_difference();
    if (HasFatalFailure()) FAIL() << "at step " << step;
  }
  EXPECT_GT(ups, 10'000U) << "or nothing was routine";
}

}  // namespace
}  // namespace lastmile::bfd::test
