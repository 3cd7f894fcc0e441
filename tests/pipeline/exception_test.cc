// The exception path: what is punted and by which class, policing, injection, the host interface.

#include <gtest/gtest.h>

#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

const MacAddress kAllNodesMac{{0x33, 0x33, 0, 0, 0, 1}};
const MacAddress kOspfMac{{0x01, 0, 0x5e, 0, 0, 5}};
const MacAddress kMulticastDnsMac{{0x01, 0, 0x5e, 0, 0, 251}};
const MacAddress kLldpMac{{0x01, 0x80, 0xc2, 0, 0, 0x0e}};

Packet arp() {
  return Packet().eth(kBroadcastMac, kLeaf1Mac).ethertype(0x0806).payload(28);
}
Packet neighbor_solicitation() {
  return Packet().eth(kAllNodesMac, kLeaf1Mac).ipv6("fe80::1", "ff02::1:ff00:1").icmp(135);
}
Packet bgp6() {
  return Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("fe80::1", "fe80::ff:fe00:1").tcp(40000, 179);
}

struct PuntCase {
  const char* name;
  Packet packet;
  PuntClass punt_class;
};

const std::vector<PuntCase>& punt_cases() {
  using enum PuntClass;
  const auto to_link_local = [] {
    return Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("fe80::1", "fe80::ff:fe00:1");
  };
  const auto multicast6 = [](std::string_view group) {
    return Packet().eth(kAllNodesMac, kLeaf1Mac).ipv6("fe80::1", group);
  };
  static const std::vector<PuntCase> table{
      {"ArpBroadcast", arp(), kArp},
      {"ArpUnicast", arp().eth(kUp1Mac, kLeaf1Mac), kArp},
      {"RouterSolicitation", multicast6("ff02::2").icmp(133), kNeighborDiscovery},
      {"RouterAdvertisement", multicast6("ff02::1").icmp(134), kNeighborDiscovery},
      {"NeighborSolicitation", neighbor_solicitation(), kNeighborDiscovery},
      {"DuplicateAddressDetection", neighbor_solicitation().ipv6("::", "ff02::1:ff00:1"),
       kNeighborDiscovery},
      {"NeighborAdvertisement", to_link_local().icmp(136), kNeighborDiscovery},
      {"Redirect", to_link_local().icmp(137), kNeighborDiscovery},
      {"Ping6", to_link_local().icmp(128), kIcmp},
      {"MulticastListenerReport", multicast6("ff02::16").icmp(143), kIcmp},
      {"BgpServer", bgp6(), kBgp},
      {"BgpClient", to_link_local().tcp(179, 40000), kBgp},
      {"BgpOpening", bgp6().tcp_flags(0x02), kBgpOpen},
      {"BgpOpeningWithEcn", bgp6().tcp_flags(0xc2), kBgpOpen},
      {"BgpOpened", bgp6().tcp_flags(0x12), kBgp},
      {"Fragment6", to_link_local().protocol(44).payload(64), kFragment},
      {"OtherTcp", to_link_local().tcp(40000, 22), kHost},
      {"Udp179IsNotBgp", to_link_local().udp(40000, 179), kHost},
      {"Lldp", Packet().eth(kLldpMac, kLeaf1Mac).ethertype(0x88cc).payload(46), kUnknown},
      {"Ospf",
       Packet().eth(kOspfMac, kLeaf1Mac).ipv4("192.0.2.1", "224.0.0.5").protocol(89).payload(24),
       kUnknown},
      {"DhcpDiscover",
       Packet().eth(kBroadcastMac, kLeaf1Mac).ipv4("0.0.0.0", "255.255.255.255").udp(68, 67),
       kHost},
      {"LimitedBroadcastToOurMac",
       Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "255.255.255.255").udp(68, 67), kHost},
  };
  return table;
}

class Punted : public RouterTest, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(Punted, ReachesTheTwinOfItsPortUnchanged) {
  const PuntCase& test_case = punt_cases()[GetParam()];
  receive(devices_.up1, test_case.packet);
  EXPECT_EQ(sent(devices_.up1_twin), test_case.packet.bytes());
  const WorkerSnapshot now = counted();
  for (std::size_t i = 0; i < kPuntClassCount; ++i) {
    const auto other = static_cast<PuntClass>(i);
    EXPECT_EQ(now.punts[i], other == test_case.punt_class ? 1U : 0U) << to_string(other);
  }
  EXPECT_EQ(now.ports[kUp1.value()].punted_packets, 1U);
  expect_no_drops();
  expect_silence();
}

INSTANTIATE_TEST_SUITE_P(Table, Punted, ::testing::Range(std::size_t{0}, punt_cases().size()),
                         [](const auto& test) { return punt_cases()[test.param].name; });

class ExceptionPath : public RouterTest {};

