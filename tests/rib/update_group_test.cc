// Peers that are told the same: what they share, and what they don't.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

constexpr unsigned kPeers = 6;

/// Routes on from each of six external peers to the others.
Config transit_config() {
  Config config = fabric_config();
  config.router.mode = RouterMode::kTransit;
  config.ports.clear();
  config.bgp.neighbors.clear();
  policy::Rules all;
  all.name = "all";
  all.otherwise = policy::Action::kAccept;
  policy::Rules marked = all;
  marked.name = "marked";
  marked.rules.emplace_back().set.med = 7;
  config.policies = {all, marked};
  for (std::uint16_t i = 0; i < kPeers; ++i) {
    PortConfig port;
    port.id = PortId{i};
    port.name = fmt::format("up{}", i + 1);
    config.ports.push_back(port);
    BgpNeighborConfig neighbor;
    neighbor.name = port.name;
    neighbor.port = port.id;
    neighbor.import_policy = neighbor.export_policy = "all";
    config.bgp.neighbors.push_back(neighbor);
  }
  return config;
}

std::vector<bgp::PeerId> all_ids() {
  std::vector<bgp::PeerId> ids;
  for (std::uint16_t i = 0; i < kPeers; ++i) ids.push_back(bgp::PeerId{i});
  return ids;
}

struct Transit : RibFixture {
  explicit Transit(const Config& config = transit_config()) : RibFixture(config) {
    for (unsigned n = 0; n < kPeers; ++n) resolve(n);
  }
  /// 20.0.0.0/24, 20.0.1.0/24, …
  void announce_many(unsigned n, unsigned count, const bgp::PathAttributes& attributes) {
    for (unsigned i = 0; i < count; ++i) {
      announce(n, fmt::format("20.{}.{}.0/24", i / 256, i % 256), attributes);
    }
  }
  [[nodiscard]] bool has(unsigned n, std::string_view text) {
    return told(n).routes.contains(prefix(text));
  }
  /// All mark refreshes, and have 100 routes of the first one.
  void start_marking() {
    for (unsigned n = 0; n < kPeers; ++n) {
      bgp::Negotiated marking = session(n);
      marking.enhanced_refresh = true;
      up(n, marking);
    }
    announce_many(0, 100, path({65001}));
    settle();
  }
  /// All but the first one want their routes again.
  void refresh_all() {
    const bgp::RouteRefresh request{bgp::Family::kIpv4Unicast, bgp::RouteRefresh::kRequest};
    for (unsigned n = 1; n < kPeers; ++n) rib->on_route_refresh(peer(n), request, now);
  }
};

TEST(UpdateGroup, EachMemberIsGivenItsOwnNextHop) {
  Transit f;
  for (unsigned n = 0; n < 4; ++n) {
    bgp::Negotiated session = f.session(n);
    session.local_next_hop.link_local = v6_address(fmt::format("fe80::a{}", n));
    if (n == 3) session.local_next_hop.global = v6_address("2001:db8:9::3");
    f.up(n, session);
  }
  f.announce_many(0, 5, f.path({65001, 7}));
  f.settle();
  for (unsigned n = 1; n < 4; ++n) {
    const bgp::NextHop& next_hop = f.told(n).routes.at(prefix("20.0.4.0/24")).second;
    EXPECT_EQ(next_hop.link_local, v6_address(fmt::format("fe80::a{}", n)));
    EXPECT_EQ(next_hop.global.has_value(), n == 3);
    EXPECT_EQ(to_string(f.told(n).routes.at(prefix("20.0.4.0/24")).first.as_path), "64512 65001 7");
  }
}

TEST(UpdateGroup, ClassicNextHopsAreExchangedToo) {
  Transit f;
  for (unsigned n = 0; n < 3; ++n) {
    bgp::Negotiated session = f.session(n);
    session.codec.extended_next_hop.clear();
    session.remote.address = address(fmt::format("192.0.2.{}", n));
    session.families = {bgp::Family::kIpv4Unicast};
    session.local_next_hop = {};
    session.local_next_hop.v4 = v4_address(fmt::format("192.0.2.10{}", n));
    f.up(n, session);
  }
  f.announce_many(0, 5, f.path({65001}));
  f.settle();
  for (unsigned n = 1; n < 3; ++n) {
    EXPECT_EQ(f.told(n).routes.at(prefix("20.0.4.0/24")).second.v4,
              v4_address(fmt::format("192.0.2.10{}", n)));
  }
}

