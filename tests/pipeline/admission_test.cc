// What a port asks of the sources of packets: reverse path, martians.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

const OwnAddresses kOwn{ip4("10.0.1.1"), ip6("fd00:1::1")};

/// Sources have a route to up1 (10.1, fd00:11), to up2 (10.2, fd00:12), over both (10.3), to up2
/// with up1 behind it (10.4), on the lan (10.5), to nowhere (10.6) or none.
class AdmissionTest : public RouterTest {
 protected:
  explicit AdmissionTest(const Admission& admission = {}) {
    set_admission(kUp1, admission);
    restart(TransitPolicy::kAllow, kOwn);
    const NextHopId leaf1 = next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac);
    const NextHopId leaf2 = next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac);
    route("10.1.0.0/16", leaf1);
    route("fd00:11::/32", leaf1);
    route("10.2.0.0/16", leaf2);
    route("fd00:12::/32", leaf2);
    route("10.3.0.0/16", group({leaf1, leaf2}));
    route("10.4.0.0/16", group({leaf2}, {leaf1}));
    route("10.5.0.0/16", next_hop(NextHopKind::kGlean, kLan));
    route("10.6.0.0/16", next_hop(NextHopKind::kBlackhole));
    route("10.5.255.255/32", next_hop(NextHopKind::kBroadcast));
    route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
    route("fd00:1::1/128", next_hop(NextHopKind::kLocalHost));
    route("192.168.101.20/32", next_hop(NextHopKind::kForward, kLan, kServerMac));
    route("fd00:101::20/128", next_hop(NextHopKind::kForward, kLan, kServerMac));
    leaf1_ = leaf1;
  }

  static Packet from(std::string_view source) {
    const Packet packet = Packet().eth(kUp1Mac, kLeaf1Mac);
    return source.find(':') == std::string_view::npos
               ? Packet{packet}.ipv4(source, "192.168.101.20").udp(1, 2)
               : Packet{packet}.ipv6(source, "fd00:101::20").udp(1, 2);
  }
  void expect_passes(const Packet& packet) {
    receive(devices_.up1, packet);
    sent(devices_.lan);
    expect_no_drops();
  }
  void expect_passes(std::string_view source) {
    SCOPED_TRACE(source);
    expect_passes(from(source));
  }
  /// Dropped, and nobody is told.
  void expect_drop(const Packet& packet, DropReason reason) {
    const std::uint64_t before = drops(reason);
    const std::uint64_t total = counted().total_drops();
    receive(devices_.up1, packet);
    EXPECT_EQ(drops(reason), before + 1) << to_string(reason);
    EXPECT_EQ(counted().total_drops(), total + 1);
    expect_silence();
  }
  void expect_drop(std::string_view source, DropReason reason) {
    SCOPED_TRACE(source);
    expect_drop(from(source), reason);
  }

  NextHopId leaf1_;
};

TEST_F(AdmissionTest, APortThatAsksNothingTakesAnySource) {
  for (const char* source : {"10.1.0.1", "10.2.0.1", "10.6.0.1", "10.0.1.1", "11.0.0.1",
                             "192.0.2.1", "fd00:12::1", "fd00:1::1", "2001:db8::1"}) {
    expect_passes(source);
  }
}

class Loose : public AdmissionTest {
 protected:
  Loose() : AdmissionTest({.reverse_path = ReversePath::kLoose}) {}
};

