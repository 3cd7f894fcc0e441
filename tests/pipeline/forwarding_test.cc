// From validated packet to transmitted packet: rewrite, hops, MTU, groups, repair, guards,
// counters.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

Packet flow(std::uint16_t source_port) {
  return Packet()
      .eth(kLanMac, kServerMac)
      .ipv4("192.168.101.20", "10.0.2.2")
      .udp(source_port, 53)
      .payload(18);
}

class Forwarding : public RouterTest {};

TEST_F(Forwarding, RewritesTheEthernetHeaderAndNothingElse) {
  route("10.0.2.2/32", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  const Packet packet = flow(1000).ttl(17);
  receive(devices_.lan, packet);

  const Bytes out = sent(devices_.up1);
  EXPECT_EQ(destination_mac(out), kLeaf1Mac);
  EXPECT_EQ(source_mac(out), kUp1Mac);
  EXPECT_EQ(ethertype_of(out), 0x0800);
  const Bytes expected = flow(1000).ttl(16).bytes();  // its checksum is computed afresh
  EXPECT_EQ(Bytes(out.begin() + 14, out.end()), Bytes(expected.begin() + 14, expected.end()));
  expect_no_drops();
  expect_silence();
}

TEST_F(Forwarding, ChecksumAfterTheHopEqualsRecomputationForEveryTtlAndManyHeaders) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  for (unsigned ttl = 2; ttl < 256; ++ttl) {
    // Destinations that make the checksum walk over its end-around carry.
    for (unsigned low = 0; low < 3; ++low) {
      const Ipv4Address destination{0x0a000000U + ttl * 257U + low * 21845U};
      const auto hops = static_cast<std::uint8_t>(ttl);
      receive(devices_.lan, flow(1).ipv4(ip4("192.168.101.20"), destination).ttl(hops));
      const Bytes out = sent(devices_.up1);
      const Bytes expected = flow(1)
                                 .ipv4(ip4("192.168.101.20"), destination)
                                 .ttl(static_cast<std::uint8_t>(ttl - 1))
                                 .bytes();
      ASSERT_EQ(Bytes(out.begin() + 14, out.begin() + 34),
                Bytes(expected.begin() + 14, expected.begin() + 34));
    }
  }
}

TEST_F(Forwarding, Ipv6TakesOneHop) {
  route("2001:db8:2::/48", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  const auto packet = [](std::uint8_t hops) {
    return Packet()
        .eth(kLanMac, kServerMac)
        .ipv6("2001:db8::1", "2001:db8:2::2")
        .hop_limit(hops)
        .udp(1, 2);
  };
  receive(devices_.lan, packet(2));
  const Bytes out = sent(devices_.up1);
  EXPECT_EQ(destination_mac(out), kLeaf1Mac);
  EXPECT_EQ(ethertype_of(out), 0x86dd);
  const Bytes expected = packet(1).bytes();
  EXPECT_EQ(Bytes(out.begin() + 14, out.end()), Bytes(expected.begin() + 14, expected.end()));
}

TEST_F(Forwarding, MostSpecificRouteWins) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  route("10.0.2.2/32", next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac));
  receive(devices_.lan, flow(1));
  sent(devices_.up2);
  receive(devices_.lan, flow(1).ipv4("192.168.101.20", "10.0.2.3"));
  sent(devices_.up1);
}