TEST(UpdateGroup, AMemberIsNotToldItsOwnPaths) {
  Transit f;
  f.start(3);
  const auto own = [&](unsigned n) { return f.told(n).announced; };
  const unsigned before[] = {own(0), own(1), own(2)};
  f.announce(0, "20.0.0.0/24", f.path({65001, 7, 8}));
  f.settle();
  EXPECT_FALSE(f.has(0, "20.0.0.0/24"));
  EXPECT_TRUE(f.has(1, "20.0.0.0/24") && f.has(2, "20.0.0.0/24"));
  EXPECT_EQ(f.show("20.0.0.0/24")[0].advertised_to, (std::vector{f.peer(1), f.peer(2)}));
  EXPECT_EQ(f.rib->counts(f.peer(0)).advertised[0] + 1, f.rib->counts(f.peer(1)).advertised[0]);

  // A better one from elsewhere: who had been told is told that its own path is the best now.
  f.announce(1, "20.0.0.0/24", f.path({65002, 7}));
  f.settle();
  EXPECT_TRUE(f.has(0, "20.0.0.0/24") && f.has(2, "20.0.0.0/24"));
  EXPECT_FALSE(f.has(1, "20.0.0.0/24"));
  f.withdraw(1, "20.0.0.0/24");
  f.settle();
  EXPECT_TRUE(f.has(1, "20.0.0.0/24") && f.has(2, "20.0.0.0/24"));
  EXPECT_FALSE(f.has(0, "20.0.0.0/24"));
  f.withdraw(0, "20.0.0.0/24");
  f.settle();
  EXPECT_FALSE(f.has(1, "20.0.0.0/24") || f.has(2, "20.0.0.0/24"));
  EXPECT_EQ(own(0), before[0] + 1);
  EXPECT_EQ(own(1), before[1] + 2);
  EXPECT_EQ(own(2), before[2] + 3);
}

TEST(UpdateGroup, WhenOnlyTheSourceChangesTheOthersHearNothing) {
  Config config = transit_config();
  config.bgp.max_paths = 1;
  Transit f(config);
  for (unsigned n = 0; n < 3; ++n) {
    bgp::Negotiated session = f.session(n);
    session.remote_asn = bgp::Asn{65001};
    f.up(n, session);
  }
  f.settle();
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.announce(1, "20.0.0.0/24", f.path({65001}));
  f.settle();
  ASSERT_FALSE(f.has(0, "20.0.0.0/24"));
  ASSERT_TRUE(f.has(1, "20.0.0.0/24") && f.has(2, "20.0.0.0/24"));
  const unsigned announced = f.told(2).announced;
  f.withdraw(0, "20.0.0.0/24");
  f.settle();
  EXPECT_TRUE(f.has(0, "20.0.0.0/24"));
  EXPECT_FALSE(f.has(1, "20.0.0.0/24"));
  EXPECT_EQ(f.told(2).announced, announced);
}

TEST(UpdateGroup, AFullQueueIsWaitedForButNotForLong) {
  Transit f;
  f.start(3);
  f.told(1).writable = false;
  f.announce_many(0, 3000, f.path({65001}));
  f.settle();
  EXPECT_FALSE(f.has(2, "20.0.0.0/24")) << "one that is only a little slow keeps its place";
  EXPECT_FALSE(f.rib->has_work());
  f.told(1).writable = true;
  f.settle();
  EXPECT_TRUE(f.has(1, "20.11.0.0/24") && f.has(2, "20.11.0.0/24"));
  EXPECT_EQ(f.told(1).sends, f.told(2).sends);

  f.told(1).writable = false;
  f.announce_many(0, 3000, f.path({65001, 7}));
  f.settle_slow();
  EXPECT_EQ(f.told(2).routes.at(prefix("20.11.0.0/24")).first.as_path.length(), 3U);
  EXPECT_EQ(f.told(1).routes.at(prefix("20.11.0.0/24")).first.as_path.length(), 2U);
  // What it misses meanwhile comes and goes; it hears of the outcome, and is in step again.
  f.withdraw(0, "20.0.1.0/24");
  f.withdraw(0, "20.0.2.0/24");
  f.settle();
  f.announce(0, "20.0.2.0/24", f.path({65001, 8}));
  f.announce(0, "21.0.0.0/24", f.path({65001, 8}));
  f.settle();
  f.withdraw(0, "21.0.0.0/24");
  f.settle();
  f.told(1).writable = true;
  f.rib->on_writable(f.peer(1), f.now);
  EXPECT_TRUE(f.rib->has_work());
  const unsigned announced = f.told(1).announced;
  f.settle();
  EXPECT_EQ(f.told(1).routes, f.told(2).routes);
  EXPECT_EQ(f.told(1).announced, announced + 2999);
  EXPECT_EQ(f.told(1).withdrawn, 1U);
  const unsigned sends = f.told(1).sends;
  f.announce(0, "22.0.0.0/24", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.told(1).sends, sends + 1);
}

