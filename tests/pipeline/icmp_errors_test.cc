// What a sender hears of a packet that was dropped, and when it hears nothing.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/net/headers.h"
#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

using namespace std::chrono_literals;

const Ipv4Address kOwn4 = ip4("10.0.1.1");
const Ipv6Address kOwn6 = ip6("2001:db8:1::1");

Packet packet4() {
  return Packet()
      .eth(kLanMac, kServerMac)
      .ipv4("192.168.101.20", "10.0.2.2")
      .udp(1000, 53)
      .payload(18);
}
Packet packet6() {
  return Packet()
      .eth(kLanMac, kServerMac)
      .ipv6("2001:db8::20", "2001:db8:2::2")
      .udp(1000, 53)
      .payload(18);
}
Packet icmp4(std::uint8_t type) {
  return Packet()
      .eth(kLanMac, kServerMac)
      .ipv4("192.168.101.20", "10.0.2.2")
      .protocol(1)
      .payload(Bytes{type, 0, 0, 0, 0, 0, 0, 0});
}
Packet icmp6(std::uint8_t type) {
  return Packet()
      .eth(kLanMac, kServerMac)
      .ipv6("2001:db8::20", "2001:db8:2::2")
      .protocol(58)
      .payload(Bytes{type, 0, 0, 0, 0, 0, 0, 0});
}

/// An error as it stands in a frame, checked for what is the same in all of them.
struct Error {
  std::uint8_t type = 0, code = 0;
  std::uint32_t mtu = 0;
  Bytes quoted;
};

Error read4(const Bytes& frame) {
  const std::uint8_t* const ip = frame.data() + 14;
  EXPECT_EQ(ethertype_of(frame), 0x0800);
  EXPECT_TRUE(has_right_checksum(frame));
  EXPECT_EQ(ip[0], 0x45);
  EXPECT_EQ(load_be16(ip + ipv4::kTotalLength), frame.size() - 14);
  EXPECT_EQ(ip[ipv4::kTtl], 64) << "not a hop of its own";
  EXPECT_EQ(ip[ipv4::kProtocol], 1);
  EXPECT_EQ(Ipv4Address{load_be32(ip + ipv4::kDestination)}, ip4("192.168.101.20"));
  const std::uint8_t* const icmp = ip + 20;
  EXPECT_EQ(ones_complement_sum({icmp, frame.size() - 34}), 0xffff);
  return {icmp[0], icmp[1], load_be32(icmp + 4), Bytes(frame.begin() + 42, frame.end())};
}

Error read6(const Bytes& frame) {
  const std::uint8_t* const ip = frame.data() + 14;
  EXPECT_EQ(ethertype_of(frame), 0x86dd);
  EXPECT_EQ(ip[0] >> 4, 6);
  EXPECT_EQ(load_be16(ip + ipv6::kPayloadLength), frame.size() - 54);
  EXPECT_EQ(ip[ipv6::kHopLimit], 64);
  EXPECT_EQ(ip[ipv6::kNextHeader], 58);
  EXPECT_EQ(Bytes(ip + 8, ip + 24), Bytes(kOwn6.bytes().begin(), kOwn6.bytes().end()));
  const std::uint8_t* const icmp = ip + 40;
  const auto length = static_cast<std::uint16_t>(frame.size() - 54);
  const std::uint32_t pseudo = ones_complement_sum({ip + 8, 32}) + raw16(length) + raw16(58);
  EXPECT_EQ(ones_complement_sum({icmp, length}, pseudo), 0xffff);
  return {icmp[0], icmp[1], load_be32(icmp + 4), Bytes(frame.begin() + 62, frame.end())};
}

class IcmpErrorsTest : public RouterTest {
 protected:
  IcmpErrorsTest() {
    restart(TransitPolicy::kAllow, {kOwn4, kOwn6});
    const NextHopId server = next_hop(NextHopKind::kForward, kLan, kServerMac);
    route("192.168.101.0/24", server);
    route("2001:db8::/48", server);
    uplink_ = next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac);
  }
  /// Nothing leaves but at most what the packet itself causes.
  void expect_no_answer(const Packet& packet) {
    receive(devices_.lan, packet);
    EXPECT_TRUE(devices_.lan.take_sent().empty());
    EXPECT_EQ(counted().icmp_errors, 0U);
  }

  NextHopId uplink_;
};