TEST_F(Forwarding, NextHopsThatDiscard) {
  route("10.1.0.0/16", next_hop(NextHopKind::kBlackhole));
  route("10.2.0.0/16", next_hop(NextHopKind::kUnreachable));
  route("10.4.255.255/32", next_hop(NextHopKind::kBroadcast));
  receive(devices_.lan, flow(1).ipv4("192.168.101.20", "10.1.0.1"));
  receive(devices_.lan, flow(1).ipv4("192.168.101.20", "10.2.0.1"));
  receive(devices_.lan, flow(1).ipv4("192.168.101.20", "10.3.0.1"));
  receive(devices_.lan, flow(1).ipv4("192.168.101.20", "10.4.255.255"));
  EXPECT_EQ(drops(DropReason::kBlackhole), 1U);
  EXPECT_EQ(drops(DropReason::kUnreachable), 1U);
  EXPECT_EQ(drops(DropReason::kNoRoute), 1U);
  EXPECT_EQ(drops(DropReason::kDirectedBroadcast), 1U);
  EXPECT_EQ(counted().total_drops(), 4U);
  expect_silence();
}

TEST_F(Forwarding, APortThatTheWorkerDoesNotHave) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, PortId{7}, kLeaf1Mac));
  receive(devices_.lan, flow(1));
  expect_only_drops(DropReason::kNoSuchPort);
  // Known to the tables, not to the worker.
  tables_.ports.set(PortId{7}, {.mac = kUp1Mac, .mtu = 1500});
  receive(devices_.lan, flow(1));
  expect_only_drops(DropReason::kNoSuchPort, 2);
}

TEST_F(Forwarding, MtuOfTheEgressPort) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  tables_.ports.set(kUp1, {.mac = kUp1Mac, .mtu = 600, .zone = PortZone::kUplink});
  receive(devices_.lan, flow(1).payload(600 - 28));
  sent(devices_.up1);
  expect_no_drops();
  receive(devices_.lan, flow(1).payload(600 - 27).dont_fragment());
  EXPECT_EQ(drops(DropReason::kFragmentationNeeded), 1U);

  route("::/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  const auto packet6 = Packet().eth(kLanMac, kServerMac).ipv6("2001:db8::1", "2001:db8::2");
  receive(devices_.lan, Packet{packet6}.payload(600 - 40));
  sent(devices_.up1);
  receive(devices_.lan, Packet{packet6}.payload(600 - 39));
  EXPECT_EQ(drops(DropReason::kFragmentationNeeded), 2U);
  expect_silence();
}

// ---- groups

class EqualCost : public RouterTest {
 protected:
  EqualCost()
      : leaf1_(next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac)),
        leaf2_(next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac)) {
    route("0.0.0.0/0", group({leaf1_, leaf2_}));
    route("::/0", group({leaf1_, leaf2_}));
  }
  /// Which uplink carried it: 1 or 2; 0 for none.
  unsigned uplink_of(const Packet& packet) {
    receive(devices_.lan, packet);
    const std::size_t first = devices_.up1.take_sent().size();
    const std::size_t second = devices_.up2.take_sent().size();
    EXPECT_LE(first + second, 1U);
    return static_cast<unsigned>(first + 2 * second);
  }

  NextHopId leaf1_;
  NextHopId leaf2_;
};

TEST_F(EqualCost, SpreadsFlowsAndKeepsEachOnOnePath) {
  constexpr unsigned kFlows = 1000;
  std::array<unsigned, 3> share{};
  for (std::uint16_t port = 0; port < kFlows; ++port) {
    const unsigned uplink = uplink_of(flow(port));
    ++share[uplink];
    ASSERT_EQ(uplink_of(flow(port).ttl(9).payload(99)), uplink) << "flow " << port;
  }
  EXPECT_EQ(share[0], 0U);
  // Binomial with p = 1/2: 5 standard deviations are 79.
  EXPECT_NEAR(share[1], kFlows / 2.0, 80);
}

TEST_F(EqualCost, SpreadsIpv6Flows) {
  std::array<unsigned, 3> share{};
  for (std::uint16_t port = 0; port < 1000; ++port) {
    ++share[uplink_of(
        Packet().eth(kLanMac, kServerMac).ipv6("2001:db8::1", "2001:db8::2").tcp(port, 80))];
  }
  EXPECT_EQ(share[0], 0U);
  EXPECT_NEAR(share[1], 500, 80);
}

