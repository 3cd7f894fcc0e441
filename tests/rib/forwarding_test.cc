// What the RIB tells the forwarding tables, operation by operation.
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

TEST(Forwarding, OwnRoutesAreInstalledAtStart) {
  RibFixture f;
  f.settle();
  EXPECT_EQ(f.plane.route("10.0.1.1/32"), "{host}");
  EXPECT_EQ(f.plane.route("2001:db8:1::1/128"), "{host}");
  EXPECT_EQ(f.plane.route("192.168.0.250/32"), "{host}");
  EXPECT_EQ(f.plane.route("192.168.101.254/32"), "{local-p2}");
  EXPECT_EQ(f.plane.route("192.168.101.0/24"), "{glean-p2}");
  EXPECT_EQ(f.plane.route("192.168.101.0/32"), "{broadcast}");
  EXPECT_EQ(f.plane.route("192.168.101.255/32"), "{broadcast}");
  EXPECT_EQ(f.plane.routes.size(), 7U);
}

TEST(Forwarding, SubnetsOfTwoHaveNoBroadcast) {
  Config config = fabric_config();
  config.ports[2].addresses = {{address("192.0.2.0"), 31}, {address("2001:db8::1"), 64}};
  RibFixture f{config};
  f.settle();
  EXPECT_EQ(f.plane.route("192.0.2.0/31"), "{glean-p2}");
  EXPECT_EQ(f.plane.route("192.0.2.0/32"), "{local-p2}");
  EXPECT_EQ(f.plane.routes.count(prefix("192.0.2.1/32")), 0U);
  EXPECT_EQ(f.plane.routes.count(prefix("2001:db8::/128")), 0U);
}

TEST(Forwarding, AddReplaceWithdraw) {
  RibFixture f;
  f.start(2);
  f.announce(0, "10.0.2.2/32", f.path({65001, 64999}));
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{"set 10.0.2.2/32 {p0}"});

  // The same again: nothing to do, and the path keeps its age.
  f.now = at(1100);
  f.announce(0, "10.0.2.2/32", f.path({65001, 64999}));
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{});
  EXPECT_EQ(f.show("10.0.2.2/32").front().age, std::chrono::seconds{100});

  // Other attributes, same next hop: the tables don't care.
  f.announce(0, "10.0.2.2/32", f.path({65001, 64998}));
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{});

  f.withdraw(0, "10.0.2.2/32");
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{"remove 10.0.2.2/32"});
  EXPECT_TRUE(f.show("10.0.2.2/32").empty());
  f.withdraw(0, "10.0.2.2/32");
  f.withdraw(1, "10.9.9.9/32");
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{});
}

TEST(Forwarding, SecondPeerMakesMultipathAndItsLossUnmakesIt) {
  RibFixture f;
  f.start(2);
  f.announce(0, "0.0.0.0/0", f.path({65001, 65201}));
  f.settle();
  f.announce(1, "0.0.0.0/0", f.path({65002, 65201}));
  f.settle();
  EXPECT_EQ(f.plane.take_log(), (Log{"set 0.0.0.0/0 {p0}", "set 0.0.0.0/0 {p0 p1}"}));
  // The larger group is asked to leave the flows of the smaller one where they are.
  EXPECT_TRUE(f.plane.groups[f.plane.routes[prefix("0.0.0.0/0")]].resemble.has_value());

  f.down(1);
  EXPECT_EQ(f.plane.route("0.0.0.0/0"), "{!p1 p0}")
      << "liveness first, before any route is touched";
  EXPECT_EQ(f.plane.take_log(), Log{});
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{"set 0.0.0.0/0 {p0}"}) << "replaced, never removed";
}

