#include "dataplane/segments/merge.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tests/segments/tcp_frame.h"

namespace lastmile::segments {
namespace {

using test::IpVersion;
using test::Octets;
using test::TcpFrame;
using test::TcpSum;

using Groups = std::vector<std::vector<unsigned>>;

/// Which of the frames go together.
Groups merged(const std::vector<TcpFrame>& wanted) {
  std::vector<Octets> bytes;
  for (const TcpFrame& frame : wanted) bytes.push_back(frame.bytes());
  const std::vector<Frame> frames(bytes.begin(), bytes.end());
  const auto plan = std::make_unique<MergePlan>();
  Groups groups;
  for (const Run& run : plan->make(frames)) {
    const auto places = plan->order().subspan(run.first, run.count);
    groups.emplace_back(places.begin(), places.end());
  }
  return groups;
}

/// `count` packets of a flow, one behind another.
std::vector<TcpFrame> train(unsigned count, TcpFrame frame = {}) {
  std::vector<TcpFrame> frames;
  for (unsigned i = 0; i < count; ++i) {
    frames.push_back(frame);
    frame.sequence += static_cast<std::uint32_t>(frame.payload);
  }
  return frames;
}

class Merge : public testing::TestWithParam<IpVersion> {
 protected:
  [[nodiscard]] static std::vector<TcpFrame> train_of(unsigned count) {
    return train(count, {.version = GetParam()});
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, Merge, testing::Values(IpVersion::k4, IpVersion::k6),
                         [](const auto& of) { return of.param == IpVersion::k4 ? "v4" : "v6"; });

TEST_P(Merge, PacketsOfAFlowThatFollowOneAnother) {
  EXPECT_EQ(merged(train_of(4)), (Groups{{0, 1, 2, 3}}));
}

TEST_P(Merge, SequenceNumbersWrap) {
  EXPECT_EQ(merged(train(3, {.version = GetParam(), .sequence = 0xffffff9c})), (Groups{{0, 1, 2}}));
}

TEST_P(Merge, AShorterOneEndsASegment) {
  auto frames = train_of(4);
  frames[1].payload = 60;
  frames[2].sequence = frames[1].sequence + 60;
  frames[3].sequence = frames[2].sequence + 100;
  EXPECT_EQ(merged(frames), (Groups{{0, 1}, {2, 3}}));
}

TEST_P(Merge, ALongerOneBeginsAnew) {
  auto frames = train_of(3);
  frames[1].payload = 101;
  frames[2].sequence = frames[1].sequence + 101;
  EXPECT_EQ(merged(frames), (Groups{{0}, {1, 2}}));
}

TEST_P(Merge, APushEndsASegment) {
  auto frames = train_of(4);
  frames[1].flags |= tcp::kPush;
  EXPECT_EQ(merged(frames), (Groups{{0, 1}, {2, 3}}));
  frames[0].flags |= tcp::kPush;
  EXPECT_EQ(merged(frames), (Groups{{0}, {1}, {2, 3}}));
}

TEST_P(Merge, PaddingIsNoPayload) {
  auto frames = train_of(2);
  frames[0].padding = 6;
  EXPECT_EQ(merged(frames), (Groups{{0, 1}}));
}

TEST_P(Merge, FlowsMayAlternate) {
  auto frames = train_of(6);
  for (unsigned i = 0; i < 6; ++i) {
    frames[i].source_port = static_cast<std::uint16_t>(50000 + i % 2);
    frames[i].sequence = 1000 + i / 2 * 100;
  }
  EXPECT_EQ(merged(frames), (Groups{{0, 2, 4}, {1, 3, 5}}));
}

TEST_P(Merge, WhatCannotBeMergedDoesNotOvertakeItsFlow) {
  auto frames = train_of(4);
  frames[1].payload = 0;  // an acknowledgment in between, then the data goes on
  frames[2].sequence = 1100;
  frames[3].sequence = 1200;
  EXPECT_EQ(merged(frames), (Groups{{0}, {1}, {2, 3}}));
}

TEST_P(Merge, ChecksumsHaveToBeRight) {
  auto frames = train_of(4);
  frames[0].sum = TcpSum::kWrong;
  EXPECT_EQ(merged(frames), (Groups{{0}, {1, 2, 3}}));
  frames = train_of(4);
  frames[2].sum = TcpSum::kWrong;
  // It opens a segment of its own, which nothing joins.
  EXPECT_EQ(merged(frames), (Groups{{0, 1}, {2}, {3}}));
}

TEST_P(Merge, NoLongerThanAnIpPacket) {
  auto frames = train(50, {.version = GetParam(), .payload = 1448});
  const Groups groups = merged(frames);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].size(), 45U);
}

/// The kernel's limit counts the Ethernet header: IP packets of 65522 bytes and more it would drop.
TEST_P(Merge, NoLongerThanTheKernelTakesInOnePiece) {
  const std::size_t headers = (GetParam() == IpVersion::k4 ? 20U : 40U) + 20U;
  for (const std::size_t length : {65521U, 65522U}) {
    auto frames = train(46, {.version = GetParam(), .payload = 1448});
    frames.back().payload = length - headers - std::size_t{45} * 1448;
    EXPECT_EQ(merged(frames).size(), length == 65521U ? 1U : 2U) << length;
  }
}

TEST(MergeIpv4, WhatMayBecomeFragmentsIsNumberedOn) {
  for (const int distance : {1, 2}) {
    auto frames = train(2, {.fragment = 0});
    frames[1].identification = static_cast<std::uint16_t>(frames[0].identification + distance);
    EXPECT_EQ(merged(frames).size(), distance == 1 ? 1U : 2U);
  }
}

TEST_P(Merge, NoMoreThanSoManyPackets) {
  const Groups groups = merged(train_of(MergePlan::kMostPackets + 3));
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].size(), MergePlan::kMostPackets);
}

