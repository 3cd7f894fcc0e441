// The queue of deadlines against a sorted list, over many random operations.

#include "dataplane/bfd/deadline_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace lastmile::bfd {
namespace {

TEST(DeadlineQueue, AgreesWithASortedListAtEveryStep) {
  constexpr std::uint16_t kSlots = 64;
  DeadlineQueue queue{kSlots};
  std::map<std::uint16_t, Instant> expected;
  std::mt19937 random{7};
  for (int i = 0; i < 20'000; ++i) {
    const auto slot = static_cast<std::uint16_t>(random() % kSlots);
    const Instant at{Interval{random() % 1000}};
    switch (random() % 4) {
      case 0:
        queue.remove(slot);
        expected.erase(slot);
        break;
      case 1:
        queue.set_if_earlier(slot, at);
        if (!expected.contains(slot) || at < expected[slot]) expected[slot] = at;
        break;
      default:
        queue.set(slot, at);
        expected[slot] = at;
    }
    ASSERT_EQ(queue.empty(), expected.empty());
    Instant next = kNever;
    for (const auto& [known, when] : expected) next = std::min(next, when);
    ASSERT_EQ(queue.next(), next) << "after " << i << " operations";
    if (!expected.empty()) {
      ASSERT_EQ(expected.at(queue.front()), next);
    }
  }
}

}  // namespace
}  // namespace lastmile::bfd
