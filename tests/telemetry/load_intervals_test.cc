// Each reader's view of worker load begins where that reader asked before, whoever else asks.

#include "controlplane/telemetry/load_intervals.h"

#include <gtest/gtest.h>

namespace lastmile {
namespace {

using namespace std::chrono_literals;

class Load : public ::testing::Test {
 protected:
  /// A worker that has handled so many packets since its start.
  static std::vector<WorkerSnapshot> counted(std::uint64_t packets) {
    WorkerSnapshot worker;
    worker.packets = packets;
    worker.busy_cycles = 100 * packets;
    return {worker};
  }
  std::uint64_t seen_by(const std::string& reader, std::uint64_t packets, Duration at) {
    return intervals_.since_last(reader, counted(packets), TimePoint{} + 100s + at).at(0).packets;
  }
  LoadIntervals intervals_;
};

TEST_F(Load, ANewReaderSeesAllSinceTheStart) {
  EXPECT_EQ(seen_by("metrics", 1000, 0s), 1000U);
  EXPECT_EQ(seen_by("top 1", 1000, 0s), 1000U);
}

TEST_F(Load, ReadersDoNotShortenEachOthersIntervals) {
  seen_by("metrics", 0, 0s);
  seen_by("top 1", 0, 0s);
  for (unsigned second = 1; second <= 14; ++second) {
    EXPECT_EQ(seen_by("top 1", 10 * second, second * 1s), 10U);
  }
  EXPECT_EQ(seen_by("metrics", 150, 15s), 150U);
}

TEST_F(Load, WhoAsksTwiceAtOnceHasTheSameInterval) {
  seen_by("", 0, 0s);
  EXPECT_EQ(seen_by("", 500, 900ms), 500U);
  EXPECT_EQ(seen_by("", 600, 1s), 600U);
  EXPECT_EQ(seen_by("", 650, 1100ms), 50U);
}

TEST_F(Load, ReadersThatComeAndGoAreForgotten) {
  seen_by("metrics", 100, 0s);
  for (unsigned i = 0; i < 3 * LoadIntervals::kMostReaders; ++i) {
    seen_by("watch " + std::to_string(i), 100, 1s);
    seen_by("metrics", 100, 2s);  // asks again and again, so it is not the one to go
  }
  EXPECT_EQ(seen_by("metrics", 110, 3s), 10U);
  EXPECT_EQ(seen_by("watch 0", 110, 3s), 110U);
}

TEST_F(Load, CyclesComeAlong) {
  (void)intervals_.since_last("a", counted(10), TimePoint{} + 1s);
  const auto load = intervals_.since_last("a", counted(30), TimePoint{} + 3s);
  EXPECT_DOUBLE_EQ(load[0].cycles_per_packet(), 100);
}

}  // namespace
}  // namespace lastmile
