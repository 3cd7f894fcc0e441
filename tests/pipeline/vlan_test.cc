// VLANs: several ports on one device, told apart by the tags of their frames. What comes in has
// them taken off, what leaves gets them, and tags of no port lead nowhere.
//
//                                     ┌── lan     no tag
//   up1 (no VLANs) ── WorkerLoop ── device lan ── lan2    802.1Q 2
//                                     └── qinq    802.1ad 100, 802.1Q 20

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "dataplane/pipeline/transmit_handover.h"
#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

constexpr PortId kLan2{3};
constexpr PortId kQinq{4};
constexpr VlanTags kTag2{VlanProtocol::kCustomer, VlanId{2}};
constexpr VlanTags kTags100And20{VlanProtocol::kService, VlanId{100}, VlanId{20}};

struct Tag {
  std::uint16_t protocol;
  std::uint16_t control;  ///< priority and number
};

/// The frame with tags, the first one outermost.
Bytes tagged(Bytes frame, const std::vector<Tag>& tags) {
  Bytes words;
  for (const Tag& tag : tags) {
    for (const std::uint16_t word : {tag.protocol, tag.control}) {
      words.push_back(static_cast<std::uint8_t>(word >> 8));
      words.push_back(static_cast<std::uint8_t>(word));
    }
  }
  frame.insert(frame.begin() + 12, words.begin(), words.end());
  return frame;
}
Bytes in_vlan2(const Bytes& frame) {
  return tagged(frame, {{0x8100, 2}});
}
Bytes in_vlan100_20(const Bytes& frame) {
  return tagged(frame, {{0x88a8, 100}, {0x8100, 20}});
}
Bytes cut(Bytes frame, std::size_t size) {
  frame.resize(size);
  return frame;
}

/// From a station behind the device to somewhere else.
Packet passing() {
  return Packet().eth(kLanMac, kServerMac).ipv4("192.168.1.20", "10.0.2.2").udp(1, 2).payload(32);
}
Packet arp() {
  return Packet().eth(kBroadcastMac, kServerMac).ethertype(0x0806).payload(28);
}

class Vlan : public RouterTest {
 protected:
  Vlan() {
    tables_.ports.set(kLan2, {.mac = kLanMac, .mtu = 1500, .zone = PortZone::kLocal});
    tables_.ports.set(kQinq, {.mac = kLanMac, .mtu = 1500, .zone = PortZone::kLocal});
    start(config());
    route("0.0.0.0/0", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  }

  WorkerConfig config() {
    const auto on_lan = [&](PortId id, const TestDevice& twin, const VlanTags& vlan) {
      return WorkerPort{.id = id,
                        .device = devices_.lan.id(),
                        .twin = twin.id(),
                        .mac = kLanMac,
                        .zone = PortZone::kLocal,
                        .vlan = vlan,
                        .receive_queues = {}};
    };
    WorkerConfig config;
    config.transit = TransitPolicy::kAllow;
    config.ports = {WorkerPort{.id = kUp1, .device = devices_.up1.id(), .mac = kUp1Mac},
                    on_lan(kLan, devices_.lan_twin, {}), on_lan(kLan2, devices_.up2_twin, kTag2),
                    on_lan(kQinq, devices_.up1_twin, kTags100And20)};
    config.ports[1].receive_queues = {0};
    config.host.own_ipv4 = ip4("10.0.1.1");
    return config;
  }
  void start(const WorkerConfig& config) {
    loop_.reset();
    loop_ = std::make_unique<WorkerLoop>(config, tables_, kCyclesPerSecond, counters_, events_);
  }
  [[nodiscard]] WorkerSnapshot::Interface of(PortId port) const {
    return counted().ports[port.value()];
  }
};

TEST_F(Vlan, FramesGoToThePortOfTheirTagsAndLeaveWithoutThem) {
  const struct {
    PortId port;
    Bytes frame;
  } cases[] = {{kLan, passing().bytes()},
               {kLan2, in_vlan2(passing().bytes())},
               {kQinq, in_vlan100_20(passing().bytes())}};
  for (const auto& [port, frame] : cases) {
    receive(devices_.lan, frame);
    const Bytes expected = passing().eth(kLeaf1Mac, kUp1Mac).ttl(63).bytes();
    EXPECT_EQ(sent(devices_.up1), expected);
    EXPECT_EQ(of(port).received_packets, 1U);
    EXPECT_EQ(of(port).received_bytes, passing().bytes().size());
  }
  expect_no_drops();
}

TEST_F(Vlan, ABurstOfAllPortsIsSortedInOrder) {
  for (std::uint16_t i = 0; i < 12; ++i) {
    const Bytes frame = passing().udp(i, 2).bytes();
    devices_.lan.receive(i % 3 == 0 ? frame : i % 3 == 1 ? in_vlan2(frame) : in_vlan100_20(frame));
  }
  EXPECT_EQ(run(), 12U);
  EXPECT_EQ(counted().packets, 12U);
  const auto frames = devices_.up1.take_sent();
  ASSERT_EQ(frames.size(), 12U);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    EXPECT_EQ(frames[i][35], i % 4 * 3 + i / 4) << "source port of frame " << i;
  }
  for (const PortId port : {kLan, kLan2, kQinq}) EXPECT_EQ(of(port).received_packets, 4U);
}

