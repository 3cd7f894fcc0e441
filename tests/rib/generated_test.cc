// Aggregates and a default route of our own: there while others are, announced when they forward,
// and never by a host.
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

Config aggregating(bool summary_only) {
  Config config = transit_config();
  config.bgp.aggregates = {{prefix("20.0.0.0/8"), summary_only}};
  return config;
}

struct Generated : RibFixture {
  explicit Generated(const Config& config) : RibFixture(config) { start(2); }
  [[nodiscard]] bool has(unsigned n, std::string_view text) {
    return told(n).routes.contains(prefix(text));
  }
};

TEST(Aggregate, IsThereWhileSomethingInsideIs) {
  Generated f(aggregating(false));
  EXPECT_FALSE(f.has(1, "20.0.0.0/8"));
  f.announce(0, {"20.1.0.0/16", "20.2.0.0/16"}, f.path({65001}), f.via(0));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{blackhole}") << "for what is not inside";
  ASSERT_TRUE(f.has(1, "20.0.0.0/8"));
  EXPECT_TRUE(f.has(0, "20.0.0.0/8"));
  EXPECT_TRUE(f.has(1, "20.1.0.0/16"));
  const auto& [attributes, next_hop] = f.told(1).routes.at(prefix("20.0.0.0/8"));
  EXPECT_EQ(to_string(attributes.as_path), "64512");
  EXPECT_TRUE(attributes.atomic_aggregate);
  EXPECT_EQ(attributes.aggregator, (bgp::Aggregator{bgp::Asn{64512}, Ipv4Address{10, 0, 1, 1}}));
  EXPECT_EQ(f.show("20.0.0.0/8")[0].source, SourceKind::kAggregate);

  f.withdraw(0, "20.1.0.0/16");
  f.settle();
  EXPECT_TRUE(f.has(1, "20.0.0.0/8"));
  f.withdraw(0, "20.2.0.0/16");
  f.settle();
  EXPECT_FALSE(f.has(1, "20.0.0.0/8"));
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
}

TEST(Aggregate, WaitsForTheForwardingTables) {
  Generated f(aggregating(false));
  f.plane.held_at = f.plane.sequence;
  f.plane.hold_back = true;
  f.announce(0, "20.1.0.0/16", f.path({65001}));
  f.settle();
  EXPECT_FALSE(f.has(1, "20.0.0.0/8"));
  f.plane.hold_back = false;
  f.settle();
  EXPECT_TRUE(f.has(1, "20.0.0.0/8"));
}

TEST(Aggregate, StandsBeforeTheSamePrefixFromElsewhere) {
  Generated f(aggregating(false));
  f.announce(0, {"20.0.0.0/8", "20.1.0.0/16"}, f.path({65001}), f.via(0));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{blackhole | p0}");
  EXPECT_EQ(to_string(f.told(1).routes.at(prefix("20.0.0.0/8")).first.as_path), "64512");
  f.withdraw(0, "20.1.0.0/16");
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}") << "the prefix itself is not inside itself";
}

TEST(Aggregate, MayBeAllThatOthersHear) {
  Generated f(aggregating(true));
  f.announce(0, {"20.1.0.0/16", "30.0.0.0/8"}, f.path({65001}), f.via(0));
  f.settle();
  EXPECT_TRUE(f.has(1, "20.0.0.0/8"));
  EXPECT_FALSE(f.has(1, "20.1.0.0/16"));
  EXPECT_TRUE(f.has(1, "30.0.0.0/8"));
  EXPECT_EQ(f.plane.route("20.1.0.0/16"), "{p0}") << "forwarded all the same";

  f.rib->apply(transit_config(), {f.peer(0), f.peer(1)}, f.now);
  f.settle();
  EXPECT_FALSE(f.has(1, "20.0.0.0/8"));
  EXPECT_TRUE(f.has(1, "20.1.0.0/16"));
  f.rib->apply(aggregating(true), {f.peer(0), f.peer(1)}, f.now);
  f.settle();
  EXPECT_TRUE(f.has(1, "20.0.0.0/8"));
  EXPECT_FALSE(f.has(1, "20.1.0.0/16"));
}

TEST(Aggregate, WhatItCoversIsNoWorkForEverWhenNobodyIsTold) {
  Config config = aggregating(true);
  config.routes.push_back({.prefix = prefix("20.3.0.0/16"), .via = {}, .blackhole = true});
  RibFixture f(config);
  unsigned slices = 0;
  while (f.rib->work(kSliceRoutes, f.now, Rib::Share::kInTurn)) {
    ASSERT_LT(++slices, 100U) << "decides, has nothing to decide, and never tells";
  }
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{blackhole}");
}

/// What has been told of is withdrawn when the aggregate is told of, and not before; what has not
/// waits for it.
TEST(Aggregate, WhatItCoversIsWithdrawnBehindIt) {
  Generated f(transit_config());
  f.announce(0, "20.1.0.0/16", f.path({65001}));
  f.settle();
  ASSERT_TRUE(f.has(1, "20.1.0.0/16"));
  const unsigned before = f.told(1).announced;
  f.plane.held_at = f.plane.sequence;
  f.plane.hold_back = true;
  f.rib->apply(aggregating(true), {f.peer(0), f.peer(1)}, f.now);
  f.announce(0, "20.2.0.0/16", f.path({65001}));
  f.settle();
  EXPECT_TRUE(f.has(1, "20.1.0.0/16")) << "nothing else leads there yet";
  EXPECT_FALSE(f.has(1, "20.0.0.0/8"));
  f.plane.hold_back = false;
  (void)f.rib->work(kSliceRoutes, f.now);
  EXPECT_TRUE(f.has(1, "20.0.0.0/8"));
  EXPECT_TRUE(f.has(1, "20.1.0.0/16")) << "in its turn";
  f.settle();
  EXPECT_FALSE(f.has(1, "20.1.0.0/16"));
  EXPECT_FALSE(f.has(1, "20.2.0.0/16"));
  EXPECT_EQ(f.told(1).announced, before + 1) << "20.2.0.0/16 never";
}