TEST_F(EqualCost, AllFragmentsOfAPacketTakeOnePath) {
  // First fragments with ports from everywhere and later ones with payload where ports would be:
  // one path for all, because no fragment's ports count.
  std::set<unsigned> paths;
  for (std::uint16_t port = 0; port < 64; ++port) {
    paths.insert(uplink_of(flow(port).more_fragments()));
    paths.insert(uplink_of(flow(port).fragment_offset(185)));
    paths.insert(uplink_of(flow(port).fragment_offset(185).more_fragments()));
  }
  EXPECT_EQ(paths.size(), 1U);
}

/// An ICMP error of that type, from somewhere to the flow's destination, about this packet of the
/// other direction.
Bytes about(const Packet& packet, std::uint8_t type) {
  const Bytes frame = packet.bytes();
  Bytes message{type, 0, 0, 0, 0, 0, 0, 0};
  message.insert(message.end(), frame.begin() + 14,
                 frame.begin() + std::min<std::ptrdiff_t>(std::ssize(frame), 14 + 48));
  return message;
}

TEST_F(EqualCost, AnErrorTakesThePathOfTheFlowThatItIsAbout) {
  const auto tcp4 = [](std::string_view from, std::string_view to, std::uint16_t source,
                       std::uint16_t destination) {
    return Packet().eth(kLanMac, kServerMac).ipv4(from, to).tcp(source, destination);
  };
  const auto tcp6 = [](std::string_view from, std::string_view to, std::uint16_t source,
                       std::uint16_t destination) {
    return Packet().eth(kLanMac, kServerMac).ipv6(from, to).tcp(source, destination);
  };
  std::set<unsigned> paths;
  for (std::uint16_t port = 1000; port < 1064; ++port) {
    const unsigned path = uplink_of(tcp4("192.168.101.20", "192.168.0.250", port, 443));
    paths.insert(path);
    const Packet answer = tcp4("192.168.0.250", "192.168.101.20", 443, port);
    for (const std::uint8_t type : Bytes{3, 11}) {
      EXPECT_EQ(uplink_of(Packet()
                              .eth(kLanMac, kServerMac)
                              .ipv4("203.0.113.77", "192.168.0.250")
                              .protocol(1)
                              .payload(about(answer, type))),
                path);
    }
    const unsigned path6 = uplink_of(tcp6("2001:db8::20", "2001:db8:5::1", port, 443));
    EXPECT_EQ(uplink_of(Packet()
                            .eth(kLanMac, kServerMac)
                            .ipv6("2001:db8:77::1", "2001:db8:5::1")
                            .protocol(58)
                            .payload(about(tcp6("2001:db8:5::1", "2001:db8::20", 443, port), 2))),
              path6);
  }
  EXPECT_EQ(paths, (std::set<unsigned>{1, 2}));
}

