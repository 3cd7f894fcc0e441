// Where flows go when members die, leave and return.
#include <algorithm>
#include <cmath>

#include "tests/forwarding/group_test_support.h"

namespace lastmile {
namespace {

constexpr std::size_t kRepairFlows = 200'000;

std::vector<NextHopId> choices(const GroupTable& groups, GroupId id,
                               const NextHopTable& next_hops) {
  std::vector<NextHopId> chosen;
  for (const std::uint32_t hash : flows(kRepairFlows, 11)) {
    chosen.push_back(groups.select(id, hash, next_hops));
  }
  return chosen;
}

// Share of flows whose choice differs.
double moved(const std::vector<NextHopId>& before, const std::vector<NextHopId>& after) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < before.size(); ++i) count += before[i] != after[i] ? 1 : 0;
  return static_cast<double>(count) / static_cast<double>(before.size());
}

struct GroupOfN : testing::TestWithParam<unsigned> {
  GroupTable groups{8};
  NextHopTable next_hops{256};
  GroupSpec spec = equal(GetParam());
};

// ---- by liveness: nothing is written but one byte

TEST_P(GroupOfN, DeathMovesOnlyTheDeadMembersFlowsAndSpreadsThem) {
  const unsigned n = GetParam();
  groups.publish(GroupId{1}, lay_out(spec));
  const auto before = choices(groups, GroupId{1}, next_hops);
  for (const unsigned dead : {1U, n}) {
    next_hops.set_down(hop(dead), DownCause::kBfd);
    const auto after = choices(groups, GroupId{1}, next_hops);
    std::map<NextHopId, std::uint64_t> heirs;
    std::size_t total = 0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      ASSERT_NE(after[i], hop(dead));
      if (before[i] != hop(dead)) {
        ASSERT_EQ(after[i], before[i]);
      } else {
        ++heirs[after[i]];
        ++total;
      }
    }
    if (n > 2) {
      EXPECT_LT(chi_square(heirs, without(spec, hop(dead)), total), chi_square_limit(n - 2));
    }
    next_hops.clear_down(hop(dead), DownCause::kBfd);
    EXPECT_EQ(moved(before, choices(groups, GroupId{1}, next_hops)), 0);
  }
}

TEST_P(GroupOfN, TheLastLiveMemberCarriesEverything) {
  const unsigned n = GetParam();
  groups.publish(GroupId{1}, lay_out(spec));
  for (unsigned id = 1; id <= n; ++id) {
    if (id != (n + 1) / 2) next_hops.set_down(hop(id), DownCause::kLink);
  }
  for (const NextHopId id : choices(groups, GroupId{1}, next_hops)) {
    ASSERT_EQ(id, hop((n + 1) / 2));
  }
}

TEST_P(GroupOfN, BackupsOnlyWhenEveryPrimaryIsDead) {
  const unsigned n = GetParam();
  spec.backups = {hop(200), hop(201)};
  groups.publish(GroupId{1}, lay_out(spec));
  for (unsigned id = 1; id <= n; ++id) {
    for (const NextHopId chosen : choices(groups, GroupId{1}, next_hops)) {
      ASSERT_LE(chosen, hop(n));
    }
    next_hops.set_down(hop(id), DownCause::kLink);
    if (id > 3 && id < n - 1) next_hops.set_down(hop(++id), DownCause::kLink);
    if (id > 3 && id + 20 < n) {
      for (int i = 0; i < 20; ++i) next_hops.set_down(hop(++id), DownCause::kLink);
    }
  }
  for (const NextHopId id : choices(groups, GroupId{1}, next_hops)) ASSERT_EQ(id, hop(200));
  next_hops.set_down(hop(200), DownCause::kRouting);
  for (const NextHopId id : choices(groups, GroupId{1}, next_hops)) ASSERT_EQ(id, hop(201));
  next_hops.set_down(hop(201), DownCause::kRouting);
  for (const NextHopId id : choices(groups, GroupId{1}, next_hops)) ASSERT_EQ(id, kNoLiveNextHop);
}

// ---- by a new group for the changed set

TEST_P(GroupOfN, ALostMemberMovesOnlyItsOwnFlows) {
  const unsigned n = GetParam();
  groups.publish(GroupId{1}, lay_out(spec));
  const auto before = choices(groups, GroupId{1}, next_hops);
  const NextHopId lost = hop(n / 2 + 1);
  groups.publish(GroupId{2}, lay_out(without(spec, lost), groups.view(GroupId{1}).buckets));
  const auto after = choices(groups, GroupId{2}, next_hops);
  for (std::size_t i = 0; i < before.size(); ++i) {
    ASSERT_NE(after[i], lost);
    if (before[i] != lost) {
      ASSERT_EQ(after[i], before[i]) << "flow " << i;
    }
  }
}

