#include "dataplane/net/checksum.h"

#include <gtest/gtest.h>

#include <array>
#include <random>
#include <vector>

namespace lastmile {
namespace {

// The header of RFC 1071-style examples found in every textbook: checksum 0xb861.
constexpr std::array<std::uint8_t, 20> kHeader{0x45, 0, 0,    0x73, 0, 0, 0x40, 0,    0x40, 0x11,
                                               0,    0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0,    0xc7};

TEST(Checksum, MatchesTheTextbookHeader) {
  const std::uint16_t checksum = internet_checksum(kHeader);
  std::array<std::uint8_t, 2> wire;
  std::memcpy(wire.data(), &checksum, 2);
  EXPECT_EQ(wire[0], 0xb8);
  EXPECT_EQ(wire[1], 0x61);
}

TEST(Checksum, PadsAnOddByteWithZero) {
  const std::vector<std::uint8_t> odd{1, 2, 3};
  const std::vector<std::uint8_t> even{1, 2, 3, 0};
  EXPECT_EQ(internet_checksum(odd), internet_checksum(even));
}

TEST(Checksum, IncrementalUpdateEqualsRecomputation) {
  constexpr unsigned kSeed = 1624;
  SCOPED_TRACE(kSeed);
  std::mt19937 random{kSeed};
  for (int round = 0; round < 100000; ++round) {
    std::array<std::uint16_t, 10> words;
    for (auto& word : words) word = static_cast<std::uint16_t>(random());
    words[5] = 0;
    const auto bytes = [&] {
      return std::span{reinterpret_cast<const std::uint8_t*>(words.data()), sizeof words};
    };
    const std::uint16_t before = internet_checksum(bytes());
    const std::uint16_t old_word = words[4];
    words[4] = static_cast<std::uint16_t>(random());
    EXPECT_EQ(update_checksum(before, old_word, words[4]), internet_checksum(bytes()));
  }
}

}  // namespace
}  // namespace lastmile