TEST_F(EqualCost, ErrorsThatQuoteTooLittleAndQuestionsGoByTheirAddresses) {
  const auto icmp = [](Bytes message) {
    return Packet()
        .eth(kLanMac, kServerMac)
        .ipv4("203.0.113.77", "192.168.0.250")
        .protocol(1)
        .payload(std::move(message));
  };
  const unsigned path = uplink_of(icmp({8, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_NE(path, 0U);
  EXPECT_EQ(uplink_of(icmp({8, 0, 0, 0, 7, 7, 7, 7})), path);
  EXPECT_EQ(uplink_of(icmp({3})), path);
  EXPECT_EQ(uplink_of(icmp({})), path);
  EXPECT_EQ(uplink_of(icmp(Bytes(8 + 19, 3))), path);
}

TEST_F(EqualCost, PacketsTooShortForPortsAreForwarded) {
  EXPECT_NE(uplink_of(Packet()
                          .eth(kLanMac, kServerMac)
                          .ipv4("192.168.101.20", "10.0.2.2")
                          .protocol(6)
                          .payload(2)),
            0U);
}

TEST_F(EqualCost, ADeadNextHopIsAvoidedByTheNextPacket) {
  std::map<std::uint16_t, unsigned> before;
  for (std::uint16_t port = 0; port < 200; ++port) before[port] = uplink_of(flow(port));

  tables_.next_hops.set_down(leaf1_, DownCause::kBfd);
  for (const auto& [port, uplink] : before) ASSERT_EQ(uplink_of(flow(port)), 2U);

  tables_.next_hops.clear_down(leaf1_, DownCause::kBfd);
  for (const auto& [port, uplink] : before) ASSERT_EQ(uplink_of(flow(port)), uplink);

  tables_.next_hops.set_down(leaf1_, DownCause::kBfd);
  tables_.next_hops.set_down(leaf2_, DownCause::kLink);
  EXPECT_EQ(uplink_of(flow(1)), 0U);
  expect_only_drops(DropReason::kNoneAlive);
}

TEST_F(EqualCost, BackupTakesOverWhenAllPrimariesAreDead) {
  const NextHopId server = next_hop(NextHopKind::kForward, kLan, kServerMac);
  route("10.9.0.0/16", group({leaf1_, leaf2_}, {server}));
  tables_.next_hops.set_down(leaf1_, DownCause::kBfd);
  tables_.next_hops.set_down(leaf2_, DownCause::kBfd);
  receive(devices_.up1, Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "10.9.0.1").udp(1, 2));
  EXPECT_EQ(destination_mac(sent(devices_.lan)), kServerMac);
}

TEST_F(EqualCost, WholeVectorsAreCountedOnceEach) {
  constexpr unsigned kPackets = 700;  // many vectors, the last one not full
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < kPackets; ++i) {
    const Bytes frame = flow(static_cast<std::uint16_t>(i)).bytes();
    bytes += frame.size();
    devices_.lan.receive(frame);
  }
  while (run() != 0) {
  }
  const WorkerSnapshot now = counted();
  const auto& lan = now.ports[kLan.value()];
  const auto& up1 = now.ports[kUp1.value()];
  const auto& up2 = now.ports[kUp2.value()];
  EXPECT_EQ(lan.received_packets, kPackets);
  EXPECT_EQ(lan.received_bytes, bytes);
  EXPECT_EQ(up1.sent_packets + up2.sent_packets, kPackets);
  EXPECT_EQ(up1.sent_bytes + up2.sent_bytes, bytes);
  EXPECT_EQ(devices_.up1.take_sent().size(), up1.sent_packets);
  EXPECT_EQ(devices_.up2.take_sent().size(), up2.sent_packets);
  EXPECT_EQ(now.next_hops[leaf1_.value()].packets, up1.sent_packets);
  EXPECT_EQ(now.next_hops[leaf2_.value()].packets, up2.sent_packets);
  EXPECT_EQ(now.next_hops[leaf1_.value()].bytes, up1.sent_bytes - 14 * up1.sent_packets);
  EXPECT_EQ(now.packets, kPackets);
  EXPECT_EQ(now.vectors, (kPackets + kReceiveBurst - 1) / kReceiveBurst);
  expect_no_drops();
}

TEST_F(EqualCost, MixedVectorsKeepTheOrderOfEachFlow) {
  // Plain packets with every kind of exception between them.
  std::vector<Bytes> expected;
  for (std::uint16_t i = 0; i < 200; ++i) {
    devices_.lan.receive(flow(7).payload(i).bytes());
    expected.push_back(flow(7).payload(i).ttl(63).bytes());
    if (i % 3 == 0) devices_.lan.receive(flow(7).bad_checksum().bytes());
    if (i % 5 == 0) devices_.lan.receive(flow(7).ttl(1).bytes());
    if (i % 7 == 0) devices_.lan.receive(flow(7).options({1, 1, 1, 1}).ttl(0).bytes());
  }
  while (run() != 0) {
  }
  std::vector<Bytes> out = devices_.up1.take_sent();
  if (out.empty()) out = devices_.up2.take_sent();
  ASSERT_EQ(out.size(), expected.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    ASSERT_EQ(Bytes(out[i].begin() + 14, out[i].end()),
              Bytes(expected[i].begin() + 14, expected[i].end()))
        << i;
  }
}

TEST_F(EqualCost, AFullTransmitQueueIsADropReason) {
  devices_.up1.leave_room(3);
  devices_.up2.leave_room(2);
  for (std::uint16_t i = 0; i < 100; ++i) devices_.lan.receive(flow(i).bytes());
  while (run() != 0) {
  }
  const WorkerSnapshot now = counted();
  EXPECT_EQ(now.drops_for(DropReason::kTxFull), 95U);
  EXPECT_EQ(now.ports[kUp1.value()].sent_packets, 3U);
  EXPECT_EQ(now.ports[kUp2.value()].sent_packets, 2U);
  EXPECT_EQ(now.ports[kUp1.value()].sent_bytes, 3 * flow(1).bytes().size());
}

// ---- host mode

class HostMode : public RouterTest {
 protected:
  HostMode() {
    restart(TransitPolicy::kRefuse);
    leaf2_ = next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac);
    route("10.0.0.0/8", leaf2_);
    route("2001:db8::/32", leaf2_);
    route("192.168.101.0/24", next_hop(NextHopKind::kForward, kLan, kServerMac));
  }
  static Packet from_leaf1(std::string_view destination) {
    return Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", destination).udp(1, 2);
  }
  NextHopId leaf2_;
};

