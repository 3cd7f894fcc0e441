// How much is read from a connection at a time.
#include "controlplane/io/read_pace.h"

#include <gtest/gtest.h>

namespace lastmile {
namespace {

using namespace std::chrono_literals;

TEST(ReadPace, BeginsWithMuch) {
  EXPECT_EQ(ReadPace{}.octets(), ReadPace::kMost);
}

TEST(ReadPace, ReadsLessOfWhatTakesLongButSomething) {
  ReadPace pace;
  pace.took(ReadPace::kMost, 3ms);
  EXPECT_EQ(pace.octets(), ReadPace::kMost / 2);
  for (int i = 0; i < 20; ++i) pace.took(pace.octets(), 3ms);
  EXPECT_EQ(pace.octets(), ReadPace::kLeast);
}

TEST(ReadPace, HalvesWhatWasReadNotWhatMightHaveBeen) {
  ReadPace pace;
  pace.took(6 * 1024, 3ms);
  EXPECT_EQ(pace.octets(), 3 * 1024U);
}

TEST(ReadPace, GoesBackUpInStepsWhenAllOfItIsCheap) {
  ReadPace pace;
  pace.took(ReadPace::kMost, 3ms);
  const std::size_t little = pace.octets();
  pace.took(little, 1500us);
  EXPECT_EQ(pace.octets(), little) << "neither long nor short";
  pace.took(little - 1, 100us);
  EXPECT_EQ(pace.octets(), little) << "there was not more to read";
  pace.took(little, 100us);
  EXPECT_EQ(pace.octets(), little + ReadPace::kStep);
  for (int i = 0; i < 100; ++i) pace.took(pace.octets(), 100us);
  EXPECT_EQ(pace.octets(), ReadPace::kMost);
}

}  // namespace
}  // namespace lastmile
