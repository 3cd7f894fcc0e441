// BFD in the pipeline: which packets it takes and which it leaves alone, by which port answers go,
// and that the next packet after a detection takes another way.

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "dataplane/bfd/engine.h"
#include "dataplane/pipeline/bfd_handover.h"
#include "dataplane/pipeline/bfd_stage.h"
#include "dataplane/worker/loop.h"
#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

using namespace std::chrono_literals;
using bfd::Command;

constexpr bfd::SessionId kSession{3};
constexpr std::uint32_t kOurs = bfd::kMaxSessions + 3;

class Bfd : public RouterTest {
 protected:
  static IpAddress ours() { return IpAddress{kUp1Mac.link_local()}; }
  static IpAddress theirs() { return IpAddress{kLeaf1Mac.link_local()}; }

  static bfd::SessionSpec spec() {
    bfd::SessionSpec spec;
    spec.discriminator = kOurs;
    spec.port = kUp1;
    spec.local_mac = kUp1Mac;
    spec.remote_mac = kLeaf1Mac;
    spec.local = ours();
    spec.remote = theirs();
    spec.echo_address = IpAddress{ip4("10.0.1.1")};
    spec.source_port = 49155;
    spec.parameters.control.desired_min_tx = bfd::Microseconds{10'000};
    spec.parameters.control.required_min_rx = bfd::Microseconds{10'000};
    spec.parameters.control.required_min_echo_rx = bfd::Microseconds{10'000};
    spec.parameters.echo.interval = bfd::Microseconds{3'000};
    return spec;
  }
  /// Over several hops, with 198.51.100.9.
  static bfd::SessionSpec far() {
    bfd::SessionSpec far = spec();
    far.port = bfd::kAnyPort;
    far.local_mac = far.remote_mac = {};
    far.local = ip4("10.0.1.1");
    far.remote = ip4("198.51.100.9");
    far.least_hop_limit = 254;
    return far;
  }
  void command(Command::Kind kind, NextHopId next_hop = {}) { command(kind, next_hop, spec()); }
  void command(Command::Kind kind, NextHopId next_hop, const bfd::SessionSpec& spec) {
    ASSERT_TRUE(bfd_.commands.push(
        {.kind = kind, .session = kSession, .next_hop = next_hop, .spec = spec}));
    run();
  }

  /// A frame of the leaf's around any payload.
  static Bytes frame(const bfd::Addresses& addresses, std::span<const std::uint8_t> payload) {
    Bytes frame(bfd::headers_size(addresses.source));
    frame.insert(frame.end(), payload.begin(), payload.end());
    bfd::write_headers(addresses, frame);
    return frame;
  }
  static bfd::Addresses from_leaf(const IpAddress& source, const IpAddress& destination,
                                  std::uint16_t port = bfd::kControlPort) {
    return {.source_mac = kLeaf1Mac,
            .destination_mac = kUp1Mac,
            .source = source,
            .destination = destination,
            .source_port = 50000,
            .destination_port = port,
            .hop_limit = 255};
  }
  static Bytes control(bfd::State state) { return control(state, from_leaf(theirs(), ours())); }
  static Bytes control(bfd::State state, const bfd::Addresses& addresses) {
    bfd::ControlPacket packet;
    packet.state = state;
    packet.multiplier = 3;
    packet.my_discriminator = 77;
    packet.your_discriminator = kOurs;
    packet.desired_min_tx = packet.required_min_rx = bfd::Microseconds{10'000};
    std::array<std::uint8_t, bfd::kControlSize> octets;
    encode(packet, octets);
    return frame(addresses, octets);
  }
  void bring_up() {
    command(Command::Kind::kAdd);
    receive(devices_.up1, control(bfd::State::kDown));
    receive(devices_.up1, control(bfd::State::kInit));
    ASSERT_EQ(state(), bfd::State::kUp);
    devices_.up1.take_sent();
    take_events();
  }
  void come_back() {
    receive(devices_.up1, control(bfd::State::kDown));
    receive(devices_.up1, control(bfd::State::kInit));
    ASSERT_EQ(state(), bfd::State::kUp);
    devices_.up1.take_sent();
  }
  [[nodiscard]] bfd::State state() const {
    return static_cast<bfd::State>(bfd_.status[kSession].state.read());
  }
  [[nodiscard]] std::uint64_t refused(bfd::Refusal refusal) const {
    return bfd_.status.refusals[static_cast<std::size_t>(refusal)].read();
  }
  static bfd::Datagram datagram(const Bytes& frame) {
    return bfd::take_apart(kUp1, source_mac(frame), std::span{frame}.subspan(14)).value();
  }
};

TEST(CycleClock, IsExactForYears) {
  constexpr std::uint64_t kYear = 365ULL * 24 * 60 * 60;
  for (const std::uint64_t frequency : {1'000'000'000ULL, 2'499'999'123ULL, 4'700'000'001ULL}) {
    const CycleClock clock{frequency};
    for (std::uint64_t seconds = 1; seconds < 5 * kYear; seconds *= 7) {
      const std::uint64_t now = frequency * seconds;
      for (const bfd::Interval ahead : {bfd::Interval{1}, bfd::Interval{10ms}, bfd::Interval{1s}}) {
        const bfd::Instant wanted = clock.instant(now) + ahead;
        const bfd::Interval off = clock.instant(clock.cycles(wanted, now)) - wanted;
        EXPECT_LE(std::chrono::abs(off), 4ns) << frequency << " Hz, " << seconds << " s";
      }
      EXPECT_EQ(clock.cycles(clock.instant(now), now), now);
      EXPECT_EQ(clock.cycles(bfd::Instant::min(), now), now);
      EXPECT_EQ(clock.cycles(bfd::kNever, now), ~std::uint64_t{0});
    }
  }
}

TEST_F(Bfd, WithoutSessionsItsPacketsAreTheKernels) {
  const Bytes packet = control(bfd::State::kDown);
  receive(devices_.up1, packet);
  EXPECT_EQ(sent(devices_.up1_twin), packet);
  expect_silence();
}

TEST_F(Bfd, TakesItsPacketsAndAnswersInTheSameLoop) {
  command(Command::Kind::kAdd);
  const Bytes first = sent(devices_.up1);
  EXPECT_EQ(destination_mac(first), kLeaf1Mac);
  EXPECT_EQ(source_mac(first), kUp1Mac);
  EXPECT_EQ(datagram(first).destination, theirs());
  receive(devices_.up1, control(bfd::State::kDown));
  const bfd::Datagram answer = datagram(sent(devices_.up1));
  EXPECT_EQ(bfd::decode(answer.payload())->state, bfd::State::kInit);
  EXPECT_EQ(answer.source_port, 49155);
  EXPECT_EQ(answer.hop_limit, 255);
  expect_silence();
  expect_no_drops();
  const auto events = take_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<bfd::StateChanged>(events[0]).state, bfd::State::kInit);
}

TEST_F(Bfd, LeavesAllElseToTheKernel) {
  command(Command::Kind::kAdd);
  devices_.up1.take_sent();
  const auto to_us = [] {
    return Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("fe80::1", "fe80::ff:fe00:1");
  };
  for (const Packet& packet :
       {to_us().udp(50000, 4784), to_us().udp(3784, 50000), to_us().tcp(40000, 3784)}) {
    receive(devices_.up1, packet);
    EXPECT_EQ(sent(devices_.up1_twin), packet.bytes());
  }
}

TEST_F(Bfd, TakesIpv4ToThePortsOwnAddress) {
  route("192.0.2.2/32", next_hop(NextHopKind::kLocalPort, kUp1));
  bfd::SessionSpec v4 = spec();
  v4.local = ip4("192.0.2.2");
  v4.remote = ip4("192.0.2.1");
  command(Command::Kind::kAdd, {}, v4);
  EXPECT_EQ(datagram(sent(devices_.up1)).destination, v4.remote);
  receive(devices_.up1, control(bfd::State::kDown, from_leaf(v4.remote, v4.local)));
  EXPECT_EQ(state(), bfd::State::kInit);
  sent(devices_.up1);
  expect_silence();
}

TEST_F(Bfd, OverSeveralHopsItsPacketsGoWhereRoutesLead) {
  const NextHopId first = next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac);
  const NextHopId second = next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac);
  route("198.51.100.9/32", group({first}, {second}));
  route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  command(Command::Kind::kAdd, {}, far());
  const Bytes leaving = sent(devices_.up1);
  EXPECT_EQ(destination_mac(leaving), kLeaf1Mac);
  EXPECT_EQ(source_mac(leaving), kUp1Mac);
  EXPECT_EQ(ttl_of(leaving), 255) << "we are no hop on its way";
  EXPECT_TRUE(has_right_checksum(leaving));
  EXPECT_EQ(datagram(leaving).destination_port, bfd::kMultihopPort);

  tables_.next_hops.set_down(first, DownCause::kLink);
  bfd::Addresses back = from_leaf(far().remote, far().local, bfd::kMultihopPort);
  back.source_mac = kLeaf2Mac;
  back.destination_mac = kUp2Mac;
  back.hop_limit = 254;
  receive(devices_.up2, control(bfd::State::kDown, back));
  EXPECT_EQ(state(), bfd::State::kInit);
  EXPECT_EQ(counted().ports[kUp2.value()].bfd_packets, 1U) << "draining must not call it traffic";
  EXPECT_EQ(destination_mac(sent(devices_.up2)), kLeaf2Mac) << "the way that lives";
  expect_silence();
  expect_no_drops();
}

TEST_F(Bfd, OverSeveralHopsOfIpv6) {
  route("2001:db8:9::9/128", next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac));
  bfd::SessionSpec v6 = far();
  v6.local = *parse_ip_address("2001:db8:1::1");
  v6.remote = *parse_ip_address("2001:db8:9::9");
  command(Command::Kind::kAdd, {}, v6);
  const Bytes leaving = sent(devices_.up2);
  EXPECT_EQ(destination_mac(leaving), kLeaf2Mac);
  EXPECT_EQ(datagram(leaving).destination, v6.remote);
  EXPECT_EQ(datagram(leaving).hop_limit, 255);
  expect_no_drops();
}

TEST_F(Bfd, MultihopPacketsOfOthersPassThrough) {
  route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  route("203.0.113.0/24", next_hop(NextHopKind::kUnresolved, kUp2));
  command(Command::Kind::kAdd, {}, far());
  receive(devices_.lan, Packet()
                            .eth(kLanMac, kServerMac)
                            .ipv4("192.168.101.20", "203.0.113.9")
                            .udp(50000, bfd::kMultihopPort)
                            .payload(24));
  EXPECT_EQ(counted().held_packets, 1U) << "though it leaves the fast path here";
}

TEST_F(Bfd, AFragmentIsNone) {
  route("192.0.2.2/32", next_hop(NextHopKind::kLocalPort, kUp1));
  command(Command::Kind::kAdd);
  devices_.up1.take_sent();
  receive(devices_.up1, Packet()
                            .eth(kUp1Mac, kLeaf1Mac)
                            .ipv4("192.0.2.1", "192.0.2.2")
                            .ttl(255)
                            .more_fragments()
                            .udp(50000, 3784)
                            .payload(24));
  sent(devices_.up1_twin);
}

TEST_F(Bfd, GarbageBehindTheHeadersIsCountedAndChangesNothing) {
  bring_up();
  Bytes packet = control(bfd::State::kDown);
  packet[14 + 40 + 8] ^= 1;  // the UDP checksum no longer holds
  receive(devices_.up1, packet);
  EXPECT_EQ(refused(bfd::Refusal::kBadChecksum), 1U);
  EXPECT_EQ(state(), bfd::State::kUp);
  expect_silence();
}

TEST_F(Bfd, TheNextPacketAfterADetectionTakesAnotherWay) {
  const NextHopId first = next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac);
  const NextHopId second = next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac);
  route("10.0.2.2/32", group({first}, {second}));
  const Packet packet =
      Packet().eth(kLanMac, kServerMac).ipv4("192.168.101.20", "10.0.2.2").udp(1, 2).payload(10);
  bring_up();
  command(Command::Kind::kBind, first);
  receive(devices_.lan, packet);
  EXPECT_EQ(destination_mac(sent(devices_.up1)), kLeaf1Mac);