TEST_F(HostMode, NothingGoesFromUplinkToUplink) {
  receive(devices_.up1, from_leaf1("10.0.2.2"));
  expect_only_drops(DropReason::kTransitRefused);
  receive(devices_.up1, Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("2001:db8::1", "2001:db8::2"));
  expect_only_drops(DropReason::kTransitRefused, 2);
  expect_silence();
}

TEST_F(HostMode, NorBackToTheSameUplink) {
  receive(devices_.up2, from_leaf1("10.0.2.2").eth(kUp2Mac, kLeaf2Mac));
  expect_only_drops(DropReason::kTransitRefused);
}

TEST_F(HostMode, RefusalSaysNothingOfHopsOrMtu) {
  receive(devices_.up1, from_leaf1("10.0.2.2").ttl(1));
  receive(devices_.up1, from_leaf1("10.0.2.2").payload(1600).dont_fragment());
  expect_only_drops(DropReason::kTransitRefused, 2);
}

TEST_F(HostMode, NothingIsHeldOrAskedForTransit) {
  route("10.1.0.0/16", next_hop(NextHopKind::kUnresolved, kUp2));
  route("10.2.0.0/16", next_hop(NextHopKind::kGlean, kUp2));
  receive(devices_.up1, from_leaf1("10.1.0.1"));
  receive(devices_.up1, from_leaf1("10.2.0.1"));
  expect_only_drops(DropReason::kTransitRefused, 2);
  EXPECT_TRUE(take_events().empty());
}

TEST_F(HostMode, UplinkToLanAndLanToUplinkPass) {
  receive(devices_.up1, from_leaf1("192.168.101.20"));
  sent(devices_.lan);
  receive(devices_.lan,
          Packet().eth(kLanMac, kServerMac).ipv4("192.168.101.20", "10.0.2.2").udp(1, 2));
  sent(devices_.up2);
  expect_no_drops();
}

TEST_F(HostMode, TheMachineItselfMayUseEveryUplink) {
  receive(devices_.host,
          Packet().eth(kHostRouterMac, kHostMac).ipv4("10.0.1.1", "10.0.2.2").udp(1, 2));
  sent(devices_.up2);
  expect_no_drops();
}

}  // namespace
}  // namespace lastmile::test