TEST_F(IcmpErrorsTest, TimeExceededQuotesThePacketAsItCame) {
  route("10.0.2.2/32", uplink_);
  const Packet packet = packet4().ttl(1);
  receive(devices_.lan, packet);
  const Bytes frame = sent(devices_.lan);
  EXPECT_EQ(destination_mac(frame), kServerMac);
  EXPECT_EQ(source_mac(frame), kLanMac);
  EXPECT_EQ(Ipv4Address{load_be32(frame.data() + 14 + ipv4::kSource)}, kOwn4);
  const Error error = read4(frame);
  EXPECT_EQ(error.type, 11);
  EXPECT_EQ(error.code, 0);
  EXPECT_EQ(error.mtu, 0U) << "unused";
  const Bytes whole = packet.bytes();
  EXPECT_EQ(error.quoted, Bytes(whole.begin() + 14, whole.end()));
  expect_only_drops(DropReason::kTtlExpired);
  EXPECT_EQ(counted().icmp_errors, 1U);
  expect_silence();
}

TEST_F(IcmpErrorsTest, HopLimitExceeded) {
  route("2001:db8:2::/48", uplink_);
  const Packet packet = packet6().hop_limit(1);
  receive(devices_.lan, packet);
  const Error error = read6(sent(devices_.lan));
  EXPECT_EQ(error.type, 3);
  EXPECT_EQ(error.code, 0);
  EXPECT_EQ(error.mtu, 0U) << "RFC 4443 section 3.3: must be zero";
  const Bytes whole = packet.bytes();
  EXPECT_EQ(error.quoted, Bytes(whole.begin() + 14, whole.end()));
}

TEST_F(IcmpErrorsTest, TooLongTellsTheMtuAndQuotesWhatFits) {
  tables_.ports.set(kUp1, {.mac = kUp1Mac, .mtu = 1400, .zone = PortZone::kUplink});
  route("10.0.2.2/32", uplink_);
  route("2001:db8:2::/48", uplink_);
  receive(devices_.lan, packet4().payload(1400).dont_fragment());
  const Bytes frame4 = sent(devices_.lan);
  EXPECT_EQ(frame4.size(), 14U + 576);
  const Error error4 = read4(frame4);
  EXPECT_EQ(error4.type, 3);
  EXPECT_EQ(error4.code, 4);
  EXPECT_EQ(error4.mtu, 1400U);
  receive(devices_.lan, packet6().payload(1400));
  const Bytes frame6 = sent(devices_.lan);
  EXPECT_EQ(frame6.size(), 14U + 1280);
  const Error error6 = read6(frame6);
  EXPECT_EQ(error6.type, 2);
  EXPECT_EQ(error6.code, 0);
  EXPECT_EQ(error6.mtu, 1400U);
}

TEST_F(IcmpErrorsTest, APacketInSegmentsIsQuotedFromTheFirst) {
  tables_.ports.set(kUp1, {.mac = kUp1Mac, .mtu = 1400, .zone = PortZone::kUplink});
  route("10.0.2.2/32", uplink_);
  devices_.lan.receive(make_mbuf(packet4().payload(1400).dont_fragment().bytes(), 200));
  run();
  const Error error = read4(sent(devices_.lan));
  EXPECT_EQ(error.code, 4);
  EXPECT_EQ(error.quoted.size(), 186U);
}

TEST_F(IcmpErrorsTest, EachReasonHasItsCode) {
  receive(devices_.lan, packet4());
  EXPECT_EQ(read4(sent(devices_.lan)).code, 0) << "no route: net unreachable";
  receive(devices_.lan, packet6());
  EXPECT_EQ(read6(sent(devices_.lan)).code, 0) << "no route to destination";

  const NextHopId unreachable = next_hop(NextHopKind::kUnreachable);
  route("10.0.2.2/32", unreachable);
  route("2001:db8:2::/48", unreachable);
  receive(devices_.lan, packet4());
  const Error error4 = read4(sent(devices_.lan));
  EXPECT_EQ(error4.type, 3);
  EXPECT_EQ(error4.code, 1);
  receive(devices_.lan, packet6());
  const Error error6 = read6(sent(devices_.lan));
  EXPECT_EQ(error6.type, 1);
  EXPECT_EQ(error6.code, 6);

  const NextHopId blackhole = next_hop(NextHopKind::kBlackhole);
  route("10.0.2.2/32", blackhole);
  receive(devices_.lan, packet4());
  EXPECT_TRUE(devices_.lan.take_sent().empty()) << "a blackhole says nothing";
}

