// Another configuration while routes stand: what is asked for again, what is told anew.
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

const std::vector<bgp::PeerId> kIds = {bgp::PeerId{0}, bgp::PeerId{1}};

policy::Rules accept_all(std::string name) {
  policy::Rules rules;
  rules.name = std::move(name);
  rules.otherwise = policy::Action::kAccept;
  return rules;
}

TEST(Apply, TheSameConfigurationDoesNothing) {
  Config config = fabric_config();
  config.policies = {accept_all("all")};
  config.bgp.neighbors[0].import_policy = config.bgp.neighbors[0].export_policy = "all";
  config.routes = {{prefix("198.51.100.0/24"), {{PortId{2}, address("192.168.101.20"), 1}}}};
  RibFixture f(config);
  f.start(2);
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  f.plane.take_log();
  const unsigned announced = f.told(0).announced;
  f.rib->apply(config, kIds, f.now);
  f.settle();
  EXPECT_TRUE(f.output.refreshes.empty());
  EXPECT_TRUE(f.plane.take_log().empty());
  EXPECT_EQ(f.told(0).announced, announced);
}

TEST(Apply, AnotherImportAsksThatPeerForItsRoutesAgain) {
  Config config = fabric_config();
  RibFixture f(config);
  f.start(2);
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  policy::Rules rules = accept_all("better");
  rules.rules.emplace_back().set.local_preference = 300;
  config.policies = {rules};
  config.bgp.neighbors[0].import_policy = "better";
  f.rib->apply(config, kIds, f.now);
  ASSERT_EQ(f.output.refreshes.size(), 2U) << "one for each family";
  EXPECT_EQ(f.output.refreshes[0].first, f.peer(0));
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}") << "forwards on meanwhile";
  f.announce(0, "20.0.0.0/8", f.path({65001}));  // the answer
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/8")[0].local_preference, 300U);
  EXPECT_EQ(f.output.resets, 0U);
}

TEST(Apply, APeerThatCannotRefreshStartsAnew) {
  Config config = fabric_config();
  RibFixture f(config);
  bgp::Negotiated old = f.session(0);
  old.peer_route_refresh = false;
  f.up(0, old);
  config.bgp.neighbors[0].allow_own_as = 3;
  f.rib->apply(config, kIds, f.now);
  EXPECT_EQ(f.output.resets, 1U);
}

TEST(Apply, AnotherExportTellsTheDifference) {
  Config config = fabric_config();
  RibFixture f(config);
  f.start(2);
  policy::Rules rules = accept_all("out");
  policy::Rule no_web;
  no_web.match.any_prefix = false;
  no_web.match.prefixes = {{prefix("192.168.0.250/32"), 32, 32}};
  no_web.action = policy::Action::kReject;
  rules.rules = {no_web};
  config.policies = {rules};
  config.bgp.neighbors[1].export_policy = "out";
  const unsigned announced = f.told(1).announced;
  f.rib->apply(config, kIds, f.now);
  f.settle();
  EXPECT_EQ(f.told(1).routes.count(prefix("192.168.0.250/32")), 0U);
  EXPECT_EQ(f.told(1).withdrawn, 1U);
  EXPECT_EQ(f.told(1).announced, announced) << "what stayed the same is not said again";
  EXPECT_EQ(f.told(0).withdrawn, 0U);
  config.bgp.neighbors[1].export_policy.clear();
  f.rib->apply(config, kIds, f.now);
  f.settle();
  EXPECT_EQ(f.told(1).routes.size(), 3U);
}

TEST(Apply, StaticRoutesFollow) {
  Config config = fabric_config();
  const auto via = [](const char* hop) {
    return std::vector<StaticRouteConfig::Via>{{PortId{2}, address(hop), 1}};
  };
  config.routes = {{prefix("198.51.100.0/24"), via("192.168.101.20")},
                   {prefix("203.0.113.0/24"), via("192.168.101.20")}};
  RibFixture f(config);
  f.start(0);
  config.routes = {{prefix("203.0.113.0/24"), {}, true},
                   {prefix("192.0.2.0/24"), via("192.168.101.21")}};
  f.rib->apply(config, kIds, f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("198.51.100.0/24"), "none");
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{blackhole}");
  EXPECT_EQ(f.plane.route("192.0.2.0/24"), "{p2?}");
}

TEST(Apply, LimitsHoldAtOnce) {
  Config config = fabric_config();
  RibFixture f(config);
  f.start(1);
  f.announce(0, {"20.0.0.0/8", "21.0.0.0/8"}, f.path({65001}), f.via(0));
  config.bgp.neighbors[0].max_prefixes.limit = 1;
  f.rib->apply(config, kIds, f.now);
  EXPECT_EQ(f.output.suspended.size(), 1U);
}

}  // namespace
}  // namespace lastmile::rib::test