  advance(29ms);
  run();
  devices_.up1.take_sent();
  EXPECT_TRUE(tables_.next_hops.is_alive(first));
  // The very loop in which the time is over carries a packet, too: it still goes the old way.
  advance(2ms);
  receive(devices_.lan, packet);
  EXPECT_FALSE(tables_.next_hops.is_alive(first));
  devices_.up1.take_sent();
  receive(devices_.lan, packet);
  EXPECT_EQ(destination_mac(sent(devices_.up2)), kLeaf2Mac);

  come_back();
  receive(devices_.lan, packet);
  EXPECT_EQ(destination_mac(sent(devices_.up1)), kLeaf1Mac);
}

TEST_F(Bfd, OtherCausesOfDeathAreNotItsToLift) {
  const NextHopId hop = next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac);
  bring_up();
  command(Command::Kind::kBind, hop);
  tables_.next_hops.set_down(hop, DownCause::kRouting);
  advance(1s);
  run();
  EXPECT_EQ(tables_.next_hops.down_causes(hop),
            static_cast<unsigned>(DownCause::kBfd) | static_cast<unsigned>(DownCause::kRouting));
  come_back();
  EXPECT_EQ(tables_.next_hops.down_causes(hop), static_cast<unsigned>(DownCause::kRouting));
}