TEST_F(ExceptionPath, AFloodOfOneClassStarvesNoOther) {
  constexpr unsigned kFlood = 4000;
  const std::uint32_t burst = facts(PuntClass::kArp).burst;
  // The clock stands still: no tokens come back, there are only the bursts.
  for (unsigned i = 0; i < kFlood; ++i) {
    receive(devices_.up1, arp());
    if (i % 100 == 0) {
      receive(devices_.up1, bgp6());
      receive(devices_.up1, neighbor_solicitation());
    }
    devices_.up1_twin.take_sent();
  }
  expect_only_drops(DropReason::kPolicedArp, kFlood - burst);
  EXPECT_EQ(counted().punts_for(PuntClass::kArp), burst);
  EXPECT_EQ(counted().punts_for(PuntClass::kBgp), kFlood / 100);
  EXPECT_EQ(counted().punts_for(PuntClass::kNeighborDiscovery), kFlood / 100);
}

TEST_F(ExceptionPath, AFloodOfConnectionsDoesNotReachSessionsThatAreUp) {
  route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  const Packet session = Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "10.0.1.1").tcp(4, 179);
  const std::uint32_t burst = facts(PuntClass::kBgpOpen).burst;
  for (unsigned i = 0; i < burst + 10; ++i) {
    receive(devices_.up1, Packet{session}.tcp_flags(0x02));
    devices_.host.take_sent();
  }
  expect_only_drops(DropReason::kPolicedBgpOpen, 10);
  receive(devices_.up1, session);
  sent(devices_.host);
}

TEST_F(ExceptionPath, FragmentsForUsHaveAClassOfTheirOwn) {
  route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  const auto to_us = [] {
    return Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "10.0.1.1").udp(1, 2).payload(64);
  };
  receive(devices_.up1, to_us().more_fragments());
  receive(devices_.up1, to_us().fragment_offset(9));
  receive(devices_.up1, to_us().dont_fragment());
  EXPECT_EQ(counted().punts_for(PuntClass::kFragment), 2U);
  EXPECT_EQ(counted().punts_for(PuntClass::kHost), 1U);
}

TEST_F(ExceptionPath, AFloodByADetourStarvesNoPort) {
  // To the address of another port, or to one that all ports lead to.
  route("192.168.101.254/32", next_hop(NextHopKind::kLocalPort, kLan));
  route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  for (const char* target : {"192.168.101.254", "10.0.1.1"}) {
    const auto ping = [&](const MacAddress& port) {
      return Packet().eth(port, kLeaf1Mac).ipv4("192.0.2.1", target).icmp(8);
    };
    for (unsigned i = 0; i < 2 * facts(PuntClass::kIcmp).burst; ++i) {
      receive(devices_.up1, ping(kUp1Mac));
      devices_.lan_twin.take_sent();
      devices_.host.take_sent();
    }
    const std::uint64_t policed = drops(DropReason::kPolicedIcmp);
    EXPECT_GT(policed, 0U);
    receive(devices_.lan, ping(kLanMac));
    receive(devices_.up2, ping(kUp2Mac));
    EXPECT_EQ(drops(DropReason::kPolicedIcmp), policed) << target;
    devices_.lan_twin.take_sent();
    devices_.host.take_sent();
  }
}

TEST_F(ExceptionPath, AFloodOnOnePortStarvesNoOther) {
  for (unsigned i = 0; i < 2 * facts(PuntClass::kArp).burst; ++i) {
    receive(devices_.up1, arp());
    devices_.up1_twin.take_sent();
  }
  receive(devices_.up2, arp());
  sent(devices_.up2_twin);
}

TEST_F(ExceptionPath, TheRateComesBackWithTime) {
  const PuntClassFacts& arp_facts = facts(PuntClass::kArp);
  for (unsigned i = 0; i < arp_facts.burst + 1; ++i) {
    receive(devices_.up1, arp());
    devices_.up1_twin.take_sent();
  }
  expect_only_drops(DropReason::kPolicedArp, 1);
  advance(std::chrono::microseconds{1'000'000 / arp_facts.packets_per_second});
  receive(devices_.up1, arp());
  sent(devices_.up1_twin);
  receive(devices_.up1, arp());
  expect_only_drops(DropReason::kPolicedArp, 2);
}

TEST_F(ExceptionPath, AFullTwinIsADropReason) {
  devices_.up1_twin.leave_room(0);
  receive(devices_.up1, arp());
  expect_only_drops(DropReason::kTwinFull);
}

TEST_F(ExceptionPath, WhatTheKernelSendsOnATwinLeavesOnThePortAsItIs) {
  const Packet packet = Packet().eth(kLeaf1Mac, kUp1Mac).ipv6("fe80::2", "fe80::1").tcp(179, 4000);
  receive(devices_.up1_twin, packet);
  EXPECT_EQ(sent(devices_.up1), packet.bytes());
  EXPECT_EQ(counted().ports[kUp1.value()].injected_packets, 1U);
  EXPECT_EQ(counted().ports[kUp1.value()].sent_packets, 1U);
  expect_silence();
}

