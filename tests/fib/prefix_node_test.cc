#include "dataplane/fib/prefix_node.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace lastmile {
namespace {

constexpr unsigned kNodeSeed = 512;

class PrefixNodeTest : public ::testing::Test {
 protected:
  ValueArena arena_{511, PrefixNode::kInline};
  PrefixNode node_{};
};

TEST_F(PrefixNodeTest, PositionsAreHeapOrdered) {
  EXPECT_EQ(PrefixNode::position(0, 0xff), PrefixNode::kBase);
  EXPECT_EQ(PrefixNode::position(1, 0x80), 3U);
  EXPECT_EQ(PrefixNode::position(8, 0), 256U);
  EXPECT_EQ(PrefixNode::position(8, 255), 511U);
  EXPECT_EQ(PrefixNode::first_slot(3), 128U);
  EXPECT_EQ(PrefixNode::slot_count(3), 128U);
  EXPECT_EQ(PrefixNode::first_slot(PrefixNode::kBase), 0U);
  EXPECT_EQ(PrefixNode::slot_count(PrefixNode::kBase), 256U);
  EXPECT_EQ(PrefixNode::first_slot(511), 255U);
}

// Fills the node to the brim and empties it, in random order, and compares with a map all the way:
// values move through every size of block, up and down.
TEST_F(PrefixNodeTest, HoldsWhatAMapHolds) {
  SCOPED_TRACE(kNodeSeed);
  std::mt19937 random{kNodeSeed};
  std::map<PrefixNode::Position, PrefixNode::Value> map;
  for (int i = 0; i < 20000; ++i) {
    const bool growing = i / 4000 % 2 == 0;
    const auto position = static_cast<PrefixNode::Position>(1 + random() % 511);
    const auto value = static_cast<PrefixNode::Value>(random());
    ASSERT_EQ(node_.contains(position), map.contains(position));
    if (!map.contains(position)) {
      if (!growing && random() % 8 != 0) continue;
      node_.insert(position, value, arena_);
      map[position] = value;
    } else if (!growing) {
      ASSERT_EQ(node_.erase(position, arena_), map[position]);
      map.erase(position);
    } else {
      node_.value(position) = value;
      map[position] = value;
    }
    ASSERT_EQ(node_.routes(), map.size());
    if (i % 16 == 0) {
      for (const auto& [p, v] : map) ASSERT_EQ(std::as_const(node_).value(p), v);
    }
  }
}

TEST_F(PrefixNodeTest, KnowsCoveringAndCoveredPrefixes) {
  SCOPED_TRACE(kNodeSeed);
  std::mt19937 random{kNodeSeed};
  for (int round = 0; round < 200; ++round) {
    node_ = {};
    std::map<PrefixNode::Position, bool> present;
    const auto wanted = static_cast<unsigned>(random() % 40);
    for (unsigned i = 0; i < wanted; ++i) {
      const auto position = static_cast<PrefixNode::Position>(2 + random() % 510);
      if (node_.contains(position) || node_.routes() == PrefixNode::kInline) continue;
      node_.insert(position, 1, arena_);
      present[position] = true;
    }
    for (PrefixNode::Position position = 1; position < 512; ++position) {
      PrefixNode::Position nearest = position;
      while (nearest > 1 && !present.contains(nearest)) nearest /= 2;
      ASSERT_EQ(node_.nearest(position), nearest > 1 ? nearest : 0);

      const SlotMask mask = node_.covered_below(position);
      const unsigned first = PrefixNode::first_slot(position);
      for (unsigned slot = first; slot < first + PrefixNode::slot_count(position); ++slot) {
        bool covered = false;
        for (unsigned at = 256 + slot; at > position; at /= 2) covered |= present.contains(at);
        ASSERT_EQ((mask[slot / 64] >> (slot % 64) & 1) != 0, covered) << position << ' ' << slot;
      }
    }
  }
}

}  // namespace
}  // namespace lastmile