TEST(UpdateGroup, NewcomersHearEverythingOnce) {
  Transit f;
  f.start(1);
  f.announce_many(0, 5000, f.path({65001}));
  f.settle();
  f.up(1);
  for (int i = 0; i < 3; ++i) (void)f.rib->work(1024, f.now);
  EXPECT_LT(f.told(1).routes.size(), 5003U);
  f.up(2);
  (void)f.rib->work(1024, f.now);
  f.up(3);
  f.settle();
  for (unsigned n = 1; n < 4; ++n) {
    EXPECT_EQ(f.told(n).routes.size(), 5003U);
    EXPECT_EQ(f.told(n).announced, 5003U) << "once";
    EXPECT_EQ(f.told(n).end_of_rib.size(), 2U);
  }
  EXPECT_EQ(f.told(0).announced, 3U);
}

/// However slow a member is, and whatever changes meanwhile: its initial table ends.
TEST(UpdateGroup, ASlowNewcomerGetsToTheEndOfItsTable) {
  Transit f;
  f.output.unknown_withdrawals = true;
  f.start(2);
  f.announce_many(0, 5000, f.path({65001}));
  f.settle();
  f.up(2);
  for (int round = 0; round < 60 && f.told(2).end_of_rib.size() < 2; ++round) {
    f.told(2).room = 2;  // two batches in each round
    f.told(2).writable = true;
    f.rib->on_writable(f.peer(2), f.now);
    f.announce(0, fmt::format("21.0.{}.0/24", round), f.path({65001}));
    f.settle_slow();
    EXPECT_TRUE(f.has(1, fmt::format("21.0.{}.0/24", round))) << "waits for nobody for long";
  }
  EXPECT_EQ(f.told(2).end_of_rib.size(), 2U);
  f.told(2).room = SIZE_MAX;
  f.told(2).writable = true;
  f.settle();
  EXPECT_EQ(f.told(2).routes.size(), f.told(1).routes.size());
}

/// The initial table is what was there when the newcomer came. It ends though there is always
/// something else to be told, and more of it than the newcomer can read.
TEST(UpdateGroup, TheInitialTableEndsWhateverChangesAllTheTime) {
  Transit f;
  f.output.unknown_withdrawals = true;
  f.start(2);
  f.announce_many(0, 2000, f.path({65001}));
  f.settle();
  f.up(2);
  std::uint32_t change = 100;
  for (int round = 0; round < 200 && f.told(2).end_of_rib.size() < 2; ++round) {
    f.told(2).room = 1;  // reads one batch, while five come
    f.told(2).writable = true;
    f.rib->on_writable(f.peer(2), f.now);
    for (unsigned i = 0; i < 1500; ++i) {
      f.announce(0, fmt::format("30.{}.{}.0/24", i / 256, i % 256), f.path({65001, ++change}));
      if (i % 300 != 0) continue;
      (void)f.rib->work(300, f.now);
      f.now += std::chrono::milliseconds{50};
    }
  }
  EXPECT_EQ(f.told(2).end_of_rib.size(), 2U);
  for (unsigned i = 0; i < 2000; ++i) {
    ASSERT_TRUE(f.has(2, fmt::format("20.{}.{}.0/24", i / 256, i % 256))) << i;
  }
  f.told(2).room = SIZE_MAX;
  f.told(2).writable = true;
  f.settle();
  EXPECT_EQ(f.told(2).routes, f.told(1).routes);
}

