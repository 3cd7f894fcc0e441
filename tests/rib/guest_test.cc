// Guests: static routes that neighbors are told of while the guest's port is up, in host mode, too.
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

const std::vector<bgp::PeerId> kBothPeers = {bgp::PeerId{0}, bgp::PeerId{1}};
constexpr PortId kGuestPort{2};
const IpPrefix kGuest = prefix("198.51.100.7/32");

Config with_guest(RouterMode mode = RouterMode::kHost) {
  Config config = fabric_config();
  config.router.mode = mode;
  StaticRouteConfig guest{.prefix = kGuest,
                          .via = {{.port = kGuestPort, .address = address("198.51.100.7")}}};
  guest.announce = true;
  StaticRouteConfig silent{.prefix = prefix("198.51.100.8/32"),
                           .via = {{.port = kGuestPort, .address = address("198.51.100.8")}}};
  config.routes = {guest, silent};
  config.ports[kGuestPort.value()].side = PortSide::kLocal;
  return config;
}

struct Guests : RibFixture {
  explicit Guests(const Config& config = with_guest()) : RibFixture(config) {
    link(LinkState::kDown);
    rib->on_link_layer_neighbor({kGuestPort, address("198.51.100.7"), mac(20)}, now);
    start(2);
    settle();
  }
  void link(LinkState state) {
    rib->on_link_changed({kGuestPort, state});
    settle();
  }
  bool tells(unsigned peer, const IpPrefix& what = kGuest) {
    return told(peer).routes.contains(what);
  }
};

TEST(GuestRoutes, AreAnnouncedWhileTheirPortIsUp) {
  Guests f;
  EXPECT_FALSE(f.tells(0));
  EXPECT_EQ(f.plane.route("198.51.100.7/32"), "{!p2}") << "not by a default route";
  f.link(LinkState::kUp);
  EXPECT_TRUE(f.tells(0) && f.tells(1));
  EXPECT_EQ(f.plane.route("198.51.100.7/32"), "{p2}");
  EXPECT_FALSE(f.tells(0, prefix("198.51.100.8/32"))) << "nobody said so";
  f.link(LinkState::kDown);
  EXPECT_FALSE(f.tells(0) || f.tells(1));
  f.link(LinkState::kUp);
  EXPECT_TRUE(f.tells(0) && f.tells(1));
}

TEST(GuestRoutes, InASubnetOfThePortAreAnnouncedWhenTheirLinkLayerAddressIsKnown) {
  Config config = with_guest();
  config.routes[0].prefix = prefix("192.168.101.7/32");
  config.routes[0].via[0].address = address("192.168.101.7");
  Guests f(config);
  f.link(LinkState::kUp);
  f.rib->on_link_layer_neighbor({kGuestPort, address("192.168.101.7"), mac(21)}, f.now);
  f.rib->on_link_layer_neighbor({kGuestPort, address("192.168.101.8"), mac(22)}, f.now);
  f.settle();
  EXPECT_TRUE(f.tells(0, prefix("192.168.101.7/32")));
  EXPECT_FALSE(f.tells(0, prefix("192.168.101.8/32"))) << "a neighbor like others";
  // A reload makes a guest of the other, too.
  config.routes[1].prefix = prefix("192.168.101.8/32");
  config.routes[1].via[0].address = address("192.168.101.8");
  config.routes[1].announce = true;
  f.rib->apply(config, kBothPeers, f.now);
  f.settle();
  EXPECT_TRUE(f.tells(0, prefix("192.168.101.8/32")));
  // And one that makes it a neighbor like others again.
  config.routes.pop_back();
  f.rib->apply(config, kBothPeers, f.now);
  f.settle();
  EXPECT_FALSE(f.tells(0, prefix("192.168.101.8/32")));
  EXPECT_EQ(f.plane.route("192.168.101.8/32"), "{p2}") << "by the neighbor's own route";
}

TEST(GuestRoutes, NeighborsCannotTakeThem) {
  Guests f;
  f.link(LinkState::kUp);
  f.announce(0, "198.51.100.7/32", f.path({65001}));
  f.announce(0, "198.51.100.0/24", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.plane.route("198.51.100.7/32"), "{p2}");
  EXPECT_EQ(f.plane.route("198.51.100.0/24"), "{p0}") << "what is around them is no guest's";
  const auto paths = f.show("198.51.100.7/32");
  ASSERT_EQ(paths.size(), 2U);
  EXPECT_EQ(paths[1].refusal, "equals or is inside one of our own addresses (host guard)");
}

TEST(GuestRoutes, AReloadThatBringsOneAsksNeighborsAgain) {
  Config before = with_guest();
  before.routes.clear();
  Guests f(before);
  f.link(LinkState::kUp);
  f.announce(0, "198.51.100.7/32", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.plane.route("198.51.100.7/32"), "{p0}");
  f.rib->apply(with_guest(), kBothPeers, f.now);
  f.settle();
  EXPECT_TRUE(f.tells(1));
  EXPECT_EQ(f.output.refreshes.size(), 4U) << "two peers, two families";
  f.rib->apply(before, kBothPeers, f.now);
  f.settle();
  EXPECT_FALSE(f.tells(1));
}

TEST(GuestRoutes, InTransitModeFollowTheirPort) {
  Config config = with_guest(RouterMode::kTransit);
  accept_everything(config);
  Guests f(config);
  EXPECT_FALSE(f.tells(0));
  EXPECT_TRUE(f.tells(0, prefix("198.51.100.8/32"))) << "a static route like others";
  f.link(LinkState::kUp);
  EXPECT_TRUE(f.tells(0));
}

}  // namespace
}  // namespace lastmile::rib::test