TEST_F(Vlan, APriorityTagIsNone) {
  const Bytes plain = passing().bytes();
  const Bytes expected = passing().eth(kLeaf1Mac, kUp1Mac).ttl(63).bytes();
  receive(devices_.lan, tagged(plain, {{0x8100, 0xe000}}));
  EXPECT_EQ(sent(devices_.up1), expected);
  EXPECT_EQ(of(kLan).received_packets, 1U);
  receive(devices_.lan, tagged(plain, {{0x8100, 0x2000}, {0x8100, 0xa002}}));
  EXPECT_EQ(sent(devices_.up1), expected);
  EXPECT_EQ(of(kLan2).received_packets, 1U) << "the VLAN stands in the second tag";

  // The same on a device without VLANs.
  route("192.168.0.0/16", next_hop(NextHopKind::kForward, kLan, kServerMac));
  const Packet back = Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("10.0.2.2", "192.168.1.20").udp(1, 2);
  receive(devices_.up1, tagged(back.bytes(), {{0x88a8, 0x6000}}));
  EXPECT_EQ(sent(devices_.lan), Packet(back).eth(kServerMac, kLanMac).ttl(63).bytes());
  expect_no_drops();
}

struct Refused {
  std::string name;
  Bytes frame;
  DropReason reason;
};

std::vector<Refused> refused() {
  using enum DropReason;
  const Bytes plain = passing().bytes();
  return {
      {"UnknownVlan", tagged(plain, {{0x8100, 3}}), kVlanUnknown},
      {"ReservedVlan", tagged(plain, {{0x8100, 4095}}), kVlanUnknown},
      {"ServiceTagOnCustomerPort", tagged(plain, {{0x88a8, 2}}), kVlanUnknown},
      {"TwoTagsOnAPortWithOne", tagged(plain, {{0x8100, 2}, {0x8100, 2}}), kVlanUnknown},
      {"OneTagOnAPortWithTwo", tagged(plain, {{0x88a8, 100}}), kVlanUnknown},
      {"OtherInnerTag", tagged(plain, {{0x88a8, 100}, {0x8100, 21}}), kVlanUnknown},
      {"OtherOuterProtocol", tagged(plain, {{0x8100, 100}, {0x8100, 20}}), kVlanUnknown},
      {"ServiceTagInside", tagged(plain, {{0x88a8, 100}, {0x88a8, 20}}), kVlanUnknown},
      {"PriorityTagInside", tagged(plain, {{0x8100, 2}, {0x8100, 0}}), kVlanUnknown},
      {"PriorityTagTwice", tagged(plain, {{0x8100, 0}, {0x8100, 0}}), kVlanUnknown},
      {"TagsTurnedRound", tagged(plain, {{0x8100, 20}, {0x88a8, 100}}), kVlanUnknown},
      {"ThreeTags", tagged(plain, {{0x88a8, 100}, {0x8100, 20}, {0x8100, 2}}), kVlanTagged},
      {"TagCut", cut(in_vlan2(plain), 15), kVlanTruncated},
      {"TagWithoutType", cut(in_vlan2(plain), 17), kVlanTruncated},
      {"PriorityTagWithoutType", cut(tagged(plain, {{0x8100, 0}}), 17), kVlanTruncated},
      {"InnerTagCut", cut(in_vlan100_20(plain), 20), kVlanTruncated},
      {"NothingBehindTags", cut(in_vlan100_20(plain), 22), kIpv4Truncated},
      {"NoEthernetHeader", cut(plain, 13), kFrameTooShort},
      {"ForAnotherStation", in_vlan2(passing().eth(kUp1Mac, kServerMac).bytes()), kNotForUs},
  };
}

class VlanRefuses : public Vlan, public ::testing::WithParamInterface<Refused> {};

TEST_P(VlanRefuses, WithThisReason) {
  receive(devices_.lan, GetParam().frame);
  expect_only_drops(GetParam().reason);
  EXPECT_EQ(counted().packets, 1U);
  expect_silence();
}

INSTANTIATE_TEST_SUITE_P(Frames, VlanRefuses, ::testing::ValuesIn(refused()),
                         [](const auto& test) { return test.param.name; });

