#include "dataplane/update/spsc_ring.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace lastmile {
namespace {

TEST(SpscRing, CapacityIsAPowerOfTwo) {
  EXPECT_EQ(SpscRing<int>{0}.capacity(), 2U);
  EXPECT_EQ(SpscRing<int>{5}.capacity(), 8U);
  EXPECT_EQ(SpscRing<int>{8}.capacity(), 8U);
}

TEST(SpscRing, KeepsOrderAcrossManyWraps) {
  SpscRing<int> ring{8};
  std::array<int, 3> out{};
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 1000; ++round) {
    const std::array<int, 5> in{next_in, next_in + 1, next_in + 2, next_in + 3, next_in + 4};
    next_in += static_cast<int>(ring.push(in));
    const std::size_t count = ring.pop(out);
    for (std::size_t i = 0; i < count; ++i) ASSERT_EQ(out[i], next_out++);
  }
  EXPECT_EQ(ring.size(), static_cast<std::size_t>(next_in - next_out));
}

TEST(SpscRing, FullRefusesAndLosesNothing) {
  SpscRing<int> ring{4};
  const std::array<int, 6> in{0, 1, 2, 3, 4, 5};
  EXPECT_EQ(ring.push(in), 4U);
  EXPECT_FALSE(ring.push(9));
  std::array<int, 6> out{};
  EXPECT_EQ(ring.pop(out), 4U);
  EXPECT_EQ(out[3], 3);
  EXPECT_EQ(ring.pop(out), 0U);
}

TEST(SpscRing, StagedItemsAreInvisibleUntilPublished) {
  SpscRing<int> ring{4};
  ASSERT_TRUE(ring.stage(1));
  ASSERT_TRUE(ring.stage(2));
  EXPECT_EQ(ring.staged(), 2U);
  EXPECT_TRUE(ring.front(4).empty());
  ring.publish();
  EXPECT_EQ(ring.staged(), 0U);
  EXPECT_EQ(ring.front(4).size(), 2U);
}

TEST(SpscRing, FrontStaysUntilConsumedAndEndsAtTheEndOfTheStorage) {
  SpscRing<int> ring{4};
  const std::array<int, 3> first{0, 1, 2};
  ring.push(first);
  EXPECT_EQ(ring.front(2).size(), 2U);
  ring.consume(1);
  EXPECT_EQ(ring.front(9)[0], 1);
  const std::array<int, 2> second{3, 4};
  EXPECT_EQ(ring.push(second), 2U);
  EXPECT_EQ(ring.front(9).size(), 3U) << "1, 2, 3; 4 is at the start of the storage";
  ring.consume(3);
  ASSERT_EQ(ring.front(9).size(), 1U);
  EXPECT_EQ(ring.front(9)[0], 4);
}

}  // namespace
}  // namespace lastmile