// A session that is reset takes its table along; what another peer has, too, is replaced in place.
TEST(Forwarding, ASessionResetNeverEmptiesTheTable) {
  constexpr unsigned kRoutes = 600;
  RibFixture f;
  f.start(2);
  const auto announce_all = [&f](unsigned peer) {
    for (unsigned i = 0; i < kRoutes; ++i) {
      f.announce(peer, "10." + std::to_string(i / 256) + '.' + std::to_string(i % 256) + ".0/24",
                 f.path({65001 + peer, 65201}));
    }
  };
  announce_all(0);
  announce_all(1);
  f.settle();
  f.plane.take_log();
  const std::size_t routes = f.plane.routes.size();

  f.down(0);
  f.settle();
  const Log log = f.plane.take_log();
  EXPECT_EQ(log.size(), kRoutes) << "one operation for each route";
  for (const std::string& line : log) ASSERT_TRUE(line.starts_with("set ")) << line;
  EXPECT_EQ(f.plane.routes.size(), routes);
}

TEST(Forwarding, LongerPathStandsByAsBackup) {
  RibFixture f;
  f.start(2);
  f.announce(0, "10.255.255.1/32", f.path({65001}));
  f.announce(1, "10.255.255.1/32", f.path({65002, 65201, 65001}));
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{"set 10.255.255.1/32 {p0 | p1}"}) << "decided once";
  f.down(0);
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{"set 10.255.255.1/32 {p1}"});
  f.down(1);
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{"remove 10.255.255.1/32"});
}

TEST(Forwarding, ManyRoutesShareOneGroup) {
  RibFixture f;
  f.start(2);
  const unsigned before = f.plane.acquisitions;
  for (unsigned i = 0; i < 1000; ++i) {
    const std::string p = fmt::format("20.{}.{}.0/24", i / 256, i % 256);
    f.announce(0, p, f.path({65001, 65201, 60000 + i % 7}));
    f.announce(1, p, f.path({65002, 65201, 60000 + i % 7}));
  }
  f.settle();
  EXPECT_EQ(f.plane.acquisitions, before + 1);
  EXPECT_EQ(f.rib->summary().installed[0], 1006U);
  f.down(0);
  f.settle(64);
  EXPECT_EQ(f.plane.acquisitions, before + 2);
  EXPECT_EQ(f.plane.route("20.3.231.0/24"), "{p1}");
}

TEST(Forwarding, ASessionThatReturnsGetsNextHopsOfItsOwn) {
  RibFixture f;
  f.start(2);
  for (unsigned i = 0; i < 100; ++i) {
    f.announce(0, fmt::format("20.0.{}.0/24", i), f.path({65001}));
    f.announce(1, fmt::format("20.0.{}.0/24", i), f.path({65002}));
  }
  f.settle();
  f.down(0);
  f.rib->work(4, f.now);  // the sweep has only begun
  f.up(0);
  f.announce(0, "20.0.50.0/24", f.path({65001}));
  f.rib->work(4, f.now);
  // The route that the new session brought uses the neighbor; the others don't, though the
  // neighbor is up: it may not have their routes.
  EXPECT_EQ(f.plane.route("20.0.50.0/24"), "{p0 p1}");
  EXPECT_EQ(f.plane.route("20.0.99.0/24"), "{!p0 p1}");
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.50.0/24"), "{p0 p1}");
  EXPECT_EQ(f.plane.route("20.0.99.0/24"), "{p1}");
  EXPECT_EQ(f.rib->counts(f.peer(0)).received[0], 1U);
}

TEST(Forwarding, SessionLostDuringTheSweepOfAnother) {
  RibFixture f;
  f.start(2);
  for (unsigned i = 0; i < 100; ++i) {
    f.announce(0, fmt::format("20.0.{}.0/24", i), f.path({65001}));
    f.announce(1, fmt::format("20.0.{}.0/24", i), f.path({65002}));
    f.announce(1, fmt::format("2001:db8:{:x}::/48", i + 16), f.path({65002}));
  }
  f.settle();
  f.down(0);
  f.rib->work(40, f.now);
  f.down(1);
  f.up(0);
  f.up(1);
  f.settle(16);
  EXPECT_EQ(f.plane.routes.size(), 7U);
  EXPECT_EQ(f.rib->summary().prefixes[0], 6U);
  EXPECT_EQ(f.rib->summary().next_hops, 4U)
      << "host, glean, port, broadcast: no hop of a session is left";
}