TEST_P(Merge, OneFlowMoreThanThereIsRoomFor) {
  std::vector<TcpFrame> frames;
  for (unsigned round = 0; round < 2; ++round) {
    for (unsigned flow = 0; flow <= MergePlan::kFlows; ++flow) {
      frames.push_back({.version = GetParam(),
                        .source_port = static_cast<std::uint16_t>(50000 + flow),
                        .sequence = 1000 + round * 100});
    }
  }
  // Each one of the second round finds that its flow had to make room.
  EXPECT_EQ(merged(frames).size(), frames.size());
  frames.pop_back();
  frames.erase(frames.begin() + MergePlan::kFlows);
  EXPECT_EQ(merged(frames).size(), MergePlan::kFlows);
}

TEST_P(Merge, AllOfABurst) {
  std::vector<TcpFrame> frames;
  for (unsigned i = 0; i < MergePlan::kCapacity; ++i) frames.push_back({.version = GetParam()});
  EXPECT_EQ(merged(frames).size(), MergePlan::kCapacity) << "the same packet, again and again";
}

struct Difference {
  const char* name;
  std::function<void(TcpFrame&)> make;
  IpVersion version = IpVersion::k4;
};

class Apart : public testing::TestWithParam<Difference> {};

TEST_P(Apart, SecondPacketGoesAlone) {
  auto frames = train(2, {.version = GetParam().version, .options = Octets(12, 1)});
  EXPECT_EQ(merged(frames), (Groups{{0, 1}}));
  GetParam().make(frames[1]);
  EXPECT_EQ(merged(frames), (Groups{{0}, {1}}));
}