TEST_F(Bfd, UnaffiliatedEchoLeavesAndReturnsByTheSamePort) {
  route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  bfd::SessionSpec alone = spec();
  alone.parameters.echo_mode = bfd::EchoMode::kUnaffiliated;
  command(Command::Kind::kAdd, {}, alone);
  const auto bounced = [&] {
    Bytes frame = sent(devices_.up1);
    EXPECT_EQ(ethertype_of(frame), 0x0800);
    EXPECT_TRUE(has_right_checksum(frame));
    const bfd::Datagram echo = datagram(frame);
    EXPECT_EQ(echo.source, IpAddress{ip4("10.0.1.1")});
    EXPECT_EQ(echo.destination, IpAddress{ip4("10.0.1.1")});
    bfd::Addresses back = from_leaf(echo.source, echo.destination, bfd::kEchoPort);
    back.hop_limit = 254;
    return this->frame(back, echo.payload());
  };
  receive(devices_.up1, bounced());
  EXPECT_EQ(state(), bfd::State::kInit);
  advance(3ms);
  run();
  const Bytes second = bounced();
  receive(devices_.up2, Bytes{second});
  EXPECT_EQ(state(), bfd::State::kInit) << "not for our MAC there";
  receive(devices_.up1, second);
  EXPECT_EQ(state(), bfd::State::kUp);
  expect_silence();
}