TEST_F(ExceptionPath, InjectedPacketsLeaveBeforeForwardedOnes) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  devices_.lan.receive(
      Packet().eth(kLanMac, kServerMac).ipv4("192.168.101.20", "10.0.2.2").udp(1, 2).bytes());
  const Packet keepalive = Packet().eth(kLeaf1Mac, kUp1Mac).ipv6("fe80::2", "fe80::1").tcp(179, 9);
  devices_.up1_twin.receive(keepalive.bytes());
  run();
  const std::vector<Bytes> out = devices_.up1.take_sent();
  ASSERT_EQ(out.size(), 2U);
  EXPECT_EQ(out[0], keepalive.bytes());
}

TEST_F(ExceptionPath, WhatAFullPortDoesNotTakeOfTheKernelsIsOfferedAgain) {
  devices_.up1.leave_room(1);
  for (int i = 0; i < 3; ++i) devices_.up1_twin.receive(arp().bytes());
  run();
  EXPECT_EQ(counted().ports[kUp1.value()].injected_packets, 3U);
  EXPECT_EQ(counted().ports[kUp1.value()].sent_packets, 1U);
  devices_.up1.take_sent();
  run();
  EXPECT_EQ(devices_.up1.take_sent(), std::vector<Bytes>(2, arp().bytes()));
  EXPECT_EQ(counted().ports[kUp1.value()].sent_packets, 3U);
  expect_no_drops();
}

TEST_F(ExceptionPath, TheKernelsPacketsLeaveBeforeForwardedOnesOfAnEarlierLoop) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  const Packet keepalive = Packet().eth(kLeaf1Mac, kUp1Mac).ipv6("fe80::2", "fe80::1").tcp(179, 9);
  const Packet transit =
      Packet().eth(kLanMac, kServerMac).ipv4("192.168.101.20", "10.0.2.2").udp(1, 2);
  devices_.up1.leave_room(0);
  devices_.up1_twin.receive(keepalive.bytes());
  receive(devices_.lan, transit);
  expect_only_drops(DropReason::kTxFull);
  devices_.up1.take_sent();
  devices_.up1.leave_room(1);
  receive(devices_.lan, transit);
  expect_only_drops(DropReason::kTxFull, 2);
  const std::vector<Bytes> out = devices_.up1.take_sent();
  EXPECT_EQ(out.back(), keepalive.bytes());
}

TEST_F(ExceptionPath, UrgentPacketsAreGivenUpInTheEnd) {
  devices_.up1.leave_room(0);
  devices_.up1_twin.receive(arp().bytes());
  run();
  advance(kUrgentPatience);
  run();
  expect_no_drops();
  advance(std::chrono::microseconds{1});
  run();
  expect_only_drops(DropReason::kTxFull);
}

TEST_F(ExceptionPath, AFullPortHoldsTheKernelBackAndKeepsRoomForBfd) {
  constexpr unsigned kWaiting = TransmitBuffer::kUrgent;
  devices_.up1.leave_room(0);
  for (unsigned i = 0; i < kWaiting; ++i) devices_.up1_twin.receive(arp().bytes());
  for (int loops = 0; loops < 4; ++loops) run();
  EXPECT_EQ(counted().ports[kUp1.value()].injected_packets, kWaiting / 2);
  devices_.up1.take_sent();
  for (int loops = 0; loops < 4; ++loops) run();
  EXPECT_EQ(devices_.up1.take_sent().size(), kWaiting);
  expect_no_drops();
}

TEST_F(ExceptionPath, Ipv4UnderTheIpv6EthertypeIsRepaired) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kLan, kServerMac));
  const Packet packet = Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "10.0.2.2").udp(1, 2);
  receive(devices_.up1, Packet{packet}.ethertype(0x86dd));
  const Bytes out = sent(devices_.lan);
  EXPECT_EQ(ethertype_of(out), 0x0800);
  EXPECT_EQ(ttl_of(out), 63);
  EXPECT_EQ(counted().ports[kUp1.value()].ethertype_repairs, 1U);
  expect_no_drops();
}

// ---- to and from the machine's own programs