INSTANTIATE_TEST_SUITE_P(
    Differences, Apart,
    testing::Values(
        Difference{"host", [](TcpFrame& f) { f.host = 2; }},
        Difference{"host_v6", [](TcpFrame& f) { f.host = 2; }, IpVersion::k6},
        Difference{"version", [](TcpFrame& f) { f.version = IpVersion::k6; }},
        Difference{"port", [](TcpFrame& f) { ++f.source_port; }},
        Difference{"gap", [](TcpFrame& f) { ++f.sequence; }},
        Difference{"again", [](TcpFrame& f) { f.sequence = 1000; }},
        Difference{"acknowledgment", [](TcpFrame& f) { ++f.acknowledgment; }},
        Difference{"window", [](TcpFrame& f) { ++f.window; }},
        Difference{"urgent", [](TcpFrame& f) { ++f.urgent; }},
        Difference{"fin", [](TcpFrame& f) { f.flags |= tcp::kFin; }},
        Difference{"syn", [](TcpFrame& f) { f.flags |= tcp::kSyn; }},
        Difference{"rst", [](TcpFrame& f) { f.flags |= 0x04; }},
        Difference{"urg", [](TcpFrame& f) { f.flags |= 0x20; }},
        Difference{"ece", [](TcpFrame& f) { f.flags |= 0x40; }},
        Difference{"cwr", [](TcpFrame& f) { f.flags |= tcp::kCwr; }},
        Difference{"no_ack", [](TcpFrame& f) { f.flags = tcp::kPush; }},
        Difference{"option", [](TcpFrame& f) { f.options[11] = 0; }},
        Difference{"fewer_options", [](TcpFrame& f) { f.options.resize(8); }},
        Difference{"no_payload", [](TcpFrame& f) { f.payload = 0; }},
        Difference{"ttl", [](TcpFrame& f) { --f.hops; }},
        Difference{"hop_limit", [](TcpFrame& f) { --f.hops; }, IpVersion::k6},
        Difference{"congestion", [](TcpFrame& f) { f.traffic_class = 3; }},
        Difference{"congestion_v6", [](TcpFrame& f) { f.traffic_class = 3; }, IpVersion::k6},
        Difference{"flow_label", [](TcpFrame& f) { f.flow_label = 5; }, IpVersion::k6},
        Difference{"may_fragment", [](TcpFrame& f) { f.fragment = 0; }},
        Difference{"first_fragment", [](TcpFrame& f) { f.fragment = ipv4::kMoreFragments; }},
        Difference{"last_fragment", [](TcpFrame& f) { f.fragment = 100; }}),
    [](const auto& of) { return std::string{of.param.name}; });

TEST(MergeWhole, WhatIsNoTcpGoesAloneAndUntouched) {
  const Octets first = TcpFrame{}.bytes();
  std::vector<Octets> odd{{}, Octets(14), Octets(first.begin(), first.begin() + 40)};
  odd.push_back(first);
  odd.back()[14 + ipv4::kProtocol] = protocol::kUdp;
  odd.push_back(first);
  odd.back()[14] = 0x46;  // options
  odd.push_back(first);
  odd.back()[14 + ipv4::kTotalLength] = 0x10;  // longer than the frame
  odd.push_back(first);
  odd.back()[34 + tcp::kDataOffset] = 0xf0;
  store_be16(&odd.back()[14 + ipv4::kTotalLength], 60);  // options beyond the packet
  odd.push_back(first);
  odd.back()[34 + tcp::kDataOffset] = 0x40;
  odd.push_back(TcpFrame{.version = IpVersion::k6}.bytes());
  odd.back()[14 + ipv6::kNextHeader] = 0;  // hop by hop
  std::vector<Frame> frames;
  for (const Octets& bytes : odd) {
    EXPECT_FALSE(plain_tcp(bytes));
    frames.emplace_back(bytes);
    frames.emplace_back(bytes);
  }
  const auto plan = std::make_unique<MergePlan>();
  EXPECT_EQ(plan->make(frames).size(), frames.size());
}

TEST(MergeWhole, TheHeaderTellsTheKernelWhatASegmentIs) {
  for (const IpVersion version : {IpVersion::k4, IpVersion::k6}) {
    auto frames = train(3, {.version = version, .options = Octets(12, 1), .payload = 1400});
    frames[2].payload = 300;
    frames[2].flags |= tcp::kPush;
    std::vector<Octets> bytes;
    for (const TcpFrame& frame : frames) bytes.push_back(frame.bytes());
    const auto plan = std::make_unique<MergePlan>();
    const auto runs = plan->make(std::vector<Frame>(bytes.begin(), bytes.end()));
    ASSERT_EQ(runs.size(), 1U);
    SegmentHeader header;
    write_header(plan->head(runs[0]), runs[0], header);

    TcpFrame whole = frames[0];
    whole.payload = 1400 + 1400 + 300;
    whole.flags |= tcp::kPush;
    whole.sum = TcpSum::kPartial;
    const Octets expected = whole.bytes();
    const VirtioHeader facts = test::segment_facts(whole, 1400);
    EXPECT_EQ(header.virtio, facts);
    ASSERT_EQ(header.length, facts.header_length);
    EXPECT_EQ(Octets(header.headers.begin(), header.headers.begin() + header.length),
              Octets(expected.begin(), expected.begin() + header.length));
  }
}

}  // namespace
}  // namespace lastmile::segments
