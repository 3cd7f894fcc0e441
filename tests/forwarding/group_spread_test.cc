// Where flows go while everybody lives: exact bounds on shares.
#include <cmath>

#include "tests/forwarding/group_test_support.h"

namespace lastmile {
namespace {

constexpr std::size_t kFlows = 1'000'000;

struct Case {
  const char* name;
  GroupSpec spec;
};

class GroupSpread : public testing::TestWithParam<Case> {
 protected:
  static void expect_fair(const GroupLayout& layout, const GroupSpec& spec, std::uint64_t seed) {
    GroupTable groups{2};
    const NextHopTable next_hops{256};
    groups.publish(GroupId{1}, layout);
    std::map<NextHopId, std::uint64_t> counts;
    for (const std::uint32_t hash : flows(kFlows, seed)) {
      ++counts[groups.select(GroupId{1}, hash, next_hops)];
    }
    EXPECT_EQ(counts.size(), spec.primaries.size());
    EXPECT_LT(chi_square(counts, spec, kFlows), chi_square_limit(spec.primaries.size() - 1))
        << "seed " << seed;
  }
};

TEST_P(GroupSpread, ChiSquareOverAMillionFlows) {
  const GroupSpec& spec = GetParam().spec;
  for (const std::uint64_t seed : {1, 2, 3}) expect_fair(lay_out(spec), spec, seed);
}

// Shares stay exact after a history of members that went and came back.
TEST_P(GroupSpread, ChiSquareAfterChurn) {
  const GroupSpec& spec = GetParam().spec;
  GroupLayout layout = lay_out(spec);
  for (const GroupMember& member : spec.primaries) {
    if (spec.primaries.size() == 2) break;  // a set of one has no history
    layout = lay_out(without(spec, member.next_hop), layout.buckets);
    layout = lay_out(spec, layout.buckets);
  }
  expect_fair(layout, spec, 4);
}

TEST_P(GroupSpread, BulkAgreesWithOneByOne) {
  GroupTable groups{2};
  NextHopTable next_hops{256};
  groups.publish(GroupId{1}, lay_out(GetParam().spec));
  const std::vector<std::uint32_t> hashes = flows(4096, 5);
  std::vector<std::uint16_t> numbers(hashes.size(), 1);
  for (std::size_t i = 0; i < numbers.size(); i += 5) numbers[i] = 0;  // some have no route
  std::vector<NextHopId> chosen(hashes.size());
  for (const bool one_is_dead : {false, true}) {
    if (one_is_dead) next_hops.set_down(hop(1), DownCause::kLink);
    groups.select(numbers, hashes, next_hops, chosen);
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      ASSERT_EQ(chosen[i], groups.select(GroupId{numbers[i]}, hashes[i], next_hops)) << i;
    }
    groups.select(GroupId{1}, hashes, next_hops, chosen);
    for (std::size_t i = 0; i < hashes.size(); ++i) {
      ASSERT_EQ(chosen[i], groups.select(GroupId{1}, hashes[i], next_hops)) << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Sets, GroupSpread,
                         testing::Values(Case{"Two", equal(2)}, Case{"Three", equal(3)},
                                         Case{"Seven", equal(7)}, Case{"Sixteen", equal(16)},
                                         Case{"SixtyFour", equal(64)},
                                         Case{"OneToTwo", weighted({1, 2})},
                                         Case{"OneToTen", weighted({1, 10})},
                                         Case{"Bandwidths", weighted({10, 25, 40, 100})},
                                         Case{"Primes", weighted({3, 5, 7, 11, 13, 17})}),
                         [](const auto& set) { return set.param.name; });

TEST(GroupLayout, EqualPowersOfTwoNeedOneBucketEach) {
  EXPECT_EQ(lay_out(equal(1)).buckets.size(), 1U);
  EXPECT_EQ(lay_out(equal(2)).buckets.size(), 2U);
  EXPECT_EQ(lay_out(equal(8)).buckets.size(), 8U);
  EXPECT_EQ(lay_out(equal(64)).buckets.size(), 64U);
  EXPECT_EQ(lay_out(weighted({1, 3})).buckets.size(), 4U);
  EXPECT_LE(lay_out(equal(7)).buckets.size(), kMaxBuckets);
}

TEST(GroupLayout, TheLightestMemberHasABucket) {
  const GroupSpec spec = weighted({1, 65535, 1});
  const GroupLayout layout = lay_out(spec);
  EXPECT_EQ(layout.buckets.size(), kMaxBuckets);
  EXPECT_EQ(std::count(layout.buckets.begin(), layout.buckets.end(), hop(1)), 1);
  EXPECT_EQ(std::count(layout.buckets.begin(), layout.buckets.end(), hop(3)), 1);
}

TEST(GroupLayout, EveryBucketHasAMember) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937_64 random{seed};
  GroupLayout previous;
  for (int round = 0; round < 200; ++round) {
    GroupSpec spec;
    for (unsigned id = 1; id <= 80 && spec.primaries.size() < kMaxGroupMembers; ++id) {
      if (random() % 3 == 0) {
        spec.primaries.push_back({hop(id), static_cast<std::uint16_t>(1 + random() % 1000)});
      }
    }
    if (spec.primaries.empty()) continue;
    const GroupLayout layout = lay_out(spec, previous.buckets);
    ASSERT_TRUE(std::has_single_bit(layout.buckets.size()));
    ASSERT_LE(layout.buckets.size(), kMaxBuckets);
    for (const NextHopId id : layout.members) {
      ASSERT_NE(std::count(layout.buckets.begin(), layout.buckets.end(), id), 0);
    }
    for (const NextHopId id : layout.buckets) {
      ASSERT_NE(std::count(layout.members.begin(), layout.members.end(), id), 0);
    }
    previous = layout;
  }
}

TEST(FlowHash, EveryInputBitMovesHalfOfTheOutput) {
  const FlowHash hash{42};
  const std::uint64_t seed = 6;
  std::mt19937_64 random{seed};
  constexpr int kRounds = 2000;
  for (unsigned bit = 0; bit < 32 + 32 + 8 + 32; ++bit) {
    std::vector<int> flips(32, 0);
    for (int round = 0; round < kRounds; ++round) {
      std::uint32_t in[4] = {
          static_cast<std::uint32_t>(random()), static_cast<std::uint32_t>(random()),
          static_cast<std::uint32_t>(random()) & 0xff, static_cast<std::uint32_t>(random())};
      const auto run = [&] {
        return hash.ipv4(in[0], in[1], static_cast<std::uint8_t>(in[2]), in[3]);
      };
      const std::uint32_t before = run();
      if (bit < 32)
        in[0] ^= 1U << bit;
      else if (bit < 64)
        in[1] ^= 1U << (bit - 32);
      else if (bit < 72)
        in[2] ^= 1U << (bit - 64);
      else
        in[3] ^= 1U << (bit - 72);
      const std::uint32_t changed = before ^ run();
      for (unsigned out = 0; out < 32; ++out) flips[out] += static_cast<int>(changed >> out & 1);
    }
    // 0.5 within 6 standard deviations.
    for (const int count : flips) EXPECT_NEAR(count, kRounds / 2, 6 * std::sqrt(kRounds / 4.0));
  }
}

// Two routers in a row: the flows that the first sends one way must spread at the second.
TEST(FlowHash, SeedsDoNotPolarize) {
  const std::vector<std::uint32_t> first = flows(200'000, 100);
  const std::vector<std::uint32_t> second = flows(200'000, 101);
  std::map<NextHopId, std::uint64_t> counts;
  std::size_t total = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    if ((first[i] & 1) != 0) continue;
    ++counts[hop(1 + (second[i] & 1))];
    ++total;
  }
  EXPECT_LT(chi_square(counts, equal(2), total), chi_square_limit(1));
}

TEST(FlowHash, Ipv6UsesEveryByteOfBothAddresses) {
  const FlowHash hash{7};
  std::array<std::uint8_t, 32> addresses{};
  const std::uint32_t base = hash.ipv6(addresses.data(), 6, 0);
  for (std::uint8_t& byte : addresses) {
    byte = 1;
    EXPECT_NE(hash.ipv6(addresses.data(), 6, 0), base);
    byte = 0;
  }
  EXPECT_NE(hash.ipv6(addresses.data(), 17, 0), base);
  EXPECT_NE(hash.ipv6(addresses.data(), 6, 1), base);
}

TEST(FlowHash, NicHashDependsOnTheSeed) {
  EXPECT_NE(FlowHash{1}.nic(0x12345678), FlowHash{2}.nic(0x12345678));
  EXPECT_NE(FlowHash{1}.nic(0), FlowHash{1}.nic(1));
}

}  // namespace
}  // namespace lastmile