TEST_F(ExceptionPath, LocalAddressesAreDeliveredThroughTheHostInterface) {
  route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  route("2001:db8:1::1/128", next_hop(NextHopKind::kLocalHost));
  // Hops are not spent on the way to ourselves: TTL 1 is enough (RFC 1122 3.2.1.7).
  const Packet packet =
      Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "10.0.1.1").ttl(1).udp(1, 2);
  receive(devices_.up1, packet);
  Bytes out = sent(devices_.host);
  EXPECT_EQ(destination_mac(out), kHostMac);
  EXPECT_EQ(source_mac(out), kHostRouterMac);
  const Bytes in = packet.bytes();
  EXPECT_EQ(Bytes(out.begin() + 12, out.end()), Bytes(in.begin() + 12, in.end()));

  receive(devices_.up1,
          Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("2001:db8::9", "2001:db8:1::1").icmp(128));
  out = sent(devices_.host);
  EXPECT_EQ(ethertype_of(out), 0x86dd);
  EXPECT_EQ(counted().host.sent_packets, 2U);
  EXPECT_EQ(counted().punts_for(PuntClass::kHost), 1U);
  EXPECT_EQ(counted().punts_for(PuntClass::kIcmp), 1U);
  expect_no_drops();
}

TEST_F(ExceptionPath, WhatIsLongerThanTheKernelsInterfaceTakesIsDroppedAndCounted) {
  route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  route("192.168.101.254/32", next_hop(NextHopKind::kLocalPort, kLan));
  route("2001:db8:1::1/128", next_hop(NextHopKind::kLocalHost));
  constexpr std::size_t kFits = 1500 - 28;
  const auto to = [](std::string_view destination) {
    return Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", destination).udp(1, 2);
  };
  receive(devices_.up1, to("10.0.1.1").payload(kFits));
  sent(devices_.host);
  receive(devices_.up1, to("192.168.101.254").payload(kFits));
  sent(devices_.lan_twin);
  expect_no_drops();
  receive(devices_.up1, to("10.0.1.1").payload(kFits + 1));
  receive(devices_.up1, to("192.168.101.254").payload(kFits + 1));
  expect_only_drops(DropReason::kFragmentationSkipped, 2);
  receive(devices_.up1, to("10.0.1.1").payload(kFits + 1).dont_fragment());
  receive(devices_.up1,
          Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("2001:db8::9", "2001:db8:1::1").payload(1500 - 39));
  EXPECT_EQ(drops(DropReason::kFragmentationNeeded), 2U);
  EXPECT_EQ(counted().host.sent_packets, 1U);
  expect_silence();
}

TEST_F(ExceptionPath, RepairedIpv4IsDeliveredUnderItsOwnEthertype) {
  route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  receive(
      devices_.up1,
      Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "10.0.1.1").ethertype(0x86dd).udp(1, 2));
  EXPECT_EQ(ethertype_of(sent(devices_.host)), 0x0800);
}

TEST_F(ExceptionPath, AddressesOfAPortAreDeliveredToItsTwinWhereverThePacketCameIn) {
  route("192.168.101.254/32", next_hop(NextHopKind::kLocalPort, kLan));
  receive(devices_.up1,
          Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "192.168.101.254").tcp(4000, 179));
  EXPECT_EQ(destination_mac(sent(devices_.lan_twin)), kLanMac);
  EXPECT_EQ(counted().punts_for(PuntClass::kBgp), 1U);
  EXPECT_EQ(counted().ports[kLan.value()].punted_packets, 1U);
}

TEST_F(ExceptionPath, TheMachinesPacketsSpendNoHop) {
  route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  // Whatever destination MAC the kernel has used.
  const Packet packet =
      Packet().eth(kServerMac, kHostMac).ipv4("10.0.1.1", "10.0.2.2").ttl(1).udp(1, 2);
  receive(devices_.host, packet);
  const Bytes out = sent(devices_.up1);
  EXPECT_EQ(destination_mac(out), kLeaf1Mac);
  EXPECT_EQ(source_mac(out), kUp1Mac);
  EXPECT_EQ(ttl_of(out), 1);
  EXPECT_TRUE(has_right_checksum(out));
  EXPECT_EQ(counted().host.received_packets, 1U);
}

TEST_F(ExceptionPath, TheHostInterfaceCarriesIpOnly) {
  receive(devices_.host, arp());
  expect_only_drops(DropReason::kHostNotIp);
  receive(devices_.host, Packet().eth(kAllNodesMac, kHostMac).ipv6("fe80::1", "ff02::2").icmp(133));
  EXPECT_EQ(drops(DropReason::kIpv6Multicast), 1U);
  receive(devices_.host, Packet().eth(kHostRouterMac, kHostMac).ipv6("fe80::1", "fe80::2"));
  EXPECT_EQ(drops(DropReason::kIpv6LinkLocal), 1U);
  receive(devices_.host,
          Packet().eth(kMulticastDnsMac, kHostMac).ipv4("10.0.1.1", "224.0.0.251").udp(5353, 5353));
  EXPECT_EQ(drops(DropReason::kIpv4Multicast), 1U);
  expect_silence();
}

}  // namespace
}  // namespace lastmile::test
