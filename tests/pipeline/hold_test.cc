// Packets that wait for a link-layer address: asked for, kept within bounds, sent on, or expired.

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

using namespace std::chrono_literals;

Packet packet_to(std::string_view destination, std::uint16_t number = 1) {
  return Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", destination).udp(number, 53);
}

class Holding : public RouterTest {
 protected:
  /// Lets the worker look at its waits.
  void look() {
    advance(kHoldCheckInterval);
    run();
  }
};

TEST_F(Holding, AsksOnceAndSendsOnWhenTheNeighborIsKnown) {
  const NextHopId leaf2 = next_hop(NextHopKind::kUnresolved, kUp2);
  route("10.0.0.0/8", leaf2);
  for (std::uint16_t i = 1; i <= 3; ++i) receive(devices_.up1, packet_to("10.0.2.2", i));
  expect_silence();
  const std::vector<WorkerEvent> events = take_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<ResolutionRequest>(events[0]),
            (ResolutionRequest{
                .port = kUp2, .next_hop = leaf2, .destination = IpAddress{ip4("10.0.2.2")}}));

  tables_.next_hops.change(leaf2, NextHopKind::kForward, kLeaf2Mac);
  look();
  const std::vector<Bytes> out = devices_.up2.take_sent();
  ASSERT_EQ(out.size(), 3U);
  for (std::uint16_t i = 0; i < 3; ++i) {
    EXPECT_EQ(destination_mac(out[i]), kLeaf2Mac);
    EXPECT_EQ(out[i][35], i + 1) << "order";
    EXPECT_EQ(ttl_of(out[i]), 63) << "one hop, not one for each attempt";
  }
  EXPECT_EQ(counted().held_packets, 3U);
  EXPECT_EQ(counted().released_packets, 3U);
  expect_no_drops();
}

TEST_F(Holding, KeepsTheLatestPackets) {
  const NextHopId leaf2 = next_hop(NextHopKind::kUnresolved, kUp2);
  route("10.0.0.0/8", leaf2);
  constexpr std::uint16_t kSent = HoldQueue::kPacketsPerWait + 3;
  for (std::uint16_t i = 1; i <= kSent; ++i) receive(devices_.up1, packet_to("10.0.2.2", i));
  expect_only_drops(DropReason::kHoldFull, 3);
  tables_.next_hops.change(leaf2, NextHopKind::kForward, kLeaf2Mac);
  look();
  const std::vector<Bytes> out = devices_.up2.take_sent();
  ASSERT_EQ(out.size(), HoldQueue::kPacketsPerWait);
  EXPECT_EQ(out.front()[35], 4);
  EXPECT_EQ(out.back()[35], kSent);
}

TEST_F(Holding, AsksAgainAtAModestRateWhilePacketsCome) {
  route("10.0.0.0/8", next_hop(NextHopKind::kUnresolved, kUp2));
  for (unsigned i = 0; i < 100; ++i) {
    receive(devices_.up1, packet_to("10.0.2.2"));
    advance(5ms);
  }
  // 500 ms, one request each 200 ms, the first at once.
  EXPECT_EQ(take_events().size(), 3U);
  EXPECT_EQ(counted().resolution_requests, 3U);
}

TEST_F(Holding, ExpiresAfterASecond) {
  route("10.0.0.0/8", next_hop(NextHopKind::kUnresolved, kUp2));
  receive(devices_.up1, packet_to("10.0.2.2", 1));
  receive(devices_.up1, packet_to("10.0.2.2", 2));
  advance(kHoldTime - 1ms);
  run();
  expect_no_drops();
  advance(1ms);
  run();
  expect_only_drops(DropReason::kHoldExpired, 2);
  // The next packet starts anew.
  take_events();
  receive(devices_.up1, packet_to("10.0.2.2"));
  EXPECT_EQ(take_events().size(), 1U);
}

TEST_F(Holding, GleanAsksForEachDestination) {
  const NextHopId subnet = next_hop(NextHopKind::kGlean, kLan);
  route("192.168.101.0/24", subnet);
  receive(devices_.up1, packet_to("192.168.101.20"));
  receive(devices_.up1, packet_to("192.168.101.21"));
  receive(devices_.up1, packet_to("192.168.101.20"));
  const std::vector<WorkerEvent> events = take_events();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(std::get<ResolutionRequest>(events[1]).destination, IpAddress{ip4("192.168.101.21")});

  route("192.168.101.20/32", next_hop(NextHopKind::kForward, kLan, kServerMac));
  look();
  EXPECT_EQ(devices_.lan.take_sent().size(), 2U);
  advance(kHoldTime);
  run();
  expect_only_drops(DropReason::kHoldExpired, 1);
}

