// Every malformed header goes to the one drop reason that names its fault, and nothing is sent.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

/// A packet without fault; each case breaks one thing.
Packet good() {
  return Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "10.0.2.2").udp(1000, 2000).payload(32);
}
Packet good6() {
  return Packet()
      .eth(kUp1Mac, kLeaf1Mac)
      .ipv6("2001:db8::1", "2001:db8:2::2")
      .udp(1000, 2000)
      .payload(32);
}
Packet from(std::string_view source) {
  return good().ipv4(source, "10.0.2.2");
}
Packet to(std::string_view destination) {
  return good().ipv4("192.0.2.1", destination);
}
Packet between6(std::string_view source, std::string_view destination) {
  return good6().ipv6(source, destination);
}

struct Case {
  std::string name;
  Packet packet;
  DropReason reason;
};

const MacAddress kOtherMac{{0x02, 0, 0, 0, 9, 9}};
const MacAddress kIpv4MulticastMac{{0x01, 0x00, 0x5e, 0, 0, 5}};

const std::vector<Case>& cases() {
  using enum DropReason;
  static const std::vector<Case> table{
      // Ethernet
      {"ForAnotherStation", good().eth(kOtherMac, kLeaf1Mac), kNotForUs},
      {"LastByteOfMacDiffers", good().eth(kUp2Mac, kLeaf1Mac), kNotForUs},
      {"NoEthernetHeader", good().cut_to(13), kFrameTooShort},
      {"OneByte", good().cut_to(1), kFrameTooShort},
      {"VlanTag", good().ethertype(0x8100), kVlanTagged},
      {"ServiceVlanTag", good().ethertype(0x88a8), kVlanTagged},
      {"UnicastIpInBroadcast", good().eth(kBroadcastMac, kLeaf1Mac), kBroadcastFrame},
      {"UnicastIpInMulticast", good().eth(kIpv4MulticastMac, kLeaf1Mac), kBroadcastFrame},
      {"UnicastIpv6InBroadcast", good6().eth(kBroadcastMac, kLeaf1Mac), kBroadcastFrame},
      // IPv4 header
      {"Ipv4NoHeader", good().cut_to(14), kIpv4Truncated},
      {"Ipv4HalfHeader", good().cut_to(14 + 19), kIpv4Truncated},
      {"Ipv4OptionsCut", good().options({1, 1, 1, 1, 1, 1, 1, 1}).cut_to(14 + 27), kIpv4Truncated},
      {"Ipv4Version0", good().version(0), kIpv4BadVersion},
      {"Ipv4Version5", good().version(5), kIpv4BadVersion},
      {"Ipv4Version6", good().version(6), kIpv4BadVersion},
      {"Ipv4HeaderOf0Words", good().header_words(0), kIpv4BadHeaderLength},
      {"Ipv4HeaderOf4Words", good().header_words(4), kIpv4BadHeaderLength},
      {"Ipv4Checksum", good().bad_checksum(), kIpv4BadChecksum},
      {"Ipv4ChecksumWithOptions", good().options({1, 1, 1, 1}).bad_checksum(), kIpv4BadChecksum},
      {"Ipv4Length0", good().total_length(0), kIpv4LengthBelowHeader},
      {"Ipv4Length19", good().total_length(19), kIpv4LengthBelowHeader},
      {"Ipv4LengthBelowOptions", good().options({1, 1, 1, 1}).total_length(23),
       kIpv4LengthBelowHeader},
      {"Ipv4LengthOneBeyond", good().total_length(20 + 8 + 32 + 1), kIpv4LengthBeyondFrame},
      {"Ipv4Length65535", good().total_length(65535), kIpv4LengthBeyondFrame},
      {"Ipv4FrameCut", good().cut_to(14 + 20 + 8 + 31), kIpv4LengthBeyondFrame},
      // IPv4 options
      {"Ipv4LooseSourceRoute", good().options({131, 7, 4, 10, 0, 0, 1}), kIpv4SourceRoute},
      {"Ipv4StrictSourceRoute", good().options({137, 7, 4, 10, 0, 0, 1}), kIpv4SourceRoute},
      {"Ipv4SourceRouteBehindOthers", good().options({1, 7, 3, 4, 131, 3, 4, 0}), kIpv4SourceRoute},
      {"Ipv4OptionLength0", good().options({7, 0, 4, 0}), kIpv4BadOption},
      {"Ipv4OptionLength1", good().options({7, 1, 4, 0}), kIpv4BadOption},
      {"Ipv4OptionBeyondHeader", good().options({7, 5, 4, 0}), kIpv4BadOption},
      {"Ipv4RecordRouteTooShort", good().options({7, 2, 1, 1}), kIpv4BadOption},
      {"Ipv4RouterAlertTooShort", good().options({148, 3, 0}), kIpv4BadOption},
      {"Ipv4OptionWithoutLength", good().options({1, 1, 1, 7}), kIpv4BadOption},
      // IPv4 addresses
      {"Ipv4SourceZero", from("0.0.0.0"), kIpv4SourceZero},
      {"Ipv4SourceThisNetwork", from("0.1.2.3"), kIpv4SourceZero},
      {"Ipv4SourceLoopback", from("127.0.0.1"), kIpv4SourceLoopback},
      {"Ipv4SourceLoopbackEnd", from("127.255.255.255"), kIpv4SourceLoopback},
      {"Ipv4SourceMulticast", from("224.0.0.1"), kIpv4SourceMulticast},
      {"Ipv4SourceMulticastEnd", from("239.255.255.255"), kIpv4SourceMulticast},
      {"Ipv4SourceReserved", from("240.0.0.1"), kIpv4SourceReserved},
      {"Ipv4SourceBroadcast", from("255.255.255.255"), kIpv4SourceBroadcast},
      {"Ipv4DestinationZero", to("0.0.0.0"), kIpv4DestinationZero},
      {"Ipv4DestinationThisNetwork", to("0.255.0.1"), kIpv4DestinationZero},
      {"Ipv4DestinationLoopback", to("127.0.0.1"), kIpv4DestinationLoopback},
      {"Ipv4DestinationReserved", to("240.0.0.1"), kIpv4DestinationReserved},
      {"Ipv4DestinationReservedEnd", to("255.255.255.254"), kIpv4DestinationReserved},
      {"Ipv4Multicast", to("224.0.1.1"), kIpv4Multicast},
      {"Ipv4MulticastEnd", to("239.1.1.1"), kIpv4Multicast},
      {"Ipv4LinkMulticastFromLoopback", good().ipv4("127.0.0.1", "224.0.0.5"), kIpv4SourceLoopback},
      // IPv6
      {"Ipv6NoHeader", good6().cut_to(14), kIpv6Truncated},
      {"Ipv6HalfHeader", good6().cut_to(14 + 39), kIpv6Truncated},
      {"Ipv6Version0", good6().version(0), kIpv6BadVersion},
      {"Ipv6Version7", good6().version(7), kIpv6BadVersion},
      {"Ipv6LengthOneBeyond", good6().payload_length(8 + 32 + 1), kIpv6LengthBeyondFrame},
      {"Ipv6Length65535", good6().payload_length(65535), kIpv6LengthBeyondFrame},
      {"Ipv6SourceMulticast", between6("ff02::1", "2001:db8:2::2"), kIpv6SourceMulticast},
      {"Ipv6SourceLoopback", between6("::1", "2001:db8:2::2"), kIpv6SourceLoopback},
      {"Ipv6SourceUnspecified", between6("::", "2001:db8:2::2"), kIpv6SourceUnspecified},
      {"Ipv6SourceLinkLocal", between6("fe80::1", "2001:db8:2::2"), kIpv6SourceLinkLocal},
      {"Ipv6SourceMapped", between6("::ffff:10.0.0.1", "2001:db8:2::2"), kIpv6Mapped},
      {"Ipv6DestinationMapped", between6("2001:db8::1", "::ffff:10.0.0.1"), kIpv6Mapped},
      {"Ipv6DestinationUnspecified", between6("2001:db8::1", "::"), kIpv6DestinationUnspecified},
      {"Ipv6DestinationLoopback", between6("2001:db8::1", "::1"), kIpv6DestinationLoopback},
      {"Ipv6MulticastSiteScope", between6("2001:db8::1", "ff05::2"), kIpv6Multicast},
      {"Ipv6MulticastGlobalScope", between6("2001:db8::1", "ff0e::1"), kIpv6Multicast},
      // IPv4 under the IPv6 EtherType is repaired first, then validated
      {"Ipv4UnderIpv6Checksum", good().ethertype(0x86dd).bad_checksum(), kIpv4BadChecksum},
      {"Ipv4UnderIpv6Cut", good().ethertype(0x86dd).cut_to(14 + 19), kIpv4Truncated},
      // hops
      {"Ipv4Ttl0", good().ttl(0), kTtlExpired},
      {"Ipv4Ttl1", good().ttl(1), kTtlExpired},
      {"Ipv6HopLimit0", good6().hop_limit(0), kTtlExpired},
      {"Ipv6HopLimit1", good6().hop_limit(1), kTtlExpired},
  };
  return table;
}