TEST(UpdateGroup, ASetOfAttributesWhoseNumberIsUsedAgainIsLookedAtAgain) {
  Transit f;
  f.start(2);
  bgp::PathAttributes hidden = f.path({65001, 666});
  hidden.communities = {bgp::Community{bgp::kNoExport}};
  f.announce(0, "20.0.0.0/24", hidden);
  f.settle();
  f.withdraw(0, "20.0.0.0/24");
  f.settle();
  f.announce(0, "20.0.1.0/24", f.path({65001, 7}));
  f.settle();
  ASSERT_TRUE(f.has(1, "20.0.1.0/24"));
  EXPECT_EQ(to_string(f.told(1).routes.at(prefix("20.0.1.0/24")).first.as_path), "64512 65001 7");
}

TEST(UpdateGroup, APeerThatIsWaitedForEndsTheWaitByATimer) {
  Transit f;
  f.start(3);
  f.told(1).writable = false;
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.settle();
  EXPECT_TRUE(std::ranges::any_of(
      f.timers.armed, [](const auto& timer) { return timer.first.kind == TimerKind::kRibWork; }));
  EXPECT_FALSE(f.rib->has_work());
}

TEST(UpdateGroup, ANewcomerToAWalkThatIsUnderWay) {
  Transit f;
  f.resolve(5);
  f.up(5);  // its routes stay when nobody is told
  f.announce_many(5, 5000, f.path({65006}));
  f.settle();
  f.up(0);
  (void)f.rib->work(2048, f.now);
  f.up(1);
  f.settle();
  EXPECT_EQ(f.told(0).announced, 5003U);
  EXPECT_EQ(f.told(1).routes.size(), 5003U);
}

TEST(UpdateGroup, AnotherPolicyMovesAMemberAndTellsItTheDifference) {
  Config config = transit_config();
  Transit f(config);
  f.start(4);
  f.announce_many(0, 100, f.path({65001}));
  f.settle();
  const unsigned before = f.told(2).announced;
  // Two of four leave, then the others follow, one by one: in the end they are one group again.
  config.bgp.neighbors[1].export_policy = config.bgp.neighbors[2].export_policy = "marked";
  f.rib->apply(config, all_ids(), f.now);
  f.settle();
  EXPECT_EQ(f.told(1).routes.at(prefix("20.0.7.0/24")).first.med, 7U);
  EXPECT_EQ(f.told(1).announced, before + 103);
  EXPECT_EQ(f.told(3).announced, before);
  config.bgp.neighbors[3].export_policy = "marked";
  f.rib->apply(config, all_ids(), f.now);
  f.settle();
  config.bgp.neighbors[0].export_policy = "marked";
  f.rib->apply(config, all_ids(), f.now);
  f.settle();
  EXPECT_EQ(f.told(1).routes, f.told(3).routes);
  EXPECT_EQ(f.told(1).announced, before + 103) << "heard nothing of the others' coming";
  f.announce(0, "21.0.0.0/24", f.path({65001}));
  f.settle();
  for (unsigned n = 1; n < 4; ++n) EXPECT_TRUE(f.has(n, "21.0.0.0/24"));
}

TEST(UpdateGroup, ARoundIsSentToAFewMembersAtATime) {
  Transit f;
  f.start(kPeers);
  const auto have = [&] {
    unsigned count = 0;
    for (unsigned n = 1; n < kPeers; ++n) count += f.has(n, "20.0.99.0/24") ? 1 : 0;
    return count;
  };
  f.announce_many(0, 100, f.path({65001}));
  while (have() == 0) ASSERT_TRUE(f.rib->work(100, f.now));
  EXPECT_LT(have(), kPeers - 1);
  // What comes meanwhile waits until all have the round.
  f.withdraw(0, "20.0.99.0/24");
  f.settle(100);
  EXPECT_EQ(have(), 0U);
  for (unsigned n = 1; n < kPeers; ++n) {
    EXPECT_TRUE(f.has(n, "20.0.98.0/24")) << n;
    EXPECT_EQ(f.told(n).withdrawn, 1U) << n;
  }
}

