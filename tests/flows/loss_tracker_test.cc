#include "tools/flows_src/loss_tracker.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace lastmile::flows {
namespace {

class LossTrackerTest : public testing::Test {
 protected:
  /// A packet of number n is sent at n * 10 ns.
  void take(std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t n = first; n <= last; ++n) {
      tracker.take(n, static_cast<std::int64_t>(n) * 10, note);
    }
  }
  LossTracker tracker;
  std::vector<Loss> told;
  std::function<void(const Loss&)> note = [this](const Loss& loss) { told.push_back(loss); };
};

TEST_F(LossTrackerTest, NothingIsLostOfAFlowThatIsWhole) {
  take(5, 500);
  tracker.finish(note);
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(tracker.received(), 496U);
  EXPECT_EQ(tracker.lost(), 0U);
}

TEST_F(LossTrackerTest, TellsWhatIsMissingOnceTheWindowHasPassed) {
  take(0, 9);
  take(13, 13 + LossTracker::kWindow - 4);
  EXPECT_TRUE(told.empty()) << "it may still come";
  take(13 + LossTracker::kWindow - 3, 13 + LossTracker::kWindow);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], (Loss{.first = 10, .count = 3, .after_ns = 90, .before_ns = 130}));
  EXPECT_EQ(tracker.lost(), 3U);
}

TEST_F(LossTrackerTest, ALongSilenceIsOneLoss) {
  take(0, 9);
  take(5000, 5000);
  tracker.finish(note);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0], (Loss{.first = 10, .count = 4990, .after_ns = 90, .before_ns = 50000}));
}

TEST_F(LossTrackerTest, OrderWithinTheWindowDoesNotMatter) {
  take(0, 9);
  take(12, 12);
  take(10, 11);
  take(13, 200);
  tracker.finish(note);
  EXPECT_TRUE(told.empty());
  EXPECT_EQ(tracker.received(), 201U);
}

TEST_F(LossTrackerTest, WhatComesTwiceCountsOnce) {
  take(0, 9);
  take(3, 9);
  tracker.finish(note);
  EXPECT_EQ(tracker.received(), 10U);
  EXPECT_EQ(tracker.duplicates(), 7U);
  take(3, 3);
  EXPECT_EQ(tracker.late(), 1U);
}

TEST_F(LossTrackerTest, TellsWhatHasComeBefore) {
  EXPECT_TRUE(tracker.take(7, 70, note));
  EXPECT_FALSE(tracker.take(7, 70, note));
  EXPECT_TRUE(tracker.take(9, 90, note));
  EXPECT_TRUE(tracker.take(8, 80, note)) << "late, but the first time";
  EXPECT_FALSE(tracker.take(8, 80, note));
}

TEST_F(LossTrackerTest, WhatComesBehindTheWindowIsLostAndLate) {
  take(0, 9);
  take(11, 100);
  take(10, 10);
  tracker.finish(note);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].count, 1U);
  EXPECT_EQ(tracker.late(), 1U);
}

}  // namespace
}  // namespace lastmile::flows
