#include <gtest/gtest.h>

#include "controlplane/bgp/wire/family.h"
#include "controlplane/bgp/wire/types.h"

namespace lastmile::bgp::test {
namespace {

using enum AsPath::SegmentType;

AsPath path(std::vector<AsPath::Segment> segments) {
  return {std::move(segments)};
}
std::vector<Asn> asns(std::initializer_list<std::uint32_t> values) {
  std::vector<Asn> list;
  for (const std::uint32_t value : values) list.emplace_back(value);
  return list;
}

TEST(AsPath, Empty) {
  const AsPath empty;
  EXPECT_EQ(empty.length(), 0U);
  EXPECT_EQ(empty.first(), std::nullopt);
  EXPECT_EQ(empty.origin(), std::nullopt);
  EXPECT_EQ(to_string(empty), "");
}

TEST(AsPath, LengthCountsASetOnceAndConfederationsNot) {
  const AsPath mixed = path({{kConfedSequence, asns({1, 2})},
                             {kConfedSet, asns({3})},
                             {kSequence, asns({65001, 64512})},
                             {kSet, asns({65010, 65011, 65012})}});
  EXPECT_EQ(mixed.length(), 3U);
  EXPECT_EQ(mixed.first(), Asn{65001});
  EXPECT_EQ(mixed.origin(), std::nullopt) << "a set has no last AS";
  EXPECT_EQ(to_string(mixed), "(1 2) [3] 65001 64512 {65010,65011,65012}");
}

TEST(AsPath, FirstAndOrigin) {
  EXPECT_EQ(path({{kSet, asns({1, 2})}, {kSequence, asns({3})}}).first(), std::nullopt);
  EXPECT_EQ(path({{kSequence, asns({1, 2})}, {kSequence, asns({3, 4})}}).origin(), Asn{4});
  EXPECT_EQ(path({{kSequence, asns({1})}, {kConfedSequence, asns({9})}}).origin(), Asn{1});
}

TEST(AsPath, CountLooksIntoEverySegment) {
  const AsPath mixed = path({{kSequence, asns({1, 2, 1})}, {kSet, asns({1})}});
  EXPECT_EQ(mixed.count(Asn{1}), 3U);
  EXPECT_EQ(mixed.count(Asn{7}), 0U);
}

TEST(AsPath, PrependToSequence) {
  AsPath p = path({{kSequence, asns({2})}});
  p.prepend(Asn{1}, 2);
  EXPECT_EQ(to_string(p), "1 1 2");
  EXPECT_EQ(p.segments.size(), 1U);
}

TEST(AsPath, PrependOpensASegment) {
  AsPath empty;
  empty.prepend(Asn{1});
  EXPECT_EQ(to_string(empty), "1");
  AsPath set = path({{kSet, asns({2})}});
  set.prepend(Asn{1});
  EXPECT_EQ(to_string(set), "1 {2}");
  set.prepend(Asn{1}, 0);
  EXPECT_EQ(to_string(set), "1 {2}");
}

// A segment holds 255.
TEST(AsPath, PrependOverflows) {
  AsPath p = path({{kSequence, std::vector<Asn>(254, Asn{2})}});
  p.prepend(Asn{1}, 300);
  EXPECT_EQ(p.length(), 554U);
  for (const auto& segment : p.segments) EXPECT_LE(segment.asns.size(), 255U);
  EXPECT_EQ(p.first(), Asn{1});
  EXPECT_EQ(p.count(Asn{1}), 300U);
}

TEST(Community, Text) {
  EXPECT_EQ(to_string(Community{0xfde90064}), "65001:100");
  EXPECT_EQ(to_string(Community{0xffffff01}), "no-export");
  EXPECT_EQ(to_string(Community{0xffff0000}), "graceful-shutdown");
  EXPECT_EQ(to_string(Community{0xffff1234}), "65535:4660");
  EXPECT_EQ(to_string(LargeCommunity{4200000001, 1, 2}), "4200000001:1:2");
}

TEST(Family, Codes) {
  for (const Family family : {Family::kIpv4Unicast, Family::kIpv6Unicast}) {
    const FamilyCodes codes = family_codes(family);
    EXPECT_EQ(family_from_codes(codes.afi, codes.safi), family);
  }
  EXPECT_EQ(family_from_codes(1, 2), std::nullopt);
  EXPECT_STREQ(to_string(Family::kIpv6Unicast), "ipv6-unicast");
}

}  // namespace
}  // namespace lastmile::bgp::test
