#include "dataplane/segments/split.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dataplane/segments/merge.h"
#include "tests/segments/tcp_frame.h"

namespace lastmile::segments {
namespace {

using test::IpVersion;
using test::Octets;
using test::segment_facts;
using test::TcpFrame;
using test::TcpSum;

using Packets = std::vector<Octets>;

Packets split(const VirtioHeader& virtio, const Octets& frame) {
  Splitter splitter;
  Packets packets;
  if (!splitter.begin(virtio, frame)) return packets;
  const std::size_t longest = splitter.longest();
  while (splitter.left() != 0) {
    packets.emplace_back(splitter.next_length());
    EXPECT_LE(packets.back().size(), longest);
    splitter.write_next(packets.back().data());
  }
  return packets;
}

class Split : public testing::TestWithParam<IpVersion> {};

INSTANTIATE_TEST_SUITE_P(Versions, Split, testing::Values(IpVersion::k4, IpVersion::k6),
                         [](const auto& of) { return of.param == IpVersion::k4 ? "v4" : "v6"; });

TEST_P(Split, ASegmentBecomesPacketsOfTheFlow) {
  TcpFrame segment{.version = GetParam(),
                   .sequence = 0xfffffff0,
                   .flags = tcp::kAck | tcp::kPush | tcp::kFin | tcp::kCwr,
                   .identification = 0xffff,
                   .options = Octets(12, 1),
                   .payload = 250,
                   .sum = TcpSum::kPartial};
  auto virtio = segment_facts(segment, 100);
  virtio.gso_type |= VirtioHeader::kEcn;
  const auto packets = split(virtio, segment.bytes());
  ASSERT_EQ(packets.size(), 3U);
  const std::uint8_t flags[] = {tcp::kAck | tcp::kCwr, tcp::kAck,
                                tcp::kAck | tcp::kPush | tcp::kFin};
  for (unsigned i = 0; i < 3; ++i) {
    TcpFrame packet = segment;
    packet.sum = TcpSum::kRight;
    packet.sequence = segment.sequence + i * 100;
    packet.identification = static_cast<std::uint16_t>(0xffff + i);
    packet.flags = flags[i];
    packet.payload = i == 2 ? 50 : 100;
    packet.first_byte = static_cast<std::uint8_t>(i * 100);
    EXPECT_EQ(packets[i], packet.bytes()) << i;
  }
}

TEST_P(Split, ASegmentOfOnePacketIsOne) {
  const TcpFrame segment{.version = GetParam(), .payload = 80, .sum = TcpSum::kPartial};
  TcpFrame packet = segment;
  packet.sum = TcpSum::kRight;
  EXPECT_EQ(split(segment_facts(segment, 100), segment.bytes()), Packets{packet.bytes()});
}

TEST_P(Split, ASumThatIsLeftToTheDeviceIsCompleted) {
  for (const std::size_t payload : {0, 1, 100, 101}) {
    TcpFrame frame{.version = GetParam(), .payload = payload, .sum = TcpSum::kPartial};
    auto virtio = segment_facts(frame, 0);
    virtio.gso_type = VirtioHeader::kWhole;
    TcpFrame right = frame;
    right.sum = TcpSum::kRight;
    EXPECT_EQ(split(virtio, frame.bytes()), Packets{right.bytes()});
    EXPECT_EQ(split({}, frame.bytes()), Packets{frame.bytes()}) << "not asked for";
  }
}

TEST(SplitSum, ZeroGoesAsAllOnes) {
  // Sixteen bits from byte 14 on, which make up for what the field holds.
  Octets frame(18);
  frame[14] = frame[15] = 0xff;
  VirtioHeader virtio{.flags = VirtioHeader::kNeedsSum, .sum_start = 14, .sum_offset = 2};
  const auto packets = split(virtio, frame);
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0][16], 0xff);
  EXPECT_EQ(packets[0][17], 0xff);
}

TEST(SplitOptions, OfIpv4AreCopied) {
  Octets frame = TcpFrame{.payload = 20, .sum = TcpSum::kPartial}.bytes();
  frame.insert(frame.begin() + 34, {1, 1, 1, 0});
  frame[14] = 0x46;
  store_be16(&frame[14 + ipv4::kTotalLength], static_cast<std::uint16_t>(frame.size() - 14));
  auto virtio = segment_facts({}, 10);
  virtio.sum_start = 38;
  const auto packets = split(virtio, frame);
  ASSERT_EQ(packets.size(), 2U);
  for (const Octets& packet : packets) {
    EXPECT_EQ(packet.size(), 14 + 24 + 20 + 10U);
    EXPECT_EQ(ones_complement_sum({&packet[14], 24}), 0xffff);
  }
}

TEST(SplitOptions, OfIpv6StayInFront) {
  Octets frame = TcpFrame{.version = IpVersion::k6, .payload = 20, .sum = TcpSum::kPartial}.bytes();
  frame.insert(frame.begin() + 54, {protocol::kTcp, 0, 1, 4, 0, 0, 0, 0});
  frame[14 + ipv6::kNextHeader] = 60;  // destination options
  store_be16(&frame[14 + ipv6::kPayloadLength], static_cast<std::uint16_t>(frame.size() - 54));
  auto virtio = segment_facts({.version = IpVersion::k6}, 10);
  virtio.sum_start = 62;
  const auto packets = split(virtio, frame);
  ASSERT_EQ(packets.size(), 2U);
  for (const Octets& packet : packets) {
    EXPECT_EQ(packet.size(), 14 + 48 + 20 + 10U);
    EXPECT_EQ(load_be16(&packet[14 + ipv6::kPayloadLength]), 38);
    // The pseudo-header is TCP's alone (RFC 8200 8.1).
    const std::uint32_t pseudo =
        std::uint32_t{ones_complement_sum({&packet[22], 32})} + raw16(protocol::kTcp) + raw16(30);
    EXPECT_EQ(ones_complement_sum({&packet[62], 30}, pseudo), 0xffff);
  }
}

