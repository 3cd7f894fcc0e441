// What captures see of a worker: where packets come in, go out, and are dropped.

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "dataplane/capture/capture_board.h"
#include "dataplane/capture/capture_tap.h"
#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

class CaptureTest : public RouterTest {
 protected:
  CaptureTest() {
    captures_ = &board_;
    restart(TransitPolicy::kAllow, {.ipv4 = Ipv4Address{0x0a000101}, .ipv6 = {}});
    route("10.1.0.0/16", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
    route("10.0.1.1/32", next_hop(NextHopKind::kLocalHost));
  }
  ~CaptureTest() override { end(); }

  void begin(Capture::Of of, std::vector<CaptureInterface> interfaces = {},
             std::uint32_t snap = PacketRing::kMostOctets, const PacketFilter& filter = {}) {
    capture_.of = of;
    for (const CaptureInterface one : interfaces) capture_.interfaces.add(one);
    capture_.snap = snap;
    capture_.filter = filter;
    capture_.make_rings(1, 0);
    slot_ = board_.add(capture_);
    ASSERT_TRUE(slot_.has_value());
  }
  void end() {
    if (!slot_) return;
    reader_.offline();  // this thread is the worker, which is between two loops
    board_.remove(*slot_);
    reader_.online();
    slot_.reset();
  }

  struct Seen {
    CapturedHeader header;
    Bytes octets;
  };
  std::vector<Seen> seen() {
    std::vector<Seen> all;
    for (PacketRing& ring = *capture_.rings[0]; const auto packet = ring.front(); ring.pop()) {
      all.push_back({packet->header, {packet->octets.begin(), packet->octets.end()}});
    }
    return all;
  }
  static Packet packet(const char* to) {
    return Packet().eth(kLanMac, kServerMac).ipv4("192.168.101.20", to).udp(1, 2);
  }

  CaptureBoard board_{tables_.rcu};
  Capture capture_;
  std::optional<unsigned> slot_;
};

TEST_F(CaptureTest, APortIsSeenInBothDirectionsAsOnTheWire) {
  begin(Capture::Of::kTraffic, {CaptureTap::of(kLan), CaptureTap::of(kUp1)});
  const Bytes came = packet("10.1.2.3").bytes();
  receive(devices_.lan, came);
  const Bytes went = sent(devices_.up1);
  const auto packets = seen();
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].header.point, CapturePoint::kReceived);
  EXPECT_EQ(packets[0].header.interface, CaptureTap::of(kLan));
  EXPECT_EQ(packets[0].octets, came);
  EXPECT_EQ(packets[1].header.point, CapturePoint::kSent);
  EXPECT_EQ(packets[1].header.interface, CaptureTap::of(kUp1));
  EXPECT_EQ(packets[1].octets, went);
}

TEST_F(CaptureTest, OtherPortsAreNot) {
  begin(Capture::Of::kTraffic, {CaptureTap::of(kUp2)});
  receive(devices_.lan, packet("10.1.2.3"));
  sent(devices_.up1);
  EXPECT_TRUE(seen().empty());
}

TEST_F(CaptureTest, WhatTheKernelSendsAndGetsOnAPortIsOfThePort) {
  begin(Capture::Of::kTraffic, {CaptureTap::of(kUp1)});
  const Bytes arp = Packet().eth(kUp1Mac, kLeaf1Mac).ethertype(0x0806).payload(46).bytes();
  receive(devices_.up1, arp);
  EXPECT_EQ(sent(devices_.up1_twin), arp);
  devices_.up1_twin.receive(arp);
  run();
  EXPECT_EQ(sent(devices_.up1), arp);
  const auto packets = seen();
  ASSERT_EQ(packets.size(), 2U);
  EXPECT_EQ(packets[0].header.point, CapturePoint::kReceived);
  EXPECT_EQ(packets[1].header.point, CapturePoint::kSent);
}

TEST_F(CaptureTest, TheHostInterfaceIsAPort) {
  begin(Capture::Of::kTraffic, {kHostInterface});
  receive(devices_.lan, packet("10.0.1.1"));
  const Bytes went = sent(devices_.host);
  const auto packets = seen();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0].header.point, CapturePoint::kSent);
  EXPECT_EQ(packets[0].octets, went);
}

