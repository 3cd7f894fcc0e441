// Random sessions, routes and failures against a model that knows no increments: after every pause
// the RIB must be what one gets by looking at all paths afresh. And a table of 200,000 routes.
#include <gtest/gtest.h>

#include <random>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

constexpr unsigned kPeers = 3;

/// What each peer last said, and what follows from it by the book.
class Model {
 public:
  struct Offer {
    unsigned path_length = 1;
    std::uint32_t med = 0;
    bgp::Origin origin = bgp::Origin::kIgp;
    bool refused = false;
  };
  std::map<IpPrefix, Offer> offers[kPeers];
  bool up[kPeers] = {};

  /// "{p0 p1 | p2}" as FakePlane::describe says it, or "none".
  std::string expected(const IpPrefix& prefix) const {
    std::vector<unsigned> left;
    for (unsigned n = 0; n < kPeers; ++n) {
      const auto offer = offers[n].find(prefix);
      if (up[n] && offer != offers[n].end() && !offer->second.refused) left.push_back(n);
    }
    if (left.empty()) return "none";
    const std::vector<unsigned> primaries = best(prefix, left);
    std::vector<unsigned> rest;
    for (const unsigned n : left) {
      if (std::ranges::find(primaries, n) == primaries.end()) rest.push_back(n);
    }
    const std::vector<unsigned> backups = rest.empty() ? rest : best(prefix, rest);
    const auto names = [](const std::vector<unsigned>& peers) {
      std::vector<std::string> result;
      for (const unsigned n : peers) result.push_back(fmt::format("p{}", n));
      return fmt::format("{}", fmt::join(result, " "));
    };
    return "{" + names(primaries) + (backups.empty() ? "" : " | " + names(backups)) + "}";
  }

 private:
  // Peers have different AS numbers, so MED never decides; length, then origin do.
  std::vector<unsigned> best(const IpPrefix& prefix, const std::vector<unsigned>& of) const {
    std::pair<unsigned, bgp::Origin> lowest{1000, bgp::Origin::kIncomplete};
    for (const unsigned n : of) {
      const Offer& offer = offers[n].at(prefix);
      lowest = std::min(lowest, {offer.path_length, offer.origin});
    }
    std::vector<unsigned> result;
    for (const unsigned n : of) {
      const Offer& offer = offers[n].at(prefix);
      if (std::pair{offer.path_length, offer.origin} == lowest) result.push_back(n);
    }
    return result;
  }
};

TEST(Churn, AgreesWithAModelThatStartsAfresh) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };

  RibFixture f;
  Model model;
  f.start(0);
  for (unsigned n = 0; n < kPeers; ++n) f.resolve(n);
  const auto any_prefix = [&] {
    return pick(4) != 0 ? fmt::format("20.{}.{}.0/24", pick(4), pick(40))
                        : fmt::format("2001:db8:{:x}::/48", 16 + pick(40));
  };
  for (int step = 0; step < 20'000; ++step) {
    const unsigned n = pick(kPeers);
    const unsigned what = pick(1000);
    if (what < 8) {
      if (model.up[n]) {
        f.down(n);
        model.offers[n].clear();
      } else {
        f.up(n);
      }
      model.up[n] = !model.up[n];
    } else if (what < 700) {
      const std::string p = any_prefix();
      Model::Offer offer;
      offer.path_length = 1 + pick(3);
      offer.origin = static_cast<bgp::Origin>(pick(2));
      offer.refused = pick(10) == 0;
      std::vector<std::uint32_t> asns(offer.path_length, 65001 + n);
      if (offer.refused) asns.push_back(64512);
      bgp::PathAttributes attributes = f.path(asns);
      attributes.origin = offer.origin;
      attributes.med = pick(3);
      if (pick(4) == 0) attributes.communities = {{pick(3)}};
      f.announce(n, {p}, attributes, f.via(n));
      if (model.up[n]) model.offers[n][prefix(p)] = offer;
    } else if (what < 950) {
      const std::string p = any_prefix();
      f.withdraw(n, p);
      model.offers[n].erase(prefix(p));
    } else {
      f.rib->work(pick(20), f.now);  // stop in the middle of it
    }
    if (step % 100 != 0) continue;

    f.settle(1 + pick(50));
    std::set<IpPrefix> all;
    for (const auto& offers : model.offers) {
      for (const auto& [p, offer] : offers) all.insert(p);
    }
    for (const IpPrefix& p : all) {
      ASSERT_EQ(f.plane.route(to_string(p)), model.expected(p)) << to_string(p) << " step " << step;
    }
    std::size_t routed = 0;
    for (const IpPrefix& p : all) routed += model.expected(p) != "none" ? 1 : 0;
    ASSERT_EQ(f.plane.routes.size(), routed + 7);
    for (unsigned i = 0; i < kPeers; ++i) {
      const PeerCounts counts = f.rib->counts(f.peer(i));
      ASSERT_EQ(counts.received[0] + counts.received[1], model.offers[i].size());
    }
    ASSERT_EQ(f.rib->summary().prefixes[0] + f.rib->summary().prefixes[1], all.size() + 7);
  }
  f.rib.reset();
  EXPECT_EQ(f.plane.live_groups(), 0U);
  EXPECT_EQ(f.plane.live_hops(), 0U);
}

