// The decision process as tables: pairs of paths and the rule that tells them apart; sets of paths
// and what is best, equal and next.
#include "controlplane/rib/decision.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "tests/rib/fakes.h"

namespace lastmile::rib {
namespace {

using test::address;

/// A path that ties with every other one made here.
Candidate base() {
  Candidate c;
  c.facts.neighbor = bgp::Asn{65001};
  c.facts.path_length = 2;
  c.facts.med = 10;
  c.router_id = 100;
  c.peer_address = address("fe80::5");
  return c;
}

struct Pair {
  Rule rule;
  std::function<void(Candidate&)> better;
  std::function<void(Candidate&)> worse;
};

TEST(Compare, EachRuleDecidesWhenThoseBeforeItTie) {
  const std::vector<Pair> table = {
      {Rule::kSource, [](auto& c) { c.kind = SourceKind::kLocal; },
       [](auto& c) { c.kind = SourceKind::kStatic; }},
      {Rule::kSource, [](auto& c) { c.kind = SourceKind::kStatic; }, [](auto&) {}},
      {Rule::kLocalPreference, [](auto& c) { c.facts.local_preference = 200; }, [](auto&) {}},
      {Rule::kAigp, [](auto& c) { c.facts.aigp = 7; }, [](auto&) {}},
      {Rule::kAigp, [](auto& c) { c.facts.aigp = 7; }, [](auto& c) { c.facts.aigp = 9; }},
      {Rule::kAsPathLength, [](auto& c) { c.facts.path_length = 1; }, [](auto&) {}},
      {Rule::kOrigin, [](auto&) {}, [](auto& c) { c.facts.origin = bgp::Origin::kEgp; }},
      {Rule::kOrigin, [](auto& c) { c.facts.origin = bgp::Origin::kEgp; },
       [](auto& c) { c.facts.origin = bgp::Origin::kIncomplete; }},
      {Rule::kMed, [](auto& c) { c.facts.med = 9; }, [](auto&) {}},
      {Rule::kExternal, [](auto&) {}, [](auto& c) { c.external = false; }},
      {Rule::kIgpCost, [](auto&) {}, [](auto& c) { c.igp_cost = 1; }},
      {Rule::kRouterId, [](auto& c) { c.router_id = 99; }, [](auto&) {}},
      {Rule::kClusterLength, [](auto&) {}, [](auto& c) { c.facts.cluster_length = 1; }},
      {Rule::kPeerAddress, [](auto& c) { c.peer_address = address("fe80::4"); }, [](auto&) {}},
      {Rule::kPeerAddress, [](auto& c) { c.peer_address = address("192.0.2.9"); }, [](auto&) {}},
  };
  for (std::size_t i = 0; i < table.size(); ++i) {
    SCOPED_TRACE(i);
    Candidate better = base();
    Candidate worse = base();
    table[i].better(better);
    table[i].worse(worse);
    // Every later rule speaks for the other one, and must not be heard.
    for (std::size_t j = i + 1; j < table.size(); ++j) {
      if (table[j].rule <= table[i].rule) continue;
      table[j].better(worse);
      table[j].worse(better);
    }
    EXPECT_LT(compare(better, worse).sign, 0);
    EXPECT_EQ(compare(better, worse).rule, table[i].rule);
    EXPECT_GT(compare(worse, better).sign, 0);
    EXPECT_EQ(compare(worse, better).rule, table[i].rule);
    EXPECT_EQ(compare(better, worse).equal_cost(), table[i].rule >= Rule::kRouterId);
  }
}

TEST(Compare, MedCountsOnlyWithinOneNeighborAs) {
  Candidate a = base();
  Candidate b = base();
  a.facts.med = 1;
  b.facts.neighbor = bgp::Asn{65002};
  b.router_id = 1;
  EXPECT_EQ(compare(a, b).rule, Rule::kRouterId);
  EXPECT_GT(compare(a, b).sign, 0);
}

// RFC 7311 section 4: what counts is the sum with the cost of the way to the next hop.
TEST(Compare, AigpCountsWithTheCostToTheNextHop) {
  Candidate a = base();
  Candidate b = base();
  a.facts.aigp = 10;
  a.igp_cost = 5;
  b.facts.aigp = 14;
  EXPECT_EQ(compare(a, b).rule, Rule::kAigp);
  EXPECT_GT(compare(a, b).sign, 0);
  b.igp_cost = 1;
  EXPECT_EQ(compare(a, b).rule, Rule::kIgpCost) << "equal in sum";
  a.facts.aigp = bgp::Aigp::kUnusable - 1;
  a.igp_cost = UINT32_MAX;
  b.facts.aigp = bgp::Aigp::kUnusable;
  b.igp_cost = 0;
  EXPECT_NE(compare(a, b).rule, Rule::kAigp) << "no sum is beyond the largest metric";
}

TEST(Compare, IdenticalPathsAreTheSame) {
  EXPECT_EQ(compare(base(), base()).sign, 0);
  EXPECT_EQ(compare(base(), base()).rule, Rule::kSame);
}

class Decide : public ::testing::Test {
 protected:
  Decision run(const std::vector<Candidate>& candidates, DecisionOptions options = {}) {
    Decision result;
    decide(candidates, options, pool_, result);
    return result;
  }
  AttributeId path(std::vector<std::uint32_t> asns) {
    return pool_.intern(test::RibFixture::path(std::move(asns)));
  }
  AttributePool pool_;
};

using Positions = std::vector<std::uint16_t>;

TEST_F(Decide, NothingOfNothing) {
  EXPECT_TRUE(run({}).primaries.empty());
  EXPECT_TRUE(run({}).backups.empty());
}

TEST_F(Decide, EqualPathsGoTogetherInTieBreakOrder) {
  std::vector<Candidate> c(4, base());
  c[0].router_id = 300;
  c[1].router_id = 200;
  c[2].router_id = 100;
  c[3].facts.path_length = 3;
  const Decision d = run(c);
  EXPECT_EQ(d.primaries, (Positions{2, 1, 0}));
  EXPECT_EQ(d.backups, (Positions{3}));
}

TEST_F(Decide, MaxPathsLeavesTheRestAsBackups) {
  std::vector<Candidate> c(3, base());
  c[0].router_id = 300;
  c[1].router_id = 200;
  const Decision d = run(c, {.max_paths = 2, .multipath_relax = true});
  EXPECT_EQ(d.primaries, (Positions{2, 1}));
  EXPECT_EQ(d.backups, (Positions{0}));
  const Decision one = run({c[0], c[1]}, {.max_paths = 1, .multipath_relax = true});
  EXPECT_EQ(one.primaries, (Positions{1}));
  EXPECT_EQ(one.backups, (Positions{0}));
}

TEST_F(Decide, WithoutRelaxOnlyTheSameAsPathGoesTogether) {
  std::vector<Candidate> c(3, base());
  c[0].attributes = path({65001, 65201});
  c[1].attributes = path({65002, 65201});
  c[2].attributes = c[0].attributes;
  c[1].facts.neighbor = bgp::Asn{65002};
  EXPECT_EQ(run(c).primaries.size(), 3U);
  const DecisionOptions strict{.max_paths = 64, .multipath_relax = false};
  EXPECT_EQ(run(c, strict).primaries, (Positions{0, 2}));
  EXPECT_EQ(run(c, strict).backups, (Positions{1}));
  EXPECT_EQ(run({c[0], c[1]}, strict).primaries, (Positions{0}));
  EXPECT_EQ(run({c[0], c[2]}, strict).primaries, (Positions{0, 1}));
}

TEST_F(Decide, BackupsAreTheNextBestSetOnly) {
  std::vector<Candidate> c(4, base());
  c[0].facts.path_length = 1;
  c[3].facts.path_length = 9;
  const Decision d = run(c);
  EXPECT_EQ(d.primaries, (Positions{0}));
  EXPECT_EQ(d.backups, (Positions{1, 2}));
}

// Three paths that beat one another in a circle when compared two by two: A over B by router id, B
// over C by router id, C over A by MED. The procedure of the RFC has one answer, whatever the
// order.
TEST_F(Decide, MedCircleHasOneAnswerInAnyOrder) {
  Candidate a = base();
  Candidate b = base();
  Candidate c = base();
  a.facts.med = 20;
  a.router_id = 1;
  b.facts.neighbor = bgp::Asn{65002};
  b.router_id = 2;
  c.facts.med = 10;
  c.router_id = 3;
  ASSERT_LT(compare(a, b).sign, 0);
  ASSERT_LT(compare(b, c).sign, 0);
  ASSERT_LT(compare(c, a).sign, 0);
  std::vector<Candidate> all = {a, b, c};
  std::ranges::sort(all, {}, &Candidate::router_id);
  do {
    const Decision d = run(all);
    // A is removed by C's MED; B wins the tie-break against C.
    ASSERT_EQ(d.primaries.size(), 2U);
    EXPECT_EQ(all[d.primaries[0]].router_id, 2U);
    EXPECT_EQ(all[d.primaries[1]].router_id, 3U);
    ASSERT_EQ(d.backups.size(), 1U);
    EXPECT_EQ(lost_by(all[d.primaries[0]], all[d.backups[0]]), Rule::kMed);
  } while (std::ranges::next_permutation(all, {}, &Candidate::router_id).found);
}

TEST(BestOf, RanksBeyondTheNextBestSet) {
  std::vector<Candidate> c(4, base());
  c[0].facts.path_length = 4;
  c[1].facts.path_length = 3;
  c[2].router_id = 300;
  c[3].router_id = 200;
  EXPECT_EQ(best_of(c, 9), (Positions{3, 2, 1, 0}));
  EXPECT_EQ(best_of(c, 3), (Positions{3, 2, 1}));
  EXPECT_TRUE(best_of(c, 0).empty());
  EXPECT_TRUE(best_of({}, 1).empty());
}

TEST_F(Decide, TheAnswerDoesNotDependOnTheOrder) {
  const std::uint32_t seed = std::random_device{}();
  RecordProperty("seed", static_cast<int>(seed));
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const auto pick = [&](unsigned n) { return static_cast<std::uint32_t>(random() % n); };
  for (int round = 0; round < 2000; ++round) {
    std::vector<Candidate> all(2 + pick(6));
    for (std::size_t i = 0; i < all.size(); ++i) {
      Candidate c = base();
      c.facts.neighbor = bgp::Asn{65001 + pick(3)};
      c.facts.med = pick(3);
      c.facts.path_length = static_cast<std::uint16_t>(1 + pick(2));
      c.external = pick(4) != 0;
      c.router_id = pick(3);
      c.peer_address = Ipv4Address{static_cast<std::uint32_t>(i + 1)};  // tells them apart
      all[i] = c;
    }
    const auto names = [&](const Positions& positions) {
      std::vector<IpAddress> result;
      for (const std::uint16_t p : positions) result.push_back(all[p].peer_address);
      return result;
    };
    const Decision first = run(all);
    const auto primaries = names(first.primaries);
    const auto backups = names(first.backups);
    const auto before = names(best_of(all, all.size()));
    std::ranges::shuffle(all, random);
    const Decision second = run(all);
    EXPECT_EQ(names(second.primaries), primaries);
    EXPECT_EQ(names(second.backups), backups);
    const auto ranked = names(best_of(all, all.size()));
    EXPECT_EQ(ranked, before);
    EXPECT_EQ(ranked.size(), all.size());
    EXPECT_EQ(ranked.front(), primaries.front());
    const std::size_t some = pick(static_cast<unsigned>(all.size()) + 1);
    EXPECT_EQ(names(best_of(all, some)),
              std::vector(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(some)));
    // Two paths take a shorter way through the code; it must not show.
    if (all.size() == 2) {
      std::vector<Candidate> three = all;
      three.push_back(all[0]);
      three.back().facts.local_preference = 1;
      const Decision long_way = run(three);
      EXPECT_EQ(long_way.primaries, second.primaries);
    }
  }
}

}  // namespace
}  // namespace lastmile::rib
