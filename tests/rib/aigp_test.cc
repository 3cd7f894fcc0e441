// The accumulated IGP metric (RFC 7311): which path wins, and who hears of it.
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

/// Peers 0 and 1 are of our administration, peer 2 is not.
struct OneAdministration : RibFixture {
  static Config config() {
    Config config = fabric_config();
    config.router.mode = RouterMode::kTransit;
    config.ports[2].addresses.clear();
    policy::Rules all;
    all.name = "all";
    all.otherwise = policy::Action::kAccept;
    policy::Rules originate = all;
    originate.name = "originate";
    policy::Rule& own = originate.rules.emplace_back();
    own.match.source = policy::Source::kLocal;
    own.set.aigp = 30;
    config.policies = {all, originate};
    config.bgp.neighbors.resize(3);
    for (std::uint16_t i = 0; i < 3; ++i) {
      BgpNeighborConfig& neighbor = config.bgp.neighbors[i];
      neighbor.name = config.ports[i].name;
      neighbor.port = PortId{i};
      neighbor.import_policy = "all";
      neighbor.export_policy = "originate";
    }
    return config;
  }

  OneAdministration() : RibFixture(config()) {
    for (unsigned n = 0; n < 3; ++n) {
      resolve(n);
      bgp::Negotiated s = session(n);
      s.codec.aigp = n != 2;
      up(n, s);
      told(n).codec.aigp = true;  // one that must not be sent would be seen
    }
    settle();
  }
  static bgp::PathAttributes path(std::vector<std::uint32_t> asns,
                                  std::optional<std::uint64_t> metric) {
    bgp::PathAttributes a = RibFixture::path(std::move(asns));
    if (metric) a.aigp = bgp::Aigp{*metric, {7, 0, 4, 1}};
    return a;
  }
};

TEST(Aigp, TheLowerMetricWinsOverTheShorterPath) {
  OneAdministration f;
  f.announce(0, "20.0.0.0/8", f.path({65001, 7, 8}, 10));
  f.announce(1, "20.0.0.0/8", f.path({65002, 8}, 20));
  f.announce(2, "20.0.0.0/8", f.path({65003}, std::nullopt));
  f.settle();
  auto routes = f.show("20.0.0.0/8");
  ASSERT_EQ(routes.size(), 3U);
  EXPECT_EQ(routes[0].peer_name, "up1");
  EXPECT_EQ(routes[0].why, "best by lower AIGP metric");
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0 | p1}");
  // With equal metrics the rules that follow decide, and paths with none come last.
  f.announce(1, "20.0.0.0/8", f.path({65002, 8}, 10));
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/8")[0].why, "best by shorter AS path");
  EXPECT_EQ(f.show("20.0.0.0/8")[0].peer_name, "up2");
  f.withdraw(0, "20.0.0.0/8");
  f.withdraw(1, "20.0.0.0/8");
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/8")[0].peer_name, "lan");
}

TEST(Aigp, GrowsOnTheWayAndIsPassedOnOnlyWhereItIsAgreedOn) {
  OneAdministration f;
  f.announce(0, "20.0.0.0/8", f.path({65001}, 10));
  f.settle();
  EXPECT_EQ(f.told(1).routes.at(prefix("20.0.0.0/8")).first.aigp, (bgp::Aigp{11, {7, 0, 4, 1}}));
  EXPECT_EQ(f.told(2).routes.at(prefix("20.0.0.0/8")).first.aigp, std::nullopt);
  f.announce(0, "20.0.0.0/8", f.path({65001}, bgp::Aigp::kUnusable - 1));
  f.settle();
  EXPECT_EQ(f.told(1).routes.at(prefix("20.0.0.0/8")).first.aigp, std::nullopt);
}

TEST(Aigp, APolicyGivesOneToWhatHasNone) {
  OneAdministration f;
  EXPECT_EQ(f.told(1).routes.at(prefix("10.0.1.1/32")).first.aigp, (bgp::Aigp{30, {}}));
  EXPECT_EQ(f.told(2).routes.at(prefix("10.0.1.1/32")).first.aigp, std::nullopt);
}

}  // namespace
}  // namespace lastmile::rib::test