TEST_P(GroupOfN, AReturningMemberTakesItsShareOnly) {
  const unsigned n = GetParam();
  const NextHopId lost = hop(n / 2 + 1);
  groups.publish(GroupId{1}, lay_out(spec));
  groups.publish(GroupId{2}, lay_out(without(spec, lost), groups.view(GroupId{1}).buckets));
  groups.publish(GroupId{3}, lay_out(spec, groups.view(GroupId{2}).buckets));
  const auto before = choices(groups, GroupId{2}, next_hops);
  const auto after = choices(groups, GroupId{3}, next_hops);
  EXPECT_LE(moved(before, after), 1.0 / n + 0.01);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != after[i]) {
      ASSERT_EQ(after[i], lost) << "flow " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Members, GroupOfN, testing::Values(2U, 3U, 7U, 8U, 64U));

TEST(Resilience, ANewMemberTakesItsShareOnly) {
  GroupTable groups{3};
  const NextHopTable next_hops{16};
  for (const unsigned n : {2U, 3U, 4U, 7U}) {
    groups.publish(GroupId{1}, lay_out(equal(n)));
    groups.publish(GroupId{2}, lay_out(equal(n + 1), groups.view(GroupId{1}).buckets));
    const auto before = choices(groups, GroupId{1}, next_hops);
    const auto after = choices(groups, GroupId{2}, next_hops);
    EXPECT_LE(moved(before, after), 1.0 / (n + 1) + 0.01) << n << " members";
    groups.reclaim(GroupId{1});
    groups.reclaim(GroupId{2});
  }
}

TEST(Resilience, ALighterMemberGivesUpTheDifferenceOnly) {
  GroupTable groups{3};
  const NextHopTable next_hops{16};
  groups.publish(GroupId{1}, lay_out(weighted({10, 10, 10})));
  groups.publish(GroupId{2}, lay_out(weighted({10, 10, 5}), groups.view(GroupId{1}).buckets));
  // Member 3 goes from 1/3 to 1/5.
  EXPECT_NEAR(moved(choices(groups, GroupId{1}, next_hops), choices(groups, GroupId{2}, next_hops)),
              1.0 / 3 - 1.0 / 5, 0.01);
}

// ---- the table itself

TEST(GroupTable, UnusedIdentifiersSelectNothing) {
  const GroupTable groups{4};
  const NextHopTable next_hops{4};
  EXPECT_EQ(groups.select(kNoGroup, 123, next_hops), kNoLiveNextHop);
  EXPECT_EQ(groups.select(GroupId{3}, 123, next_hops), kNoLiveNextHop);
  EXPECT_TRUE(groups.view(GroupId{3}).buckets.empty());
  EXPECT_EQ(next_hops.load(kNoLiveNextHop).kind(), NextHopKind::kUnreachable);
}

TEST(GroupTable, AGroupOfOneNeedsNoHash) {
  GroupTable groups{4};
  groups.publish(GroupId{1}, lay_out(equal(1)));
  groups.publish(GroupId{2}, lay_out(equal(2)));
  EXPECT_FALSE(groups.needs_hash(GroupId{1}));
  EXPECT_TRUE(groups.needs_hash(GroupId{2}));
  EXPECT_FALSE(groups.needs_hash(kNoGroup));
}

TEST(GroupTable, ReclaimEmptiesAndAllowsReuse) {
  GroupTable groups{4};
  const NextHopTable next_hops{16};
  groups.publish(GroupId{1}, lay_out(equal(7)));
  groups.reclaim(GroupId{1});
  EXPECT_EQ(groups.select(GroupId{1}, 99, next_hops), kNoLiveNextHop);
  groups.publish(GroupId{1}, lay_out(equal(1)));
  EXPECT_EQ(groups.select(GroupId{1}, 99, next_hops), hop(1));
}

TEST(GroupTable, ViewShowsMembersAndBackups) {
  GroupTable groups{4};
  GroupSpec spec = equal(3);
  spec.backups = {hop(9)};
  groups.publish(GroupId{1}, lay_out(spec));
  const GroupTable::View view = groups.view(GroupId{1});
  EXPECT_EQ(view.members.size(), 3U);
  EXPECT_EQ(view.members[2], hop(3));
  ASSERT_EQ(view.backups.size(), 1U);
  EXPECT_EQ(view.backups[0], hop(9));
}

TEST(GroupTable, RefusesCapacitiesThatNoEntryCanName) {
  EXPECT_THROW(GroupTable{1}, std::invalid_argument);
  EXPECT_THROW(GroupTable{GroupTable::kMaxCapacity + 1}, std::invalid_argument);
}

}  // namespace
}  // namespace lastmile