TEST(Forwarding, EverythingIsGivenBackAtTheEnd) {
  RibFixture f;
  f.start(2);
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.announce(1, "20.0.0.0/24", f.path({65002}));
  f.announce(1, "20.0.1.0/24", f.path({65002, 7, 0}));
  f.settle();
  f.announce(1, "20.0.2.0/24", f.path({65002}));  // not even decided
  f.rib.reset();
  EXPECT_TRUE(f.plane.routes.empty());
  EXPECT_EQ(f.plane.live_groups(), 0U);
  EXPECT_EQ(f.plane.live_hops(), 0U);
}

// --- what the tables refuse ----------------------------------------------------------------------

TEST(Forwarding, RefusedRouteIsShownAndTriedAgainWhenThereIsRoom) {
  RibFixture f;
  f.start(1);
  f.plane.max_routes = 8;
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.announce(0, "20.0.1.0/24", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.rib->summary().fib_failures, 1U);
  const RouteView refused = f.show("20.0.1.0/24").front();
  EXPECT_EQ(refused.fib_error, "too many routes");
  EXPECT_FALSE(refused.installed);
  EXPECT_TRUE(refused.best);
  EXPECT_EQ(f.plane.route("20.0.1.0/24"), "none");

  f.withdraw(0, "20.0.0.0/24");
  f.settle();
  EXPECT_EQ(f.rib->summary().fib_failures, 0U);
  EXPECT_EQ(f.plane.route("20.0.1.0/24"), "{p0}");
  EXPECT_TRUE(f.show("20.0.1.0/24").front().fib_error.empty());
}

TEST(Forwarding, RefusedRouteThatIsWithdrawnIsForgotten) {
  RibFixture f;
  f.start(1);
  f.plane.max_routes = 7;
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.rib->summary().fib_failures, 1U);
  f.withdraw(0, "20.0.0.0/24");
  f.settle();
  EXPECT_EQ(f.rib->summary().fib_failures, 0U);
  EXPECT_EQ(f.rib->summary().prefixes[0], 6U);
}

TEST(Forwarding, NoGroupForAllPathsLeavesTheBestOne) {
  RibFixture f;
  f.start(2);
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.settle();
  f.plane.max_groups = f.plane.live_groups();
  f.announce(1, "20.0.0.0/24", f.path({65002}));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/24"), "{p0}");
  f.announce(1, "20.0.1.0/24", f.path({65002}));
  f.settle();
  EXPECT_EQ(f.show("20.0.1.0/24").front().fib_error, "too many next-hop groups");
  EXPECT_EQ(f.plane.route("20.0.1.0/24"), "none");
  EXPECT_EQ(f.plane.route("20.0.0.0/24"), "{p0}");
}

TEST(Forwarding, NoRoomForANextHopRefusesThePaths) {
  RibFixture f;
  f.start(1);
  f.plane.max_next_hops = f.plane.live_hops();
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/24").front().refusal,
            "the forwarding tables or the neighbor's share of them can't hold another next hop");
}

// --- static routes -------------------------------------------------------------------------------

Config with_static_routes() {
  Config config = fabric_config();
  config.routes = {
      {prefix("198.51.100.0/24"),
       {{PortId{2}, address("192.168.101.20"), 2}, {PortId{2}, address("192.168.101.21"), 1}}},
      {prefix("203.0.113.0/24"), {{PortId{0}, std::nullopt, 1}}},
      {prefix("100.64.0.0/10"), {}},
  };
  return config;
}

TEST(StaticRoutes, ViaAddressesResolveAndKeepWeights) {
  RibFixture f(with_static_routes());
  f.settle();
  EXPECT_EQ(f.plane.route("198.51.100.0/24"), "{p2? p2?*2}");
  EXPECT_EQ(f.plane.route("100.64.0.0/10"), "{blackhole}");
  EXPECT_EQ(f.neighborhood.take(),
            (std::vector<std::string>{"p2 192.168.101.20", "p2 192.168.101.21"}));
  f.rib->on_link_layer_neighbor({PortId{2}, address("192.168.101.20"), mac(20)}, f.now);
  EXPECT_EQ(f.plane.route("198.51.100.0/24"), "{!p2? p2*2}");
}

