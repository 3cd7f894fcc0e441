// The host interface by segments (dataplane/segments), with a test in the place of the kernel: a
// ring in ordinary memory, and a socket of which the other end is open.

#include <gtest/gtest.h>

#include <vector>

#include "tests/pipeline/kernel_end.h"
#include "tests/pipeline/test_router.h"
#include "tests/segments/tcp_frame.h"

namespace lastmile::test {
namespace {

using segments::VirtioHeader;

class HostSegments : public RouterTest {
 protected:
  HostSegments() {
    config_.host.device = kHostSegments;
    config_.host.segments = kernel_.queue.get();
    loop_.reset();
    loop_ = std::make_unique<WorkerLoop>(config_, tables_, kCyclesPerSecond, counters_, events_);
    route("10.9.9.9/32", next_hop(NextHopKind::kLocalHost));
    route("10.0.0.0/24", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
  }
  ~HostSegments() override { loop_.reset(); }

  /// From the network: addressed to the port.
  static Bytes inbound(const TcpFrame& frame) {
    Bytes bytes = frame.bytes();
    std::copy_n(kUp1Mac.bytes().begin(), 6, bytes.begin());
    return bytes;
  }
  /// What the machine sends: the other way.
  static TcpFrame outbound(std::size_t payload) {
    return {.payload = payload, .sum = TcpSum::kPartial};
  }

  KernelEnd kernel_;
};

TEST_F(HostSegments, PacketsOfAFlowAreOneForTheKernel) {
  kernel_.set_send_buffer(1 << 20);
  TcpFrame frame{.payload = 1000};
  for (int i = 0; i < 3; ++i) {
    devices_.up1.receive(inbound(frame));
    frame.sequence += 1000;
  }
  devices_.up1.receive(inbound({.source_port = 5, .payload = 0}));
  run();
  const auto taken = kernel_.take();
  ASSERT_EQ(taken.size(), 2U);
  EXPECT_EQ(taken[0].virtio, segment_facts({}, 1000));
  TcpFrame whole{.payload = 3000, .sum = TcpSum::kPartial};
  Octets expected = whole.bytes();
  ASSERT_EQ(taken[0].frame.size(), expected.size());
  EXPECT_EQ(destination_mac(taken[0].frame), kHostMac);
  EXPECT_EQ(source_mac(taken[0].frame), kHostRouterMac);
  EXPECT_TRUE(
      std::equal(expected.begin() + 12, expected.begin() + 54, taken[0].frame.begin() + 12));
  EXPECT_EQ(taken[1].virtio, VirtioHeader{});
  EXPECT_EQ(taken[1].frame.size(), 54U);
  EXPECT_EQ(counted().host.sent_packets, 4U) << "packets are counted, not segments";
  EXPECT_EQ(counted().host.sent_bytes, 4 * 54 + 3000U);
  expect_no_drops();
}

TEST_F(HostSegments, PacketsInSeveralBuffersGoAsTheyAre) {
  kernel_.set_send_buffer(1 << 20);
  TcpFrame frame{.payload = 1000};
  std::vector<Bytes> sent;
  for (int i = 0; i < 2; ++i) {
    sent.push_back(inbound(frame));
    devices_.up1.receive(make_mbuf(sent.back(), 300));
    frame.sequence += 1000;
  }
  run();
  const auto taken = kernel_.take();
  ASSERT_EQ(taken.size(), 2U);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(taken[i].virtio, VirtioHeader{});
    EXPECT_TRUE(std::equal(sent[i].begin() + 12, sent[i].end(), taken[i].frame.begin() + 12,
                           taken[i].frame.end()));
  }
}

TEST_F(HostSegments, WhatTheKernelDoesNotTakeIsDroppedAndCounted) {
  // Each goes alone, and two are as many as fit.
  for (std::uint16_t port = 1; port <= 20; ++port) {
    devices_.up1.receive(inbound({.source_port = port, .payload = 1000}));
  }
  run();
  const std::size_t taken = kernel_.take().size();
  EXPECT_GT(taken, 0U);
  ASSERT_LT(taken, 20U);
  EXPECT_EQ(counted().host.sent_packets, taken);
  EXPECT_EQ(counted().host.sent_bytes, taken * 1054);
  expect_only_drops(DropReason::kHostFull, 20 - taken);
}

TEST_F(HostSegments, ASegmentLeavesInPackets) {
  TcpFrame segment = outbound(3500);
  // The machine is 10.9.9.9 here, and speaks to 10.0.0.1.
  Octets frame = segment.bytes();
  std::swap_ranges(frame.begin() + 26, frame.begin() + 30, frame.begin() + 30);
  ASSERT_TRUE(kernel_.send(segment_facts(segment, 1000), frame));
  EXPECT_EQ(run(), 4U);
  EXPECT_EQ(kernel_.waiting(), 0U);
  const auto sent = devices_.up1.take_sent();
  ASSERT_EQ(sent.size(), 4U);
  for (const Bytes& packet : sent) {
    EXPECT_EQ(destination_mac(packet), kLeaf1Mac);
    EXPECT_TRUE(has_right_checksum(packet));
    EXPECT_TRUE(segments::has_right_checksum(*segments::plain_tcp(packet)));
  }
  EXPECT_EQ(counted().host.received_packets, 4U);
  expect_no_drops();
}

TEST_F(HostSegments, ALongSegmentTakesSeveralLoops) {
  TcpFrame segment = outbound(65'000);
  Octets frame = segment.bytes();
  std::swap_ranges(frame.begin() + 26, frame.begin() + 30, frame.begin() + 30);
  ASSERT_TRUE(kernel_.send(segment_facts(segment, 500), frame));
  EXPECT_EQ(run(), 64U);
  EXPECT_EQ(kernel_.waiting(), 1U);
  EXPECT_EQ(run(), 64U);
  EXPECT_EQ(run(), 2U);
  EXPECT_EQ(kernel_.waiting(), 0U);
  EXPECT_EQ(run(), 0U);
  EXPECT_EQ(devices_.up1.take_sent().size(), 130U);
}

TEST_F(HostSegments, TheRingGoesRound) {
  for (std::uint32_t i = 0; i < 3 * KernelEnd::kFrames; ++i) {
    ASSERT_TRUE(kernel_.send({}, outbound(100).bytes()));
    if (i % 3 == 2) {
      EXPECT_EQ(run(), 3U);
    }
  }
  EXPECT_EQ(run(), 0U);
}

TEST_F(HostSegments, WhatIsNoUseIsDroppedAndCounted) {
  const TcpFrame segment = outbound(3500);
  auto other = segment_facts(segment, 1000);
  other.gso_type = VirtioHeader::kUdp;
  ASSERT_TRUE(kernel_.send(other, segment.bytes()));
  ASSERT_TRUE(kernel_.send({}, outbound(100).bytes(), TP_STATUS_USER | TP_STATUS_VLAN_VALID));
  // Longer than a buffer.
  ASSERT_TRUE(kernel_.send(segment_facts(segment, 3000), segment.bytes()));
  // Cut by the kernel.
  ASSERT_TRUE(kernel_.send({}, outbound(100).bytes()));
  kernel_.slot(3).tp_len += 1;
  EXPECT_EQ(run(), 0U);
  expect_only_drops(DropReason::kHostBadFrame, 4);
  EXPECT_EQ(kernel_.waiting(), 0U);
}

TEST_F(HostSegments, OfAFrameLongerThanABufferNothingComesLater) {
  const TcpFrame segment = outbound(3500);
  ASSERT_TRUE(kernel_.send(segment_facts(segment, 3000), segment.bytes()));
  EXPECT_EQ(run(), 0U);
  ASSERT_TRUE(kernel_.send({}, outbound(100).bytes()));
  EXPECT_EQ(run(), 1U);
  EXPECT_EQ(run(), 0U);
  EXPECT_EQ(kernel_.waiting(), 0U);
  EXPECT_EQ(kernel_.take().size(), 1U);
  expect_only_drops(DropReason::kHostBadFrame);
}

TEST_F(HostSegments, WithoutBuffersTheKernelsFramesWait) {
  std::vector<rte_mbuf*> taken;
  while (rte_mbuf* const buffer = rte_pktmbuf_alloc(packet_pool())) taken.push_back(buffer);
  ASSERT_TRUE(kernel_.send({}, outbound(100).bytes()));
  EXPECT_EQ(run(), 0U);
  EXPECT_EQ(kernel_.waiting(), 1U);
  rte_pktmbuf_free_bulk(taken.data(), static_cast<unsigned>(taken.size()));
  EXPECT_EQ(run(), 1U);
  EXPECT_EQ(kernel_.take().size(), 1U) << "it was for the machine itself";
  expect_no_drops();
}

}  // namespace
}  // namespace lastmile::test