/// A plane for large tables: counts, and keeps nothing.
class CountingPlane final : public ForwardingPlane {
 public:
  tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec&) override {
    return NextHopId{++hops};
  }
  void update_next_hop(NextHopId, const NextHopSpec&) override {}
  void release_next_hop(NextHopId) override {}
  void set_down(NextHopId, DownCause) override {}
  void clear_down(NextHopId, DownCause) override {}
  bool is_alive(NextHopId) const override { return true; }
  tl::expected<GroupId, FibError> acquire_group(const GroupSpec&, std::optional<GroupId>) override {
    return GroupId{++groups};
  }
  void release_group(GroupId) override {}
  FibSequence set_route(const IpPrefix&, GroupId) override { return ++operations; }
  FibSequence remove_route(const IpPrefix&) override {
    ++removals;
    return ++operations;
  }
  void poll() override {}
  void flush() override {}
  FibSequence applied() const override { return operations; }
  std::vector<FibFailure> take_failures() override { return {}; }
  std::uint16_t hops = 0, groups = 0;
  FibSequence operations = 0, removals = 0;
};

TEST(Scale, BytesGroupsAndOperationsOfAFullTable) {
  constexpr unsigned kRoutes = 200'000;
  constexpr unsigned kShared = 6;  // routes to a set of attributes, about as in real tables
  const Config config = fabric_config();
  CountingPlane plane;
  FakeOutput output;
  FakeNeighborhood neighborhood;
  FakeTimers timers;
  Rib rib(config, plane, output, neighborhood, timers);
  const TimePoint now = at(1000);
  const auto settle = [&] {
    while (rib.work(kSliceRoutes, now)) {
    }
  };
  const auto feed = [&](unsigned n) {
    output.peers[RibFixture::peer(n)].codec = RibFixture::session(n).codec;
    rib.on_established(RibFixture::peer(n), RibFixture::session(n), now);
    for (unsigned i = 0; i < kRoutes;) {
      bgp::Update update;
      update.attributes = RibFixture::path({65001 + n, 65201, 3356, 1000 + i / kShared, 64000});
      update.attributes.communities = {{i / kShared % 100}};
      std::vector<bgp::Nlri<Ipv4Address>> nlri;
      for (unsigned end = i + kShared; i < end && i < kRoutes; ++i) {
        nlri.push_back({Ipv4Prefix{Ipv4Address{0x14000000 + (i << 8)}, 24}, 0});
      }
      update.reach.push_back({bgp::Family::kIpv4Unicast, RibFixture::via(n), std::move(nlri)});
      rib.on_update(RibFixture::peer(n), update, now);
    }
    settle();
  };

  const auto empty = rib.summary().memory_bytes;
  feed(0);
  const auto one = rib.summary().memory_bytes;
  EXPECT_EQ(rib.counts(RibFixture::peer(0)).accepted[0], kRoutes);
  EXPECT_EQ(rib.summary().installed[0], kRoutes + 6);
  EXPECT_LT((one - empty) / kRoutes, 120U);
  const auto operations = plane.operations;

  feed(1);
  const auto two = rib.summary().memory_bytes;
  EXPECT_LT((two - one) / kRoutes, 70U);
  EXPECT_EQ(plane.operations, operations + kRoutes) << "each route is changed once";
  EXPECT_EQ(plane.removals, 0U);
  EXPECT_LE(plane.groups, 8U);

  rib.on_down(RibFixture::peer(0), "test", now);
  settle();
  EXPECT_EQ(plane.removals, 0U) << "replaced by the other peer's paths, never removed";
  EXPECT_EQ(plane.operations, operations + 2 * kRoutes);
  rib.on_down(RibFixture::peer(1), "test", now);
  settle();
  EXPECT_EQ(plane.removals, kRoutes);
  EXPECT_EQ(rib.summary().prefixes[0], 6U);
  EXPECT_EQ(rib.summary().attribute_sets, 1U) << "ours, and nobody is told";
  EXPECT_LE(plane.groups, 10U);
}

}  // namespace
}  // namespace lastmile::rib::test
