#include "dataplane/capture/packet_filter.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace lastmile {
namespace {

using Program = std::vector<PacketFilter::Instruction>;

/// `tcpdump -ddd ip6`.
const Program kIpv6{{40, 0, 0, 12}, {21, 0, 1, 0x86dd}, {6, 0, 0, 65535}, {6, 0, 0, 0}};

std::array<std::uint8_t, 64> frame(std::uint8_t high, std::uint8_t low) {
  std::array<std::uint8_t, 64> octets{};
  octets[12] = high;
  octets[13] = low;
  return octets;
}

TEST(PacketFilter, LetsThroughWhatItsProgramSays) {
  const auto filter = PacketFilter::make(kIpv6);
  ASSERT_TRUE(filter.has_value());
  EXPECT_TRUE(filter->matches(frame(0x86, 0xdd).data(), 64, 64));
  EXPECT_FALSE(filter->matches(frame(0x08, 0x00).data(), 64, 64));
  EXPECT_FALSE(filter->matches(frame(0x86, 0xdd).data(), 64, 13)) << "beyond the octets";
}

TEST(PacketFilter, AnEmptyProgramLetsEverythingThrough) {
  EXPECT_TRUE(PacketFilter{}.matches(nullptr, 0, 0));
  EXPECT_TRUE(PacketFilter::make({})->matches(nullptr, 0, 0));
}

TEST(PacketFilter, RefusesWhatIsNoProgram) {
  struct Wrong {
    const char* what;
    Program program;
  };
  const std::vector<Wrong> all{
      {"no end", {{40, 0, 0, 12}}},
      {"jumps out", {{21, 7, 0, 1}, {6, 0, 0, 0}}},
      {"jumps behind its end", {{21, 0, 1, 1}, {6, 0, 0, 0}}},
      {"jumps backwards", {{0, 0, 0, 1}, {5, 0, 0, 0xffffffff}, {6, 0, 0, 0}}},
      {"unknown code", {{0xffff, 0, 0, 0}, {6, 0, 0, 0}}},
      {"unknown code of a known class", {{0x97, 0, 0, 0}, {6, 0, 0, 0}}},
      {"divides by zero", {{0x34, 0, 0, 0}, {6, 0, 0, 0}}},
      {"shifts too far", {{0x64, 0, 0, 32}, {6, 0, 0, 0}}},
      {"writes beyond its memory", {{2, 0, 0, 16}, {6, 0, 0, 0}}},
      {"reads beyond its memory", {{0x61, 0, 0, 16}, {6, 0, 0, 0}}},
  };
  for (const Wrong& wrong : all) {
    const auto filter = PacketFilter::make(wrong.program);
    ASSERT_FALSE(filter.has_value()) << wrong.what;
    EXPECT_EQ(filter.error(), "the filter is no valid program of BPF") << wrong.what;
  }
  const Program endless(PacketFilter::kLongest + 1, {6, 0, 0, 0});
  EXPECT_EQ(PacketFilter::make(endless).error(),
            "the filter is too long; expected at most 4096 instructions");
}

}  // namespace
}  // namespace lastmile