TEST_F(Bfd, ANeighborsEchoIsReflectedEvenInHostMode) {
  restart(TransitPolicy::kRefuse);
  route("192.0.2.0/24", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  bfd::SessionSpec v4 = spec();
  v4.local = ip4("192.0.2.2");
  v4.remote = ip4("192.0.2.1");
  route("192.0.2.2/32", next_hop(NextHopKind::kLocalPort, kUp1));
  command(Command::Kind::kAdd, {}, v4);
  receive(devices_.up1, control(bfd::State::kDown, from_leaf(v4.remote, v4.local)));
  receive(devices_.up1, control(bfd::State::kInit, from_leaf(v4.remote, v4.local)));
  ASSERT_EQ(state(), bfd::State::kUp);
  devices_.up1.take_sent();
  const Bytes content(40, 0x5a);
  receive(devices_.up1, frame(from_leaf(v4.remote, v4.remote, bfd::kEchoPort), content));
  const bfd::Datagram back = datagram(sent(devices_.up1));
  EXPECT_EQ(back.destination, v4.remote);
  EXPECT_EQ(back.hop_limit, 254);
  EXPECT_TRUE(std::ranges::equal(back.payload(), content));
  expect_no_drops();
}

TEST_F(Bfd, AWorkerHandsPacketsToTheOneThatOwnsThePort) {
  // Two workers on up1: what the second one's queue gets belongs to the first.
  BfdHandover handover{2};
  bfd::Channel second_channel;
  WorkerCounters second_counters{tables_.next_hops.capacity()};
  EventRing second_events;
  WorkerConfig config;
  config.ports = {WorkerPort{.id = kUp1, .device = devices_.up1.id(), .mac = kUp1Mac}};
  config.bfd = {.channel = &bfd_, .pool = packet_pool(), .handover = &handover};
  loop_ = std::make_unique<WorkerLoop>(config, tables_, kCyclesPerSecond, counters_, events_);
  config.id = WorkerId{1};
  config.bfd.channel = &second_channel;
  config.ports[0].twin = devices_.up1_twin.id();
  WorkerLoop second{config, tables_, kCyclesPerSecond, second_counters, second_events};

  devices_.up1.receive(control(bfd::State::kDown));
  second.run_once(now_);
  EXPECT_EQ(devices_.up1_twin.take_sent().size(), 1U) << "nobody has sessions: the kernel's";

  command(Command::Kind::kAdd);
  devices_.up1.take_sent();
  devices_.up1.receive(control(bfd::State::kDown));
  second.run_once(now_);
  EXPECT_EQ(state(), bfd::State::kDown);
  run();
  EXPECT_EQ(state(), bfd::State::kInit);
  EXPECT_EQ(devices_.up1.take_sent().size(), 1U);
  EXPECT_TRUE(devices_.up1_twin.take_sent().empty());
}

TEST_F(Bfd, AnIdleWorkerIsWantedWhenTheNextTimerIsDue) {
  EXPECT_EQ(loop_->next_deadline(), ~std::uint64_t{0});
  bring_up();
  run();
  EXPECT_GT(loop_->next_deadline(), now_);
  EXPECT_LE(loop_->next_deadline(), now_ + kCyclesPerSecond / 100);
}

}  // namespace
}  // namespace lastmile::test
