#include "controlplane/config/suggest.h"

#include <gtest/gtest.h>

#include <vector>

namespace lastmile {
namespace {

TEST(EditDistance, CountsInsertionsDeletionsReplacementsAndSwaps) {
  EXPECT_EQ(edit_distance("ports", "ports"), 0U);
  EXPECT_EQ(edit_distance("prots", "ports"), 1U);  // a swap
  EXPECT_EQ(edit_distance("port", "ports"), 1U);
  EXPECT_EQ(edit_distance("portss", "ports"), 1U);
  EXPECT_EQ(edit_distance("parts", "ports"), 1U);
  EXPECT_EQ(edit_distance("", "abc"), 3U);
  EXPECT_EQ(edit_distance("abc", ""), 3U);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3U);
}

TEST(EditDistance, TakesCaseAndUnderscoresLightly) {
  EXPECT_EQ(edit_distance("Max_Paths", "max-paths"), 0U);
}

TEST(Nearest, GivesTheClosestButNotJustAnything) {
  const std::vector<std::string> keys{"ports", "routes", "router", "bgp"};
  EXPECT_EQ(nearest("prots", keys), "ports");
  EXPECT_EQ(nearest("route", keys), "routes");  // the first of equals
  EXPECT_EQ(nearest("bpg", keys), "bgp");
  EXPECT_EQ(nearest("telemetry", keys), std::nullopt);
  EXPECT_EQ(nearest("x", keys), std::nullopt);
  EXPECT_EQ(nearest("", keys), std::nullopt);
  EXPECT_EQ(nearest(std::string(10000, 'p'), keys), std::nullopt);
  EXPECT_EQ(nearest("ports", {}), std::nullopt);
}

TEST(Hint, NamesTheNearestWordOrWhatElseThereIs) {
  const std::vector<std::string> ports{"up1", "up2"};
  EXPECT_EQ(hint("upp2", ports), "did you mean \"up2\"?");
  EXPECT_EQ(hint("upp2", ports, "there are none"), "did you mean \"up2\"?");
  EXPECT_EQ(hint("eth0", ports), "expected one of: up1, up2");
  EXPECT_EQ(hint("eth0", ports, "there are none"), "there are none");
}

}  // namespace
}  // namespace lastmile