TEST(StaticRoutes, ViaAPortFollowsTheDiscoveredNeighbor) {
  RibFixture f(with_static_routes());
  f.settle();
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{!p0?}") << "nobody there";
  f.neighborhood.take();
  f.plane.take_log();

  f.rib->on_neighbor_discovered(PortId{0}, address("fe80::1"));
  EXPECT_EQ(f.neighborhood.take(), Log{"p0 fe80::1"});
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{p0?}");
  f.resolve(0);
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{p0}");

  f.rib->on_link_layer_neighbor({PortId{0}, address("fe80::9"), mac(9)}, f.now);
  f.rib->on_neighbor_discovered(PortId{0}, address("fe80::9"));
  const NextHopId hop =
      f.plane.groups[f.plane.routes[prefix("203.0.113.0/24")]].spec.primaries[0].next_hop;
  EXPECT_EQ(f.plane.hops[hop].spec.destination, mac(9));
  EXPECT_EQ(f.show("203.0.113.0/24")[0].next_hops[0].address, address("fe80::9"));

  f.rib->on_neighbor_discovered(PortId{0}, std::nullopt);
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{!p0?}");
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{}) << "all of it in place: no route was touched";
}

TEST(StaticRoutes, WinOverBgpAndHaveItAsBackup) {
  RibFixture f(with_static_routes());
  f.start(2);
  f.announce(1, "203.0.113.0/24", f.path({65002}));
  f.settle();
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{!p0? | p1}");
  EXPECT_EQ(f.show("203.0.113.0/24")[0].source, SourceKind::kStatic);
  EXPECT_EQ(f.show("203.0.113.0/24")[0].why, "best by preferred source");
  EXPECT_TRUE(f.show("203.0.113.0/24")[1].backup);
}

TEST(StaticRoutes, SurviveTheSessionWithTheSameNeighbor) {
  Config config = fabric_config();
  config.routes = {{prefix("203.0.113.0/24"), {{PortId{0}, address("fe80::1"), 1}}}};
  RibFixture f(config);
  f.start(1);
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.settle();
  f.down(0);
  EXPECT_EQ(f.plane.route("20.0.0.0/24"), "{!p0}");
  EXPECT_EQ(f.plane.route("203.0.113.0/24"), "{p0}");
}

// --- connected neighbors -------------------------------------------------------------------------

TEST(Connected, GleanedNeighborGetsARouteUntilItIsSilent) {
  RibFixture f;
  f.settle();
  const NextHopId glean =
      f.plane.groups[f.plane.routes[prefix("192.168.101.0/24")]].spec.primaries[0].next_hop;
  f.plane.take_log();
  f.rib->on_resolution_wanted({PortId{2}, glean, address("192.168.101.20")});
  EXPECT_EQ(f.neighborhood.take(), Log{"p2 192.168.101.20"});
  f.rib->on_link_layer_neighbor({PortId{2}, address("192.168.101.20"), mac(20)}, f.now);
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{"set 192.168.101.20/32 {p2}"});

  // Forgotten by the kernel: asked three times, then given up.
  f.rib->on_link_layer_neighbor({PortId{2}, address("192.168.101.20"), std::nullopt}, f.now);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(f.neighborhood.take(), Log{"p2 192.168.101.20"});
    f.settle();
    EXPECT_EQ(f.plane.take_log(), Log{});
    ASSERT_EQ(f.timers.armed.size(), 1U);
    f.rib->on_timer({f.timers.armed.begin()->first}, f.now);
  }
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{"remove 192.168.101.20/32"});
  EXPECT_TRUE(f.timers.armed.empty());
}

TEST(Connected, NeighborsElsewhereGetNoRoute) {
  RibFixture f;
  f.settle();
  f.plane.take_log();
  f.rib->on_link_layer_neighbor({PortId{0}, address("192.168.101.20"), mac(1)}, f.now);
  f.rib->on_link_layer_neighbor({PortId{2}, address("192.168.102.20"), mac(1)}, f.now);
  f.rib->on_link_layer_neighbor({PortId{2}, address("192.168.101.254"), mac(1)}, f.now);
  f.rib->on_link_layer_neighbor({PortId{2}, address("fe80::1"), mac(1)}, f.now);
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{});
}

}  // namespace
}  // namespace lastmile::rib::test