TEST_F(IcmpErrorsTest, AnAddressThatNobodyAnswersForIsUnreachable) {
  route("10.0.2.2/32", next_hop(NextHopKind::kUnresolved, kUp2));
  receive(devices_.lan, packet4());
  EXPECT_TRUE(devices_.lan.take_sent().empty());
  advance(kHoldTime + 1ms);
  run();
  const Error error = read4(sent(devices_.lan));
  EXPECT_EQ(error.type, 3);
  EXPECT_EQ(error.code, 1);
  expect_only_drops(DropReason::kHoldExpired);
}

TEST_F(IcmpErrorsTest, NoneForWhatMustNotCauseOne) {
  // No route for any of them.
  for (const std::uint8_t type : Bytes{3, 4, 5, 11, 12}) expect_no_answer(icmp4(type));
  for (const std::uint8_t type : Bytes{1, 2, 3, 4, 127, 137}) expect_no_answer(icmp6(type));
  expect_no_answer(packet4().fragment_offset(2));
  expect_no_answer(packet6().ipv6("::", "2001:db8:2::2"));
  expect_no_answer(packet6().ipv6("ff02::1", "2001:db8:2::2"));
  expect_no_answer(icmp4(8).cut_to(34).total_length(20));  // the type is not there
}

TEST_F(IcmpErrorsTest, QuestionsAndFirstFragmentsCauseThem) {
  for (const Packet& packet : {icmp4(8), icmp4(0), packet4().more_fragments()}) {
    receive(devices_.lan, packet);
    EXPECT_EQ(read4(sent(devices_.lan)).type, 3);
  }
  receive(devices_.lan, icmp6(128));
  EXPECT_EQ(read6(sent(devices_.lan)).type, 1);
}

TEST_F(IcmpErrorsTest, ExtensionHeadersAreLookedThrough) {
  const auto with = [](std::uint8_t next, Bytes rest) {
    return Packet()
        .eth(kLanMac, kServerMac)
        .ipv6("2001:db8::20", "2001:db8:2::2")
        .protocol(next)
        .payload(std::move(rest));
  };
  const Bytes error = {1, 0, 0, 0, 0, 0, 0, 0};
  const auto behind = [](Bytes header, const Bytes& what) {
    header.insert(header.end(), what.begin(), what.end());
    return header;
  };
  expect_no_answer(with(60, behind({58, 0, 1, 4, 0, 0, 0, 0}, error)));
  expect_no_answer(with(44, behind({58, 0, 0, 1, 0, 0, 0, 7}, error)));
  expect_no_answer(with(44, behind({58, 0, 0, 8, 0, 0, 0, 7}, error)));  // a later fragment of one
  expect_no_answer(with(0, {58, 200, 0, 0, 0, 0, 0, 0}));                // runs over the end
  receive(devices_.lan, with(60, behind({17, 0, 1, 4, 0, 0, 0, 0}, error)));
  EXPECT_EQ(read6(sent(devices_.lan)).type, 1);
}

TEST_F(IcmpErrorsTest, NoneOfAFamilyWithoutAnAddress) {
  restart(TransitPolicy::kAllow, {kOwn4, std::nullopt});
  expect_no_answer(packet6());
  restart(TransitPolicy::kAllow, {});
  expect_no_answer(packet4());
}

TEST_F(IcmpErrorsTest, TheGuardOfHostModeSaysNothing) {
  restart(TransitPolicy::kRefuse, {kOwn4, kOwn6});
  route("10.0.2.2/32", next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac));
  route("192.0.2.0/24", uplink_);
  receive(devices_.up1, Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "10.0.2.2").udp(1, 2));
  expect_silence();
  expect_only_drops(DropReason::kTransitRefused);
}