TEST(UpdateGroup, WhoLeavesInTheMiddleOfARoundHasAllOfIt) {
  Config config = transit_config();
  policy::Rules some = config.policies[0];
  some.name = "some";
  some.rules.emplace_back().set.med = 7;
  some.rules[0].match.any_prefix = false;
  some.rules[0].match.prefixes = {{prefix("20.0.0.0/24"), 24, 24}};
  config.policies.push_back(some);
  Transit f(config);
  f.start(kPeers);
  f.announce_many(0, 100, f.path({65001}));
  while (!f.has(1, "20.0.99.0/24")) ASSERT_TRUE(f.rib->work(100, f.now));
  ASSERT_FALSE(f.has(kPeers - 1, "20.0.99.0/24")) << "its turn is still to come";
  config.bgp.neighbors[kPeers - 1].export_policy = "some";
  f.rib->apply(config, all_ids(), f.now);
  f.settle(100);
  EXPECT_TRUE(f.has(kPeers - 1, "20.0.99.0/24"));
  EXPECT_EQ(f.told(kPeers - 1).routes.at(prefix("20.0.0.0/24")).first.med, 7U);
}

TEST(UpdateGroup, AMarkedRefreshEndsBehindItsLastRound) {
  Transit f;
  f.start_marking();
  f.refresh_all();
  f.settle(64);
  for (unsigned n = 1; n < kPeers; ++n) {
    const auto& marks = f.told(n).marks;
    ASSERT_EQ(marks.size(), 2U) << n;
    EXPECT_EQ(marks[1].first.subtype, bgp::RouteRefresh::kEnd);
    EXPECT_EQ(marks[1].second, f.told(n).announced) << "nothing of it comes after its end";
    EXPECT_GE(marks[1].second - marks[0].second, 100U);
  }
}

TEST(UpdateGroup, AnotherRefreshWhileTheEndOfOneIsOnItsWayMakesThatOneLonger) {
  // At some of these moments the end waits until all have been sent the last round.
  for (unsigned slices = 1; slices < 12; ++slices) {
    Transit f;
    f.start_marking();
    f.refresh_all();
    for (unsigned i = 0; i < slices; ++i) (void)f.rib->work(64, f.now);
    f.refresh_all();
    f.settle(64);
    for (unsigned n = 1; n < kPeers; ++n) {
      const auto& marks = f.told(n).marks;
      for (std::size_t i = 0; i < marks.size(); ++i) {
        EXPECT_EQ(marks[i].first.subtype,
                  i % 2 == 0 ? bgp::RouteRefresh::kBegin : bgp::RouteRefresh::kEnd)
            << "peer " << n << " after " << slices << " slices";
      }
      EXPECT_EQ(marks.size() % 2, 0U);
    }
  }
}

/// Who leaves for another group does so in slices. Meanwhile members come and go, a reload says
/// something else again, and others are told of changes.
TEST(UpdateGroup, LeavingForAnotherPolicyIsDoneInSlices) {
  Config config = transit_config();
  Transit f(config);
  f.start(5);
  f.announce_many(0, 5000, f.path({65001}));
  f.settle();
  const auto marked = [&](unsigned n) {
    const auto route = f.told(n).routes.find(prefix("20.0.7.0/24"));
    return route != f.told(n).routes.end() && route->second.first.med == 7U;
  };
  const auto export_by = [&](std::vector<unsigned> peers, const char* policy) {
    for (const unsigned n : peers) config.bgp.neighbors[n].export_policy = policy;
    f.rib->apply(config, all_ids(), f.now);
  };
  export_by({1, 2, 3}, "marked");
  for (int slice = 0; slice < 4; ++slice) {
    EXPECT_TRUE(f.rib->work(1024, f.now));
    EXPECT_FALSE(marked(1)) << "what it has been told is not all copied";
  }
  f.down(2);
  f.up(5);
  f.announce(0, "21.0.0.0/24", f.path({65001}));
  f.settle();
  EXPECT_TRUE(marked(1) && marked(3));
  EXPECT_FALSE(marked(4) || marked(5));
  for (const unsigned n : {1U, 3U, 4U, 5U}) EXPECT_TRUE(f.has(n, "21.0.0.0/24")) << n;

  // Taken back half-way.
  export_by({4}, "marked");
  (void)f.rib->work(1024, f.now);
  export_by({4}, "all");
  f.settle();
  EXPECT_FALSE(marked(4));
  // Who was to leave is gone, and then all who were to stay are.
  export_by({4}, "marked");
  (void)f.rib->work(1024, f.now);
  f.down(4);
  f.down(5);
  f.settle();
  export_by({1}, "all");
  (void)f.rib->work(1024, f.now);
  f.down(3);
  f.settle();
  EXPECT_FALSE(marked(1));
  EXPECT_EQ(f.told(1).routes.size(), 5004U);
  f.down(1);
  f.down(0);
  f.settle();
  EXPECT_FALSE(f.rib->has_work());
}