TEST_F(Vlan, WithoutAnUntaggedPortAFrameNeedsATag) {
  WorkerConfig tagged_only = config();
  tagged_only.ports.erase(tagged_only.ports.begin() + 1);
  tagged_only.ports[1].receive_queues = {0};
  start(tagged_only);
  receive(devices_.lan, passing());
  receive(devices_.lan, tagged(passing().bytes(), {{0x8100, 0x4000}}));
  expect_only_drops(DropReason::kVlanMissing, 2);
  receive(devices_.lan, in_vlan2(passing().bytes()));
  sent(devices_.up1);
}

TEST_F(Vlan, ATagOnADeviceWithoutVlansIsRefused) {
  receive(devices_.up1, in_vlan2(Packet(passing()).eth(kUp1Mac, kLeaf1Mac).bytes()));
  receive(devices_.up1,
          tagged(passing().eth(kUp1Mac, kLeaf1Mac).bytes(), {{0x8100, 0}, {0x8100, 2}}));
  receive(devices_.up1, cut(in_vlan2(passing().eth(kUp1Mac, kLeaf1Mac).bytes()), 16));
  expect_only_drops(DropReason::kVlanTagged, 3);
}

TEST_F(Vlan, ADeviceThatDoesNotTellTheOuterProtocolIsTakenAtItsNumber) {
  WorkerConfig config = Vlan::config();
  for (WorkerPort& port : config.ports) port.outer_tag = OuterTag::kAnyVlan;
  start(config);
  for (const auto protocol : {std::uint16_t{0x8100}, std::uint16_t{0x88a8}}) {
    receive(devices_.lan, tagged(passing().bytes(), {{protocol, 100}, {0x8100, 20}}));
    sent(devices_.up1);
    receive(devices_.lan, tagged(passing().bytes(), {{protocol, 2}}));
    sent(devices_.up1);
  }
  EXPECT_EQ(of(kQinq).received_packets, 2U);
  EXPECT_EQ(of(kLan2).received_packets, 2U);
}

TEST_F(Vlan, ATagThatTheDeviceTookOffCounts) {
  rte_mbuf* const packet = make_mbuf(passing().bytes());
  packet->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
  packet->vlan_tci = 2;
  devices_.lan.receive(packet);
  run();
  sent(devices_.up1);
  EXPECT_EQ(of(kLan2).received_packets, 1U);
}

TEST_F(Vlan, WhatIsForwardedGetsTheTagsOfItsPort) {
  route("192.168.1.0/24", next_hop(NextHopKind::kForward, kLan2, kServerMac));
  route("192.168.2.0/24", next_hop(NextHopKind::kForward, kQinq, kServerMac));
  const auto to = [](const char* address) {
    return Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("10.0.2.2", address).udp(1, 2).payload(8);
  };
  const auto leaves = [&](const char* address) {
    return to(address).eth(kServerMac, kLanMac).ttl(63).bytes();
  };
  receive(devices_.up1, to("192.168.1.20"));
  EXPECT_EQ(sent(devices_.lan), in_vlan2(leaves("192.168.1.20")));
  EXPECT_EQ(of(kLan2).sent_bytes, leaves("192.168.1.20").size() + 4);
  receive(devices_.up1, to("192.168.2.20"));
  EXPECT_EQ(sent(devices_.lan), in_vlan100_20(leaves("192.168.2.20")));
  EXPECT_EQ(of(kQinq).sent_bytes, leaves("192.168.2.20").size() + 8);
  // From one VLAN of a device to another.
  receive(devices_.lan, in_vlan2(Packet(to("192.168.2.20")).eth(kLanMac, kServerMac).bytes()));
  EXPECT_EQ(sent(devices_.lan), in_vlan100_20(leaves("192.168.2.20")));
  expect_no_drops();
}

TEST_F(Vlan, FragmentsAndErrorsGetThemToo) {
  route("192.168.1.0/24", next_hop(NextHopKind::kForward, kLan2, kServerMac));
  receive(
      devices_.up1,
      Packet().eth(kUp1Mac, kLeaf1Mac).ipv4("10.0.2.2", "192.168.1.20").udp(1, 2).payload(1800));
  const auto fragments = devices_.lan.take_sent();
  ASSERT_EQ(fragments.size(), 2U);
  for (const Bytes& fragment : fragments) {
    EXPECT_EQ(Bytes(fragment.begin() + 12, fragment.begin() + 18), (Bytes{0x81, 0, 0, 2, 8, 0}));
  }
  receive(devices_.lan, in_vlan2(passing().ttl(1).bytes()));
  const Bytes error = sent(devices_.lan);
  EXPECT_EQ(Bytes(error.begin() + 12, error.begin() + 18), (Bytes{0x81, 0, 0, 2, 8, 0}));
  EXPECT_EQ(error[18 + 20], 11) << "time exceeded";
}