TEST_F(IcmpErrorsTest, TheGuardSaysNoMoreWhenEveryWayIsDead) {
  restart(TransitPolicy::kRefuse, {kOwn4, kOwn6});
  const NextHopId leaf2 = next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac);
  const NextHopId behind = next_hop(NextHopKind::kForward, kLan, kServerMac);
  route("10.0.2.2/32", leaf2);
  route("10.0.3.3/32", behind);
  route("192.0.2.0/24", uplink_);
  const auto from_uplink = [](std::string_view destination) {
    return Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", destination).udp(1, 2);
  };
  for (const NextHopId id : {leaf2, behind}) tables_.next_hops.set_down(id, DownCause::kLink);
  receive(devices_.up1, from_uplink("10.0.2.2"));
  expect_only_drops(DropReason::kTransitRefused);
  receive(devices_.up1, from_uplink("203.0.113.9"));
  EXPECT_EQ(drops(DropReason::kNoRoute), 1U);
  const NextHopId nowhere = next_hop(NextHopKind::kUnreachable);
  route("198.51.100.0/24", nowhere);
  route("2001:db8:2::/48", nowhere);
  receive(devices_.up1, from_uplink("198.51.100.1"));
  receive(devices_.up1,
          Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("2001:db8:9::1", "2001:db8:2::1").udp(1, 2));
  EXPECT_EQ(drops(DropReason::kUnreachable), 2U);
  expect_silence();
  // What it may use it is told of, and who sits on the local side hears everything.
  receive(devices_.up1, from_uplink("10.0.3.3"));
  EXPECT_EQ(drops(DropReason::kNoneAlive), 1U);
  EXPECT_EQ(sent(devices_.up1)[14 + 20], 3);
  receive(devices_.lan, packet4());
  EXPECT_EQ(drops(DropReason::kNoneAlive), 2U);
  EXPECT_EQ(sent(devices_.lan)[14 + 20], 3);
}

TEST_F(IcmpErrorsTest, ProgramsOfTheMachineHearThemFromNobodysAddress) {
  route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  receive(devices_.host,
          Packet().eth(kHostRouterMac, kHostMac).ipv4("10.0.1.1", "203.0.113.9").udp(1000, 53));
  const Bytes frame = sent(devices_.host);
  EXPECT_EQ(Ipv4Address{load_be32(frame.data() + 14 + ipv4::kSource)}, ip4("192.0.0.8"));
  EXPECT_EQ(frame[14 + 20], 3);
}

TEST_F(IcmpErrorsTest, AFloodIsAnsweredUpToTheRate) {
  constexpr unsigned kFlood = 3 * kIcmpErrorBurst;
  for (unsigned i = 0; i < kFlood; ++i) {
    receive(devices_.lan, packet4());
    receive(devices_.lan, packet6());
  }
  EXPECT_EQ(counted().icmp_errors, kIcmpErrorBurst);
  EXPECT_EQ(counted().icmp_errors_limited, 2 * kFlood - kIcmpErrorBurst);
  EXPECT_EQ(drops(DropReason::kNoRoute), 2 * kFlood);
  EXPECT_EQ(devices_.lan.take_sent().size(), kIcmpErrorBurst);
  // Path-MTU discovery and other ports have rates of their own, and time brings more.
  tables_.ports.set(kUp1, {.mac = kUp1Mac, .mtu = 1400, .zone = PortZone::kUplink});
  route("10.0.2.2/32", uplink_);
  receive(devices_.lan, packet4().payload(1400).dont_fragment());
  EXPECT_EQ(devices_.lan.take_sent().size(), 1U);
  tables_.ipv4.remove(Ipv4Prefix{ip4("10.0.2.2"), 32});
  receive(devices_.up1, Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.168.101.20", "9.9.9.9"));
  EXPECT_EQ(devices_.lan.take_sent().size(), 1U);
  advance(1s);
  receive(devices_.lan, packet4());
  EXPECT_EQ(devices_.lan.take_sent().size(), 1U);
}

TEST_F(IcmpErrorsTest, MoreAtOnceThanCanWaitAreDropped) {
  // A loop takes this many from each of two ports.
  for (unsigned i = 0; i < IcmpErrors::kWaiting; ++i) {
    devices_.lan.receive(packet4().bytes());
    devices_.up1.receive(
        Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.168.101.20", "9.9.9.9").bytes());
  }
  run();
  EXPECT_EQ(devices_.lan.take_sent().size(), std::size_t{IcmpErrors::kWaiting});
  EXPECT_EQ(counted().icmp_errors_limited, IcmpErrors::kWaiting);
  EXPECT_EQ(drops(DropReason::kNoRoute), 2 * IcmpErrors::kWaiting);
}

}  // namespace
}  // namespace lastmile::test