TEST_F(Loose, AnyRouteWillDo) {
  for (const char* source :
       {"10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "10.5.0.1", "fd00:11::1", "fd00:12::1"}) {
    expect_passes(source);
  }
}

TEST_F(Loose, NoRouteNoEntry) {
  expect_drop("11.0.0.1", DropReason::kReversePathNone);
  expect_drop("fd00:99::1", DropReason::kReversePathNone);
}

TEST_F(Loose, TheDefaultRouteIsOne) {
  route("0.0.0.0/0", leaf1_);
  expect_passes("11.0.0.1");
}

TEST_F(Loose, ABlackholeForDestinationsIsOneForSources) {
  expect_drop("10.6.0.1", DropReason::kReversePathNone);
}

TEST_F(Loose, NobodyElseHasOurAddressesOrABroadcastOne) {
  expect_drop("10.0.1.1", DropReason::kSourceOurs);
  expect_drop("fd00:1::1", DropReason::kSourceOurs);
  expect_drop("10.5.255.255", DropReason::kReversePathNone);
}

TEST_F(Loose, OtherPortsAndTheMachineItselfAreNotAsked) {
  receive(devices_.up2, from("11.0.0.1").eth(kUp2Mac, kLeaf2Mac));
  sent(devices_.lan);
  receive(devices_.host, from("11.0.0.1").eth(kHostRouterMac, kHostMac));
  sent(devices_.lan);
  expect_no_drops();
}

TEST_F(Loose, MixedVectorsKeepTheGoodOnesInOrder) {
  std::vector<Bytes> expected;
  for (std::uint16_t i = 0; i < 60; ++i) {
    const Packet good = from(i % 2 == 0 ? "10.1.0.1" : "10.2.0.1").udp(i, 53);
    devices_.up1.receive((i % 3 == 0 ? from("11.0.0.1") : good).bytes());
    if (i % 3 != 0) expected.push_back(Packet{good}.ttl(63).bytes());
  }
  run();
  const std::vector<Bytes> out = devices_.lan.take_sent();
  ASSERT_EQ(out.size(), expected.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    EXPECT_EQ(Bytes(out[i].begin() + 14, out[i].end()),
              Bytes(expected[i].begin() + 14, expected[i].end()));
  }
  expect_only_drops(DropReason::kReversePathNone, 20);
}

TEST_F(Loose, WhatStaysOnTheLinkIsNotAsked) {
  // DHCP, neighbor discovery, and a link-local source that wants something of the router.
  receive(devices_.up1,
          Packet().eth(kBroadcastMac, kLeaf1Mac).ipv4("0.0.0.0", "255.255.255.255").udp(68, 67));
  sent(devices_.up1_twin);
  receive(devices_.up1,
          Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("fe80::1", "fe80::ff:fe00:1").icmp(135));
  sent(devices_.up1_twin);
  receive(devices_.up1, Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("fe80::1", "fd00:1::1").icmp(128));
  sent(devices_.host);
  expect_no_drops();
}

class Strict : public AdmissionTest {
 protected:
  Strict() : AdmissionTest({.reverse_path = ReversePath::kStrict}) {}
};

TEST_F(Strict, AnyMemberOrBackupOfTheRouteWillDo) {
  for (const char* source : {"10.1.0.1", "10.3.0.1", "10.4.0.1", "fd00:11::1"}) {
    expect_passes(source);
  }
  tables_.next_hops.set_down(leaf1_, DownCause::kBfd);
  expect_passes("10.1.0.1");
}

TEST_F(Strict, AnotherPortWillNot) {
  expect_drop("10.2.0.1", DropReason::kReversePathOther);
  expect_drop("10.5.0.1", DropReason::kReversePathOther);
  expect_drop("fd00:12::1", DropReason::kReversePathOther);
  expect_drop("11.0.0.1", DropReason::kReversePathNone);
  expect_drop("10.0.1.1", DropReason::kSourceOurs);
}

TEST_F(Strict, ANeighborsOwnSubnetIsItsOwn) {
  set_admission(kLan, {.reverse_path = ReversePath::kStrict});
  restart(TransitPolicy::kAllow, kOwn);
  const auto on_lan = [](std::string_view source) {
    return Packet().eth(kLanMac, kServerMac).ipv4(source, "10.2.0.1").udp(1, 2);
  };
  receive(devices_.lan, on_lan("10.5.0.1"));
  sent(devices_.up2);
  receive(devices_.lan, on_lan("10.1.0.1"));
  expect_only_drops(DropReason::kReversePathOther);
}

class FullMartians : public AdmissionTest {
 protected:
  FullMartians() : AdmissionTest({.martians = Martians::kFull}) {}
};

TEST_F(FullMartians, WhatIsNotForwarded) {
  for (const char* source :
       {"169.254.0.0", "169.254.255.255", "192.0.0.11", "192.0.0.255", "192.0.2.1", "198.51.100.1",
        "203.0.113.255", "2001:db8::1", "2001:db8:ffff::1", "2001:10::1", "2001:1f::1", "3fff::1",
        "3fff:fff::1"}) {
    expect_drop(source, DropReason::kMartianSource);
  }
  expect_drop(from("10.1.0.1").ipv4("10.1.0.1", "203.0.113.1"), DropReason::kMartianDestination);
  expect_drop(from("fd00:11::1").ipv6("fd00:11::1", "2001:db8::1"),
              DropReason::kMartianDestination);
  // Routers without an address send errors from it; nobody sends anything to it.
  expect_drop(from("10.1.0.1").ipv4("10.1.0.1", "192.0.0.8"), DropReason::kMartianDestination);
}

TEST_F(FullMartians, TheirNeighborsAreFine) {
  for (const char* source :
       {"169.253.255.255", "169.255.0.0", "192.0.0.0", "192.0.0.8", "192.0.0.9", "192.0.0.10",
        "192.0.1.1", "192.0.3.0", "198.51.99.1", "198.18.0.1", "203.0.112.1", "100.64.0.1",
        "2001:db7::1", "2001:db9::1", "2001::1", "2001:20::1", "3fff:1000::1", "3ffe::1"}) {
    expect_passes(source);
  }
}

TEST_F(FullMartians, OurOwnAddressesAreNobodyElses) {
  expect_passes("11.0.0.1");  // routes are not asked
  expect_drop("10.0.1.1", DropReason::kSourceOurs);
  expect_drop("fd00:1::1", DropReason::kSourceOurs);
}

}  // namespace
}  // namespace lastmile::test