struct Contradiction {
  const char* name;
  std::function<void(VirtioHeader&, Octets&)> make;
};

class Refused : public testing::TestWithParam<Contradiction> {};

TEST_P(Refused, NothingComesOfIt) {
  const TcpFrame segment{.payload = 250, .sum = TcpSum::kPartial};
  auto virtio = segment_facts(segment, 100);
  Octets frame = segment.bytes();
  ASSERT_EQ(split(virtio, frame).size(), 3U);
  GetParam().make(virtio, frame);
  EXPECT_TRUE(split(virtio, frame).empty());
}

INSTANTIATE_TEST_SUITE_P(
    Contradictions, Refused,
    testing::Values(
        Contradiction{"no_size", [](auto& v, auto&) { v.segment_size = 0; }},
        Contradiction{"no_sum", [](auto& v, auto&) { v.flags = 0; }},
        Contradiction{"sum_elsewhere", [](auto& v, auto&) { v.sum_offset = 6; }},
        Contradiction{"udp", [](auto& v, auto&) { v.gso_type = VirtioHeader::kUdp; }},
        Contradiction{"other_version", [](auto& v, auto&) { v.gso_type = VirtioHeader::kTcpv6; }},
        Contradiction{"inside_ip", [](auto& v, auto&) { v.sum_start = 30; }},
        Contradiction{"behind_tcp", [](auto& v, auto&) { v.sum_start = 40; }},
        Contradiction{"beyond_frame", [](auto& v, auto&) { v.sum_start = 300; }},
        Contradiction{"ethertype", [](auto&, auto& f) { f[12] = 0x86; }},
        Contradiction{"ip_version", [](auto&, auto& f) { f[14] = 0x65; }},
        Contradiction{"no_tcp_header", [](auto&, auto& f) { f[34 + tcp::kDataOffset] = 0x40; }},
        Contradiction{"no_payload", [](auto&, auto& f) { f.resize(54); }},
        Contradiction{"cut", [](auto&, auto& f) { f.resize(50); }},
        Contradiction{"sum_beyond_frame",
                      [](auto& v, auto& f) {
                        v.gso_type = VirtioHeader::kWhole;
                        f.resize(51);
                      }},
        Contradiction{"empty", [](auto&, auto& f) { f.clear(); }}),
    [](const auto& of) { return std::string{of.param.name}; });

/// A segment of the kinds that may be merged.
TcpFrame random_segment(std::mt19937& random) {
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random() % limit);
  };
  TcpFrame segment{.version = below(2) == 0 ? IpVersion::k4 : IpVersion::k6,
                   .source_port = static_cast<std::uint16_t>(random()),
                   .sequence = static_cast<std::uint32_t>(random()),
                   .acknowledgment = static_cast<std::uint32_t>(random()),
                   .window = static_cast<std::uint16_t>(random()),
                   .traffic_class = static_cast<std::uint8_t>(random()),
                   .hops = static_cast<std::uint8_t>(1 + below(255)),
                   .identification = static_cast<std::uint16_t>(random()),
                   .sum = TcpSum::kPartial};
  if (below(2) == 0) segment.flags |= tcp::kPush;
  if (below(2) == 0) segment.fragment = 0;
  if (segment.version == IpVersion::k6) segment.flow_label = below(1U << 20);
  segment.options.resize(std::size_t{below(11)} * 4);
  for (auto& octet : segment.options) octet = static_cast<std::uint8_t>(random());
  segment.payload = 2 + below(65'000);
  segment.first_byte = static_cast<std::uint8_t>(random());
  return segment;
}

TEST(SegmentsProperty, SplittingAndMergingGivesTheSegmentBack) {
  const auto plan = std::make_unique<MergePlan>();
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random{seed};
    const TcpFrame segment = random_segment(random);
    // Of two packets at least, and not more than are merged.
    const std::size_t least = segment.payload / MergePlan::kMostPackets + 1;
    const auto size = static_cast<std::uint16_t>(least + random() % (segment.payload - least));
    const Octets whole = segment.bytes();
    const auto virtio = segment_facts(segment, size);
    const auto packets = split(virtio, whole);
    ASSERT_GE(packets.size(), 2U);
    const std::vector<Frame> frames(packets.begin(), packets.end());
    const auto runs = plan->make(frames);
    ASSERT_EQ(runs.size(), 1U);
    SegmentHeader header;
    write_header(plan->head(runs[0]), runs[0], header);
    EXPECT_EQ(header.virtio, virtio);
    Octets back(header.headers.begin(), header.headers.begin() + header.length);
    for (const Octets& packet : packets) {
      back.insert(back.end(), packet.begin() + header.length, packet.end());
    }
    EXPECT_EQ(back, whole);
  }
}

}  // namespace
}  // namespace lastmile::segments