TEST_F(CaptureTest, DropsHaveTheirReasonAndWhereTheyCameIn) {
  begin(Capture::Of::kDrops);
  const Bytes came = packet("203.0.113.1").bytes();
  receive(devices_.lan, came);
  // The error that it causes has no route either, and is the router's own.
  const auto packets = seen();
  ASSERT_EQ(packets.size(), drops(DropReason::kNoRoute));
  EXPECT_EQ(packets[0].header.point, CapturePoint::kDropped);
  EXPECT_EQ(packets[0].header.reason, DropReason::kNoRoute);
  EXPECT_EQ(packets[0].header.interface, CaptureTap::of(kLan));
  EXPECT_EQ(packets[0].octets, came);
}

TEST_F(CaptureTest, AnErrorOfOursThatIsDroppedShowsNothingOfOtherPackets) {
  begin(Capture::Of::kDrops);
  rte_mbuf* const buffer = make_mbuf(packet("203.0.113.1").bytes());
  std::memset(buffer->buf_addr, 0xaa, rte_pktmbuf_headroom(buffer));  // what was there before
  devices_.lan.receive(buffer);
  run();
  const auto packets = seen();
  ASSERT_EQ(packets.size(), 2U);
  const Bytes& error = packets[1].octets;
  ASSERT_GT(error.size(), 34U);
  EXPECT_EQ(error[23], 1) << "ICMP";
  EXPECT_EQ(Bytes(error.begin(), error.begin() + 12), Bytes(12, 0)) << "no address yet";
  EXPECT_EQ(ethertype_of(error), 0x0800);
}

TEST_F(CaptureTest, EveryDropThatIsCountedIsSeen) {
  begin(Capture::Of::kDrops);
  devices_.up1.leave_room(0);
  receive(devices_.lan, packet("10.1.2.3"));  // tx-full
  devices_.up1_twin.leave_room(0);
  receive(devices_.up1,
          Packet().eth(kUp1Mac, kLeaf1Mac).ethertype(0x0806).payload(46));  // twin-full
  receive(devices_.lan,
          Packet().eth(kUp2Mac, kServerMac).ethertype(0x0800).payload(46));  // not-for-us
  std::vector<std::string_view> reasons;
  for (const Seen& one : seen()) reasons.push_back(to_string(one.header.reason));
  EXPECT_EQ(reasons, (std::vector<std::string_view>{"tx-full", "twin-full", "not-for-us"}));
  EXPECT_EQ(counted().total_drops(), 3U);
  devices_.up1.clear();
  devices_.up1_twin.clear();
}

TEST_F(CaptureTest, LongPacketsAreCutAndSegmentsPutTogether) {
  begin(Capture::Of::kTraffic, {CaptureTap::of(kLan)}, 200);
  const Bytes frame = packet("10.1.2.3").payload(1000).bytes();
  devices_.lan.receive(make_mbuf(frame, 150));
  run();
  devices_.up1.clear();
  const auto packets = seen();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0].header.length, frame.size());
  EXPECT_EQ(packets[0].octets, Bytes(frame.begin(), frame.begin() + 200));
}

TEST_F(CaptureTest, AFilterIsRunOnTheWorker) {
  // tcpdump -ddd arp
  const std::vector<PacketFilter::Instruction> arp{
      {40, 0, 0, 12}, {21, 0, 1, 0x0806}, {6, 0, 0, 65535}, {6, 0, 0, 0}};
  begin(Capture::Of::kTraffic, {CaptureTap::of(kLan)}, 65'535, *PacketFilter::make(arp));
  receive(devices_.lan, packet("10.1.2.3"));
  receive(devices_.lan, Packet().eth(kLanMac, kServerMac).ethertype(0x0806).payload(46));
  const auto packets = seen();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(ethertype_of(packets[0].octets), 0x0806);
  devices_.up1.clear();
  devices_.lan_twin.clear();
}

TEST_F(CaptureTest, NothingIsSeenBehindItsEnd) {
  begin(Capture::Of::kTraffic, {CaptureTap::of(kLan)});
  end();
  receive(devices_.lan, packet("10.1.2.3"));
  sent(devices_.up1);
  EXPECT_TRUE(seen().empty());
}

}  // namespace
}  // namespace lastmile::test