class MalformedPacket : public RouterTest, public ::testing::WithParamInterface<std::size_t> {
 protected:
  MalformedPacket() {
    const NextHopId leaf2 = next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac);
    route("0.0.0.0/0", leaf2);
    route("::/0", leaf2);
  }
};

TEST_P(MalformedPacket, IsDroppedForItsOneReason) {
  const Case& test_case = cases()[GetParam()];
  receive(devices_.up1, test_case.packet);
  expect_only_drops(test_case.reason);
  expect_silence();
}

INSTANTIATE_TEST_SUITE_P(Table, MalformedPacket, ::testing::Range(std::size_t{0}, cases().size()),
                         [](const auto& test) { return cases()[test.param].name; });

class ValidPacket : public RouterTest {
 protected:
  ValidPacket() {
    const NextHopId leaf2 = next_hop(NextHopKind::kForward, kUp2, kLeaf2Mac);
    route("0.0.0.0/0", leaf2);
    route("::/0", leaf2);
  }
  void expect_forwarded(const Packet& packet) {
    receive(devices_.up1, packet);
    expect_no_drops();
    sent(devices_.up2);
    expect_silence();
  }
};

TEST_F(ValidPacket, TheUnbrokenOnesPass) {
  expect_forwarded(good());
  expect_forwarded(good6());
}