TEST(Aggregate, ThatTheTablesRefuseCoversNothing) {
  Config config = aggregating(true);
  Generated f(config);
  f.plane.max_routes = f.plane.routes.size() + 1;
  f.announce(0, "20.1.0.0/16", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
  EXPECT_TRUE(f.has(1, "20.1.0.0/16"));
  // Another route goes, and there is room.
  f.plane.max_routes = SIZE_MAX;
  f.announce(0, "30.0.0.0/8", f.path({65001}));
  f.settle();
  f.withdraw(0, "30.0.0.0/8");
  f.settle();
  EXPECT_TRUE(f.has(1, "20.0.0.0/8"));
  EXPECT_FALSE(f.has(1, "20.1.0.0/16"));
}

TEST(Aggregate, OneInsideAnotherIsToldOfWhenThatGoes) {
  Config config = aggregating(true);
  config.bgp.aggregates.push_back({prefix("20.1.0.0/16"), true});
  Generated f(config);
  f.announce(0, "20.1.1.0/24", f.path({65001}));
  f.settle();
  EXPECT_TRUE(f.has(1, "20.0.0.0/8"));
  EXPECT_FALSE(f.has(1, "20.1.0.0/16") || f.has(1, "20.1.1.0/24"));
  config.bgp.aggregates.erase(config.bgp.aggregates.begin());
  f.rib->apply(config, {f.peer(0), f.peer(1)}, f.now);
  f.settle();
  EXPECT_FALSE(f.has(1, "20.0.0.0/8") || f.has(1, "20.1.1.0/24"));
  EXPECT_TRUE(f.has(1, "20.1.0.0/16"));
}

TEST(Aggregate, AHostAnnouncesNoneWhateverItsConfigurationSays) {
  Config config = aggregating(false);
  config.router.mode = RouterMode::kHost;
  config.bgp.default_originate.ipv4 = true;
  Generated f(config);
  f.announce(0, "20.1.0.0/16", f.path({65001}));
  f.settle();
  EXPECT_FALSE(f.has(1, "20.0.0.0/8"));
  EXPECT_FALSE(f.has(1, "0.0.0.0/0"));
}

TEST(DefaultOriginate, IsAnnouncedWithoutAnybodyElses) {
  Config config = transit_config();
  config.bgp.default_originate.ipv4 = config.bgp.default_originate.ipv6 = true;
  Generated f(config);
  EXPECT_TRUE(f.has(0, "0.0.0.0/0"));
  EXPECT_TRUE(f.has(1, "::/0"));
  EXPECT_EQ(f.plane.route("0.0.0.0/0"), "{blackhole}");
  EXPECT_EQ(f.show("0.0.0.0/0")[0].source, SourceKind::kDefault);
  // Packets take the way of somebody who knows one, and nothing else stands by for it.
  f.announce(0, "0.0.0.0/0", f.path({65001, 7}));
  f.settle();
  EXPECT_EQ(f.plane.route("0.0.0.0/0"), "{p0}");
  EXPECT_EQ(to_string(f.told(1).routes.at(prefix("0.0.0.0/0")).first.as_path), "64512 65001 7");
}

TEST(DefaultOriginate, HasToldPrefixesForAReason) {
  Config config = transit_config();
  config.bgp.default_originate.ipv4 = config.bgp.default_originate.ipv6 = true;
  config.bgp.default_originate.if_present = {prefix("20.0.0.0/8"), prefix("21.0.0.0/8")};
  Generated f(config);
  EXPECT_FALSE(f.has(1, "0.0.0.0/0"));
  f.announce(0, {"20.1.0.0/16"}, f.path({65001}), f.via(0));
  f.settle();
  EXPECT_FALSE(f.has(1, "0.0.0.0/0")) << "that very prefix";
  f.announce(0, "21.0.0.0/8", f.path({65001}));
  f.settle();
  EXPECT_TRUE(f.has(1, "0.0.0.0/0"));
  EXPECT_FALSE(f.has(1, "::/0")) << "of the same family";
  f.down(0);
  f.settle();
  EXPECT_FALSE(f.has(1, "0.0.0.0/0"));
}

TEST(DefaultOriginate, HasAPolicyForAReason) {
  Config config = transit_config();
  policy::Rules upstream;
  upstream.name = "upstream";
  policy::Rule rule;
  rule.match.communities = {bgp::Community{65001U << 16 | 1}};
  upstream.rules = {rule};
  upstream.otherwise = policy::Action::kReject;
  config.policies.push_back(upstream);
  config.bgp.default_originate.ipv4 = true;
  config.bgp.default_originate.if_policy = "upstream";
  Generated f(config);
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  EXPECT_FALSE(f.has(1, "0.0.0.0/0"));
  bgp::PathAttributes marked = f.path({65001});
  marked.communities = rule.match.communities;
  f.announce(0, "20.0.0.0/8", marked);
  f.settle();
  EXPECT_TRUE(f.has(1, "0.0.0.0/0"));
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  EXPECT_FALSE(f.has(1, "0.0.0.0/0")) << "the route is there, but not marked any more";
}

}  // namespace
}  // namespace lastmile::rib::test
