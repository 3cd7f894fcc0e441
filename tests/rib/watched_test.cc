// Static routes whose next hops BFD watches: they count only while it says so.
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

const std::vector<bgp::PeerId> kBothPeers = {bgp::PeerId{0}, bgp::PeerId{1}};
const IpAddress kFirstWay = address("192.168.101.20");
const IpAddress kSecondWay = address("192.168.101.21");

/// Two watched ways to 198.51.100.0/24, one to 203.0.113.0/24, one unwatched to 100.64.0.0/10.
Config watched_routes(RouterMode mode = RouterMode::kHost) {
  Config config = fabric_config();
  config.router.mode = mode;
  config.bfd.profiles.emplace_back().name = "fast";
  config.routes = {
      {prefix("198.51.100.0/24"), {{PortId{2}, kFirstWay, 1, 0}, {PortId{2}, kSecondWay, 1, 0}}},
      {prefix("203.0.113.0/24"), {{PortId{2}, kFirstWay, 1, 0}}},
      {prefix("100.64.0.0/10"), {{PortId{2}, kFirstWay, 1}}},
  };
  return config;
}

struct Watched : RibFixture {
  explicit Watched(const Config& config = watched_routes()) : RibFixture(config) {
    for (const IpAddress& neighbor : {kFirstWay, kSecondWay}) {
      rib->on_link_layer_neighbor({PortId{2}, neighbor, mac(20)}, now);
    }
    settle();
  }
  void say(const IpAddress& neighbor, PathState state) {
    rib->on_path_changed(PortId{2}, neighbor, state);
    settle();
  }
};

TEST(WatchedRoutes, AreThereOnceBfdIsUp) {
  Watched f;
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "none");
  EXPECT_EQ(f.show("203.0.113.0/24").at(0).refusal, "BFD has none of the next hops up");
  EXPECT_EQ(f.plane.route("100.64.0.0/10"), "{p2}") << "nobody watches this one's next hop";
  f.say(kFirstWay, PathState::kUp);
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{p2}");
  EXPECT_TRUE(f.show("203.0.113.0/24").at(0).best);
  f.say(kFirstWay, PathState::kDown);
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "none");
  EXPECT_EQ(f.plane.route("100.64.0.0/10"), "{p2}");
}

TEST(WatchedRoutes, ADeadWayIsAMemberThatIsDown) {
  Watched f;
  f.say(kFirstWay, PathState::kUp);
  EXPECT_EQ(f.plane.route("198.51.100.0/24"), "{!p2 p2}");
  f.plane.take_log();
  f.say(kSecondWay, PathState::kUp);
  EXPECT_EQ(f.plane.route("198.51.100.0/24"), "{p2 p2}");
  f.say(kFirstWay, PathState::kDown);
  EXPECT_EQ(f.plane.route("198.51.100.0/24"), "{!p2 p2}");
  EXPECT_EQ(f.plane.take_log(), Log{"remove 203.0.113.0/24"}) << "the other route's group stands";
  f.say(kSecondWay, PathState::kDown);
  EXPECT_EQ(f.plane.route("198.51.100.0/24"), "none");
}

TEST(WatchedRoutes, ByADiscoveredNeighbor) {
  Config config = fabric_config();
  config.bfd.profiles.emplace_back().name = "fast";
  config.routes = {{prefix("203.0.113.0/24"), {{PortId{0}, std::nullopt, 1, 0}}}};
  RibFixture f(config);
  f.resolve(0);
  f.rib->on_neighbor_discovered(PortId{0}, RibFixture::link_local(0));
  f.settle();
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "none");
  f.rib->on_path_changed(PortId{0}, std::nullopt, PathState::kUp);
  f.settle();
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{p0}");
}

TEST(WatchedRoutes, BgpTakesOverAndNeighborsHear) {
  Config config = watched_routes(RouterMode::kTransit);
  accept_everything(config);
  Watched f(config);
  f.start(2);
  EXPECT_FALSE(f.told(0).routes.contains(prefix("203.0.113.0/24")));
  f.say(kFirstWay, PathState::kUp);
  EXPECT_TRUE(f.told(0).routes.contains(prefix("203.0.113.0/24")));
  f.announce(1, "203.0.113.0/24", RibFixture::path({65002}));
  f.settle();
  EXPECT_EQ(f.show("203.0.113.0/24").at(0).source, SourceKind::kStatic);
  f.say(kFirstWay, PathState::kDown);
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{p1}");
  EXPECT_FALSE(f.told(0).routes.contains(prefix("198.51.100.0/24")));
}

TEST(WatchedRoutes, AReloadMayBeginAndEndTheWatch) {
  Watched f;
  Config config = watched_routes();
  config.routes[1].via[0].bfd.reset();
  f.rib->apply(config, kBothPeers, f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{p2}");
  f.rib->apply(watched_routes(), kBothPeers, f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "none");
}

}  // namespace
}  // namespace lastmile::rib::test