TEST_F(Holding, GleanForIpv6) {
  route("2001:db8:5::/64", next_hop(NextHopKind::kGlean, kLan));
  receive(devices_.up1,
          Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("2001:db8::1", "2001:db8:5::7").udp(1, 2));
  const std::vector<WorkerEvent> events = take_events();
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(std::get<ResolutionRequest>(events[0]).destination, IpAddress{ip6("2001:db8:5::7")});
  route("2001:db8:5::7/128", next_hop(NextHopKind::kForward, kLan, kServerMac));
  look();
  EXPECT_EQ(ethertype_of(sent(devices_.lan)), 0x86dd);
}

TEST_F(Holding, AScanOfASubnetIsBoundedAndLeavesRoomForNeighbors) {
  route("192.168.0.0/16", next_hop(NextHopKind::kGlean, kLan));
  const NextHopId leaf2 = next_hop(NextHopKind::kUnresolved, kUp2);
  route("10.0.0.0/8", leaf2);
  for (unsigned i = 0; i < 300; ++i) {
    const Ipv4Address destination{0xc0a80000U + i};
    receive(devices_.up1, packet_to("10.0.0.0").ipv4(ip4("192.0.2.1"), destination));
  }
  expect_only_drops(DropReason::kHoldFull, 300 - HoldQueue::kWaits);
  EXPECT_EQ(take_events().size(), HoldQueue::kWaits + 1) << "one of those without room asks, too";
  for (unsigned i = 0; i < 100; ++i) {
    receive(devices_.up1, packet_to("10.0.0.0").ipv4(ip4("192.0.2.1"), ip4("192.168.2.7")));
    advance(1ms);
  }
  EXPECT_EQ(take_events().size(), 9U) << "every ten milliseconds";

  receive(devices_.up1, packet_to("10.0.2.2"));
  EXPECT_EQ(take_events().size(), 1U);
  tables_.next_hops.change(leaf2, NextHopKind::kForward, kLeaf2Mac);
  look();
  sent(devices_.up2);
}

TEST_F(Holding, ANextHopThatBecomesABlackholeEndsTheWait) {
  const NextHopId leaf2 = next_hop(NextHopKind::kUnresolved, kUp2);
  route("10.0.0.0/8", leaf2);
  receive(devices_.up1, packet_to("10.0.2.2"));
  tables_.next_hops.change(leaf2, NextHopKind::kBlackhole, {});
  look();
  expect_only_drops(DropReason::kBlackhole);
}

TEST_F(Holding, GoesOnByANewRouteIfThatIsWhereItLeadsNow) {
  const NextHopId leaf2 = next_hop(NextHopKind::kUnresolved, kUp2);
  route("10.0.0.0/8", leaf2);
  receive(devices_.up1, packet_to("10.0.2.2"));
  route("10.0.2.2/32", next_hop(NextHopKind::kForward, kLan, kServerMac));
  tables_.next_hops.change(leaf2, NextHopKind::kForward, kLeaf2Mac);
  look();
  sent(devices_.lan);
  expect_silence();
}

TEST_F(Holding, HostModeHoldsForTheIngressThatItCameFrom) {
  restart(TransitPolicy::kRefuse);
  const NextHopId leaf2 = next_hop(NextHopKind::kUnresolved, kUp2);
  route("10.0.0.0/8", leaf2);
  receive(devices_.host,
          Packet().eth(kHostRouterMac, kHostMac).ipv4("10.0.1.1", "10.0.2.2").ttl(1).udp(1, 2));
  tables_.next_hops.change(leaf2, NextHopKind::kForward, kLeaf2Mac);
  look();
  EXPECT_EQ(ttl_of(sent(devices_.up2)), 1);
  expect_no_drops();
}

TEST_F(Holding, HeldPacketsAreFreedWithTheWorker) {
  route("10.0.0.0/8", next_hop(NextHopKind::kUnresolved, kUp2));
  receive(devices_.up1, packet_to("10.0.2.2"));
  loop_.reset();  // the fixture counts buffers
}

}  // namespace
}  // namespace lastmile::test
