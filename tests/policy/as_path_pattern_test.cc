#include "controlplane/policy/as_path_pattern.h"

#include <gtest/gtest.h>

namespace lastmile::policy {
namespace {

bgp::AsPath path(const std::vector<std::uint32_t>& asns) {
  bgp::AsPath path;
  if (asns.empty()) return path;
  bgp::AsPath::Segment segment;
  for (const std::uint32_t asn : asns) segment.asns.emplace_back(asn);
  path.segments.push_back(segment);
  return path;
}

struct Case {
  const char* pattern;
  std::vector<std::uint32_t> path;
  bool matches;
};

TEST(AsPathPattern, Table) {
  const Case cases[] = {
      {"65001", {65001}, true},
      {"65001", {1, 65001, 2}, true},
      {"65001", {1, 2}, false},
      {"65001", {}, false},
      {"^65001", {65001, 2}, true},
      {"^65001", {2, 65001}, false},
      {"65001$", {2, 65001}, true},
      {"65001$", {65001, 2}, false},
      {"^65001$", {65001}, true},
      {"^65001$", {65001, 65001}, false},
      {"^$", {}, true},
      {"^$", {1}, false},
      {"^65001 .* 64512$", {65001, 64512}, true},
      {"^65001 .* 64512$", {65001, 7, 8, 9, 64512}, true},
      {"^65001 .* 64512$", {65001, 7, 8, 9}, false},
      {"^65001 .* 64512$", {65001, 64512, 7, 64512}, true},
      {"1 2", {3, 1, 2, 4}, true},
      {"1 2", {1, 3, 2}, false},
      {"^1 2? 3$", {1, 3}, true},
      {"^1 2? 3$", {1, 2, 3}, true},
      {"^1 2? 3$", {1, 2, 2, 3}, false},
      {"^1+$", {1, 1, 1}, true},
      {"^1+$", {}, false},
      {"^1+$", {1, 2}, false},
      {"^1*$", {}, true},
      {"65001|65002", {7, 65002}, true},
      {"65001|65002", {65003}, false},
      {"^64512-65534+$", {64512, 65534, 65000}, true},
      {"^64512-65534+$", {64512, 65535}, false},
      {"^64512-65534|4200000000-4294967294+$", {4200000001, 64999}, true},
      {"^. .$", {1, 2}, true},
      {"^. .$", {1}, false},
      {"^4294967295$", {4294967295}, true},
  };
  for (const Case& c : cases) {
    const auto pattern = AsPathPattern::parse(c.pattern);
    ASSERT_TRUE(pattern) << c.pattern << ": " << pattern.error();
    EXPECT_EQ(pattern->matches(path(c.path)), c.matches)
        << c.pattern << " on " << to_string(path(c.path));
  }
}

TEST(AsPathPattern, SetsCountAsInARow) {
  bgp::AsPath p = path({1});
  p.segments.push_back({bgp::AsPath::SegmentType::kSet, {bgp::Asn{2}, bgp::Asn{3}}});
  EXPECT_TRUE(AsPathPattern::parse("^1 2 3$")->matches(p));
}

TEST(AsPathPattern, WrongOnes) {
  for (const char* text :
       {"", "*", "a", "1 *", "2-1", "4294967296", "1|", "1||2", "-1", "^", "$"}) {
    EXPECT_FALSE(AsPathPattern::parse(text)) << text;
  }
  std::string long_one;
  for (int i = 0; i < 61; ++i) long_one += "1 ";
  EXPECT_FALSE(AsPathPattern::parse(long_one));
}

/// What takes a backtracking matcher longer than the universe is old.
TEST(AsPathPattern, HostilePathsTakeLinearTime) {
  std::string text = "^";
  for (int i = 0; i < 25; ++i) text += "1* ";
  const auto pattern = AsPathPattern::parse(text + "2$");
  ASSERT_TRUE(pattern);
  EXPECT_FALSE(pattern->matches(path(std::vector<std::uint32_t>(10'000, 1))));
}

}  // namespace
}  // namespace lastmile::policy
