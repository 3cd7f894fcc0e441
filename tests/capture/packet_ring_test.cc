#include "dataplane/capture/packet_ring.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>
#include <vector>

namespace lastmile {
namespace {

/// Octets that tell which packet they are of.
std::uint8_t octet(std::uint64_t number, std::size_t at) {
  return static_cast<std::uint8_t>(number * 7 + at);
}

bool push(PacketRing& ring, std::uint64_t number, std::uint32_t kept) {
  std::uint8_t* const to = ring.reserve({.cycles = number, .length = kept + 4, .kept = kept});
  if (to == nullptr) return false;
  for (std::uint32_t i = 0; i < kept; ++i) to[i] = octet(number, i);
  ring.commit();
  return true;
}

void expect_packet(const CapturedPacket& packet, std::uint64_t number, std::uint32_t kept) {
  EXPECT_EQ(packet.header.cycles, number);
  EXPECT_EQ(packet.header.length, kept + 4);
  ASSERT_EQ(packet.octets.size(), kept);
  for (std::uint32_t i = 0; i < kept; ++i) ASSERT_EQ(packet.octets[i], octet(number, i));
}

/// Many lengths, so that the end of the storage is met in every way.
std::uint32_t length_of(std::uint64_t number) {
  return static_cast<std::uint32_t>(number * 7919 % 9001);
}

TEST(PacketRing, KeepsOrderAndOctetsAcrossItsEnd) {
  PacketRing ring{0};
  std::uint64_t pushed = 0, popped = 0;
  EXPECT_FALSE(ring.front().has_value());
  for (int lap = 0; lap < 100; ++lap) {
    while (pushed - popped < 20 && push(ring, pushed, length_of(pushed))) ++pushed;
    for (int i = 0; i < 11 && popped < pushed; ++i, ++popped) {
      const auto packet = ring.front();
      ASSERT_TRUE(packet.has_value());
      expect_packet(*packet, popped, length_of(popped));
      ring.pop();
    }
  }
  EXPECT_EQ(ring.lost(), 0U);
}

TEST(PacketRing, AFullOneCountsWhatItLosesAndHasRoomAgain) {
  PacketRing ring{0};
  std::uint64_t pushed = 0;
  while (push(ring, pushed, 1500)) ++pushed;
  EXPECT_GT(pushed, 80U);
  EXPECT_FALSE(push(ring, pushed, 1500));
  EXPECT_EQ(ring.lost(), 2U);
  for (std::uint64_t i = 0; i < pushed; ++i) {
    const auto packet = ring.front();
    ASSERT_TRUE(packet.has_value());
    expect_packet(*packet, i, 1500);
    ring.pop();
  }
  EXPECT_FALSE(ring.front().has_value());
  EXPECT_TRUE(push(ring, pushed, PacketRing::kMostOctets));
  expect_packet(*ring.front(), pushed, PacketRing::kMostOctets);
}

TEST(PacketRing, OneThreadWritesAnotherReads) {
  constexpr std::uint64_t kPackets = 20'000;
  PacketRing ring{0};
  std::thread writer{[&ring] {
    for (std::uint64_t i = 0; i < kPackets; ++i) {
      while (!push(ring, i, length_of(i) % 300)) std::this_thread::yield();
    }
  }};
  for (std::uint64_t i = 0; i < kPackets;) {
    const auto packet = ring.front();
    if (!packet) {
      std::this_thread::yield();
      continue;
    }
    EXPECT_EQ(packet->header.cycles, i);
    EXPECT_TRUE(std::ranges::all_of(packet->octets, [&, at = std::size_t{0}](auto one) mutable {
      return one == octet(i, at++);
    }));
    ring.pop();
    ++i;
  }
  writer.join();
}

}  // namespace
}  // namespace lastmile