/// Whatever has happened, in the end each peer has been told what it would be told from the start.
/// Peers 1 and 2 hear of several paths to IPv4 prefixes, peer 2 of two at most, for some time.
TEST(UpdateGroup, RandomEventsEndWhereAFreshStartEnds) {
  const std::uint32_t seed = std::random_device{}();
  SCOPED_TRACE(fmt::format("seed {}", seed));
  std::mt19937 random(seed);
  const auto pick = [&](unsigned n) { return static_cast<unsigned>(random() % n); };

  Config config = transit_config();
  Transit f(config);
  f.output.unknown_withdrawals = true;
  std::array<bool, kPeers> up{};
  const auto session = [&](unsigned n) {
    bgp::Negotiated s = f.session(n);
    s.enhanced_refresh = n % 2 == 0;
    s.local_next_hop.link_local = v6_address(fmt::format("fe80::a{}", n));
    if (n == 4) s.codec.four_octet_asn = false;
    if (n == 5) s.families = {bgp::Family::kIpv4Unicast};
    if (n == 1 || n == 2) s.codec.own_path_ids = {bgp::Family::kIpv4Unicast};
    return s;
  };
  for (int step = 0; step < 6000; ++step) {
    const unsigned n = pick(kPeers);
    const std::string text = fmt::format("20.{}.{}.0/24", pick(8), pick(250));
    switch (pick(16)) {
      case 0:
        if (!up[n]) f.up(n, session(n));
        up[n] = true;
        break;
      case 1:
        if (pick(4) != 0) break;
        if (up[n]) f.down(n);
        up[n] = false;
        break;
      case 2:
        f.told(n).writable = !f.told(n).writable;
        break;
      case 3:
        if (up[n]) f.rib->on_route_refresh(f.peer(n), {bgp::Family::kIpv4Unicast, 0}, f.now);
        break;
      case 4:
        config.bgp.neighbors[n].export_policy = pick(2) == 0 ? "all" : "marked";
        config.bgp.neighbors[2].add_path_limit = pick(2) == 0 ? 2 : kAllPaths;
        f.rib->apply(config, all_ids(), f.now);
        break;
      case 5:
        f.now += std::chrono::milliseconds{pick(300)};
        break;
      case 6:
      case 7:
        if (up[n]) f.withdraw(n, text);
        break;
      case 8:
      case 9:
        (void)f.rib->work(1 + pick(200), f.now);
        break;
      default:
        if (up[n]) f.announce(n, text, f.path({f.asn(n).value(), pick(3) + 1}));
    }
  }
  for (unsigned n = 0; n < kPeers; ++n) f.told(n).writable = true;
  f.settle();
  for (unsigned n = 0; n < kPeers; ++n) {
    if (!up[n]) continue;
    const auto told = f.told(n).routes;
    const auto paths = f.told(n).paths;
    EXPECT_EQ(told.size() + paths.size(),
              f.rib->counts(f.peer(n)).advertised[0] + f.rib->counts(f.peer(n)).advertised[1]);
    const auto marks = f.told(n).marks;
    EXPECT_EQ(marks.size() % 2, 0U) << "each refresh that began has ended";
    Transit fresh(config);
    fresh.now = f.now;
    fresh.output.unknown_withdrawals = true;
    // The same routes in another router, whose only listener comes last.
    for (unsigned m = 0; m < kPeers; ++m) {
      if (up[m] && m != n) fresh.up(m, session(m));
    }
    for (const auto& view : f.rib->routes({}, f.now, SIZE_MAX)) {
      if (view.peer == f.peer(n) || !view.peer) continue;
      fresh.announce(view.peer->value(), to_string(view.prefix), view.attributes);
    }
    fresh.settle();
    fresh.up(n, session(n));
    for (const auto& view : f.rib->routes({}, f.now, SIZE_MAX)) {
      if (view.peer != f.peer(n)) continue;
      fresh.announce(n, to_string(view.prefix), view.attributes);
    }
    fresh.settle();
    EXPECT_EQ(told, fresh.told(n).routes) << "peer " << n;
    EXPECT_EQ(paths, fresh.told(n).paths) << "peer " << n;
  }
}

}  // namespace
}  // namespace lastmile::rib::test