TEST_F(Vlan, ALongPacketInSegmentsKeepsThem) {
  tables_.ports.set(kQinq, {.mac = kLanMac, .mtu = 9000, .zone = PortZone::kLocal});
  route("192.168.2.0/24", next_hop(NextHopKind::kForward, kQinq, kServerMac));
  const Packet packet =
      passing().ipv4("192.168.1.20", "192.168.2.20").payload(8900).dont_fragment();
  devices_.lan.receive(make_mbuf(in_vlan2(packet.bytes()), 1000));
  run();
  EXPECT_EQ(sent(devices_.lan),
            in_vlan100_20(Packet(packet).eth(kServerMac, kLanMac).ttl(63).bytes()));
  expect_no_drops();
}

TEST_F(Vlan, TheKernelSeesNoTags) {
  receive(devices_.lan, in_vlan2(arp().bytes()));
  EXPECT_EQ(sent(devices_.up2_twin), arp().bytes());
  receive(devices_.lan, in_vlan100_20(arp().bytes()));
  EXPECT_EQ(sent(devices_.up1_twin), arp().bytes());
  receive(devices_.lan, arp());
  EXPECT_EQ(sent(devices_.lan_twin), arp().bytes());

  receive(devices_.up2_twin, arp());
  EXPECT_EQ(sent(devices_.lan), in_vlan2(arp().bytes()));
  receive(devices_.up1_twin, arp());
  EXPECT_EQ(sent(devices_.lan), in_vlan100_20(arp().bytes()));
  receive(devices_.lan_twin, arp());
  EXPECT_EQ(sent(devices_.lan), arp().bytes());
  for (const PortId port : {kLan, kLan2, kQinq}) {
    EXPECT_EQ(of(port).punted_packets, 1U);
    EXPECT_EQ(of(port).injected_packets, 1U);
  }
  expect_no_drops();
}

/// A frame that begins where its buffer does.
rte_mbuf* without_headroom(const Bytes& frame) {
  rte_mbuf* const packet = make_mbuf(frame);
  auto* const begin = rte_pktmbuf_prepend(packet, rte_pktmbuf_headroom(packet));
  std::memcpy(begin, frame.data(), frame.size());
  rte_pktmbuf_trim(packet, static_cast<std::uint16_t>(packet->data_len - frame.size()));
  return packet;
}

TEST_F(Vlan, AFrameWithoutRoomForTagsIsDropped) {
  const auto numbered = [](std::uint8_t number) { return arp().payload(Bytes{number}).bytes(); };
  devices_.up2_twin.receive(numbered(1));
  devices_.up2_twin.receive(without_headroom(numbered(2)));
  devices_.up2_twin.receive(numbered(3));
  run();
  EXPECT_EQ(devices_.lan.take_sent(),
            (std::vector<Bytes>{in_vlan2(numbered(1)), in_vlan2(numbered(3))}));
  expect_only_drops(DropReason::kVlanNoRoom);

  route("192.168.1.0/24", next_hop(NextHopKind::kForward, kLan2, kServerMac));
  const Bytes frame = passing().ipv4("192.168.2.1", "192.168.1.20").bytes();
  devices_.lan.receive(without_headroom(frame));
  devices_.lan.receive(frame);
  run();
  EXPECT_EQ(devices_.lan.take_sent().size(), 1U);
  expect_only_drops(DropReason::kVlanNoRoom, 2);
  // Two of the kernel's, and one that was forwarded.
  EXPECT_EQ(of(kLan2).sent_packets, 2U + 1U);
  EXPECT_EQ(of(kLan2).sent_bytes, 2 * (numbered(1).size() + 4) + frame.size() + 4);
}

TEST_F(Vlan, AnotherWorkerSendsThemWithTheirTags) {
  const auto handover = std::make_shared<TransmitHandover>(devices_.lan.id(), 0);
  WorkerConfig without = config();
  without.ports[2].transmit_through = handover;
  start(without);
  route("192.168.1.0/24", next_hop(NextHopKind::kForward, kLan2, kServerMac));
  receive(devices_.lan, passing().ipv4("192.168.2.1", "192.168.1.20"));
  receive(devices_.up2_twin, arp());
  std::array<rte_mbuf*, 4> given{};
  ASSERT_EQ(handover->take(given), 2U);
  for (rte_mbuf* const packet : {given[0], given[1]}) {
    const Bytes frame = to_bytes(packet);
    EXPECT_EQ(Bytes(frame.begin() + 12, frame.begin() + 16), (Bytes{0x81, 0, 0, 2}));
    rte_pktmbuf_free(packet);
  }
}

}  // namespace
}  // namespace lastmile::test