TEST_F(ValidPacket, AddressesNextToTheMartiansPass) {
  for (const char* address : {"1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255",
                              "169.254.1.1", "192.0.2.255"}) {
    SCOPED_TRACE(address);
    expect_forwarded(from(address));
    expect_forwarded(to(address));
  }
  for (const char* address : {"64:ff9b::a00:1", "1::", "fc00::1", "fec0::1", "fe00::1"}) {
    SCOPED_TRACE(address);
    expect_forwarded(between6("2001:db8::1", address));
  }
}

TEST_F(ValidPacket, SmallestPackets) {
  expect_forwarded(Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "10.0.2.2"));
  expect_forwarded(Packet().eth(kUp1Mac, kLeaf1Mac).ipv6("2001:db8::1", "2001:db8:2::2"));
}

TEST_F(ValidPacket, HarmlessOptionsPassUntouched) {
  // record route, timestamp, router alert, no-operation
  const Packet packet =
      good().options({7, 7, 4, 0, 0, 0, 0, 68, 8, 5, 0, 0, 0, 0, 0, 148, 4, 0, 0, 1});
  receive(devices_.up1, packet);
  const Bytes out = sent(devices_.up2);
  const Bytes in = packet.bytes();
  EXPECT_EQ(Bytes(out.begin() + 34, out.end()), Bytes(in.begin() + 34, in.end()));
  EXPECT_TRUE(has_right_checksum(out));
  EXPECT_EQ(ttl_of(out), 63);
}

TEST_F(ValidPacket, PaddingIsCutOff) {
  const Packet packet =
      Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("192.0.2.1", "10.0.2.2").udp(1, 2).padded_to(60);
  receive(devices_.up1, packet);
  EXPECT_EQ(sent(devices_.up2).size(), 14U + 20 + 8);

  const Packet packet6 = good6().padded_to(400);
  receive(devices_.up1, packet6);
  EXPECT_EQ(sent(devices_.up2).size(), 14U + 40 + 8 + 32);
}

TEST_F(ValidPacket, PaddingIsCutOffAcrossSegments) {
  const Packet packet = good().padded_to(400);
  devices_.up1.receive(make_mbuf(packet.bytes(), 60));
  run();
  const Bytes out = sent(devices_.up2);
  const Bytes in = good().bytes();
  ASSERT_EQ(out.size(), in.size());
  EXPECT_EQ(Bytes(out.begin() + 34, out.end()), Bytes(in.begin() + 34, in.end()));
}

TEST_F(ValidPacket, SegmentedPacketsPassWhole) {
  const Packet packet = good().payload(1000);
  devices_.up1.receive(make_mbuf(packet.bytes(), 64));
  run();
  EXPECT_EQ(sent(devices_.up2).size(), packet.bytes().size());
  devices_.up1.receive(make_mbuf(good6().payload(1000).bytes(), 64));
  run();
  EXPECT_EQ(sent(devices_.up2).size(), good6().payload(1000).bytes().size());
}

// The fast test of the checksum (a multiple of 65535) against the definition, over random headers
// that are right, and over the same with one bit flipped.
TEST_F(ValidPacket, ChecksumTestAgreesWithTheDefinition) {
  constexpr unsigned kSeed = 1071;
  SCOPED_TRACE(kSeed);
  std::mt19937 random{kSeed};
  std::uint64_t wrong = 0;
  for (unsigned round = 0; round < 2000; ++round) {
    const Ipv4Address source{0x0a000000U | (static_cast<std::uint32_t>(random()) & 0xffffffU)};
    const Ipv4Address destination{0x0b000000U | (static_cast<std::uint32_t>(random()) & 0xffffffU)};
    Bytes frame = good().ipv4(source, destination).bytes();
    const auto spoilt = (round % 2) != 0;
    // The identification field: no other check looks at it.
    if (spoilt) frame[14 + 4 + random() % 2] ^= static_cast<std::uint8_t>(1U << (random() % 8));
    receive(devices_.up1, frame);
    wrong += spoilt;
    ASSERT_EQ(devices_.up2.take_sent().size(), spoilt ? 0U : 1U);
  }
  expect_only_drops(DropReason::kIpv4BadChecksum, wrong);
}

}  // namespace
}  // namespace lastmile::test
