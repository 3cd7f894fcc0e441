// Several paths to a prefix for one neighbor (RFC 7911), and their identifiers.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

using bgp::Family;

constexpr unsigned kNeighbors = 5;
constexpr unsigned kCollector = 4;  ///< hears of several paths to IPv4 prefixes

Config several_config(RouterMode mode) {
  Config config = fabric_config();
  config.router.mode = mode;
  config.ports.resize(2);
  config.bgp.neighbors.clear();
  policy::Rules all;
  all.name = "all";
  all.otherwise = policy::Action::kAccept;
  policy::Rules most = all;
  most.name = "most";
  policy::Rule& held_back = most.rules.emplace_back();
  held_back.match.as_paths = {*policy::AsPathPattern::parse("666")};
  held_back.action = policy::Action::kReject;
  config.policies = {all, most};
  for (std::uint16_t i = 0; i < kNeighbors; ++i) {
    if (i >= config.ports.size()) config.ports.emplace_back().id = PortId{i};
    config.ports[i].name = fmt::format("up{}", i + 1);
    BgpNeighborConfig neighbor;
    neighbor.name = config.ports[i].name;
    neighbor.port = PortId{i};
    neighbor.enforce_first_as = false;
    if (mode == RouterMode::kTransit) neighbor.import_policy = neighbor.export_policy = "all";
    config.bgp.neighbors.push_back(neighbor);
  }
  return config;
}

constexpr std::string_view kSeveral = "20.0.0.0/24";

struct Several : RibFixture {
  explicit Several(RouterMode mode = RouterMode::kTransit) : Several(several_config(mode)) {}
  explicit Several(const Config& configuration) : RibFixture(configuration), config(configuration) {
    for (unsigned n = 0; n < kNeighbors; ++n) resolve(n);
    for (unsigned n = 0; n < kCollector; ++n) up(n);
    up(kCollector, collector(kCollector));
    settle();
  }
  static bgp::Negotiated collector(unsigned n) {
    bgp::Negotiated s = session(n);
    s.codec.own_path_ids = {Family::kIpv4Unicast};
    return s;
  }
  /// AS paths by identifier, as the neighbor has them now.
  std::map<std::uint32_t, std::string> paths(std::string_view text = kSeveral,
                                             unsigned n = kCollector) {
    std::map<std::uint32_t, std::string> found;
    for (const auto& [route, value] : told(n).paths) {
      if (route.first == prefix(text)) found[route.second] = to_string(value.first.as_path);
    }
    return found;
  }
  std::vector<std::string> as_paths(std::string_view text = kSeveral) {
    std::vector<std::string> found;
    for (const auto& [id, path] : paths(text)) found.push_back(path);
    std::ranges::sort(found);
    return found;
  }
  void limit(std::uint16_t most) {
    config.bgp.neighbors[kCollector].add_path_limit = most;
    apply();
  }
  void apply() {
    std::vector<bgp::PeerId> ids;
    for (unsigned n = 0; n < kNeighbors; ++n) ids.push_back(peer(n));
    rib->apply(config, ids, now);
    settle();
  }

  Config config;
};

using AsPaths = std::vector<std::string>;

TEST(AddPathSend, EachPathHasAnIdentifierThatStays) {
  Several f;
  f.announce(0, kSeveral, f.path({65001, 7}));
  f.announce(1, kSeveral, f.path({65002, 8, 7}));
  f.announce(2, kSeveral, f.path({65003, 9, 8, 7}));
  f.settle();
  const auto all = f.paths();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65001 7", "64512 65002 8 7", "64512 65003 9 8 7"}));
  EXPECT_EQ(to_string(f.told(3).routes.at(prefix(kSeveral)).first.as_path), "64512 65001 7")
      << "who takes one path hears of the best";

  // A path that goes is withdrawn by its identifier, and nothing else is said.
  const unsigned announced = f.told(kCollector).announced;
  const unsigned withdrawn = f.told(kCollector).withdrawn;
  f.withdraw(1, kSeveral);
  f.settle();
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65001 7", "64512 65003 9 8 7"}));
  EXPECT_EQ(f.told(kCollector).announced, announced);
  EXPECT_EQ(f.told(kCollector).withdrawn, withdrawn + 1);

  // It comes back under the same one, and so does a path that changes.
  f.announce(1, kSeveral, f.path({65002, 8, 7}));
  f.announce(0, kSeveral, f.path({65001, 6}));
  f.settle();
  auto changed = all;
  for (auto& [id, path] : changed) {
    if (path == "64512 65001 7") path = "64512 65001 6";
  }
  EXPECT_EQ(f.paths(), changed);
  EXPECT_EQ(f.told(kCollector).announced, announced + 2);
  EXPECT_EQ(f.told(kCollector).withdrawn, withdrawn + 1);
  EXPECT_EQ(f.told(kCollector).routes.size(), 1U) << "IPv6 is as ever";
}

TEST(AddPathSend, TheBestOnesUpToTheLimit) {
  Several f;
  f.limit(2);
  f.announce(0, kSeveral, f.path({65001, 7, 7, 7}));
  f.announce(1, kSeveral, f.path({65002, 7, 7}));
  f.announce(2, kSeveral, f.path({65003, 7}));
  f.settle();
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65002 7 7", "64512 65003 7"}));
  // A better one takes the place of the worst.
  f.announce(3, kSeveral, f.path({65004}));
  f.settle();
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65003 7", "64512 65004"}));
  f.withdraw(2, kSeveral);
  f.settle();
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65002 7 7", "64512 65004"}));
  // Another limit is no other session: the difference is told.
  const unsigned announced = f.told(kCollector).announced;
  f.limit(kAllPaths);
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65001 7 7 7", "64512 65002 7 7", "64512 65004"}));
  EXPECT_EQ(f.told(kCollector).announced, announced + 1);
  f.limit(1);
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65004"}));
  EXPECT_EQ(f.told(kCollector).announced, announced + 1);
}

TEST(AddPathSend, TheLimitCountsWhatThePolicyLetsThrough) {
  Several f;
  f.config.bgp.neighbors[kCollector].export_policy = "most";
  f.limit(2);
  f.announce(0, kSeveral, f.path({666}));
  f.announce(1, kSeveral, f.path({65002, 7}));
  f.announce(2, kSeveral, f.path({65003, 7}));
  f.settle();
  ASSERT_TRUE(f.show(kSeveral)[0].best && f.show(kSeveral)[0].peer_name == "up1");
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65002 7", "64512 65003 7"}));
  f.announce(3, kSeveral, f.path({65004}));
  f.withdraw(1, kSeveral);
  f.settle();
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65003 7", "64512 65004"}));
}

TEST(AddPathSend, NobodyIsToldItsOwnPaths) {
  Several f;
  f.up(3, f.collector(3));
  f.announce(0, kSeveral, f.path({65001, 7}));
  f.announce(3, kSeveral, f.path({65004, 7}));
  f.announce(kCollector, kSeveral, f.path({65005, 7}));
  f.settle();
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65001 7", "64512 65004 7"}));
  EXPECT_EQ(f.paths(kSeveral, 3).size(), 2U);
  EXPECT_EQ(f.rib->counts(f.peer(kCollector)).advertised[0], f.told(kCollector).paths.size());
  f.withdraw(3, kSeveral);
  f.settle();
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65001 7"}));
  EXPECT_EQ(f.paths(kSeveral, 3).size(), 2U);
}

TEST(AddPathSend, WhatANeighborSendsSeveralOfIsPassedOn) {
  Several f;
  bgp::Negotiated server = f.session(0);
  server.codec.path_ids = {Family::kIpv4Unicast};
  f.up(0, server);
  const auto say = [&](std::uint32_t id, const bgp::PathAttributes& attributes) {
    bgp::Update update;
    update.attributes = attributes;
    update.reach.push_back(
        {Family::kIpv4Unicast, f.via(0), std::vector<bgp::Nlri<Ipv4Address>>{{v4(kSeveral), id}}});
    f.rib->on_update(f.peer(0), update, f.now);
  };
  say(0xffff0000, f.path({65001, 7}));
  say(3, f.path({65001, 8}));
  f.settle();
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512 65001 7", "64512 65001 8"}));
  // The session goes, and with it its paths.
  f.down(0);
  f.settle();
  EXPECT_TRUE(f.paths().empty());
}

TEST(AddPathSend, ANewcomerAndARefreshHearAllPaths) {
  Several f;
  f.announce(0, kSeveral, f.path({65001, 7}));
  f.announce(1, kSeveral, f.path({65002, 7}));
  f.settle();
  f.up(3, f.collector(3));
  f.settle();
  EXPECT_EQ(f.paths(kSeveral, 3), f.paths());
  EXPECT_EQ(f.told(3).end_of_rib.size(), 2U);
  const unsigned announced = f.told(3).announced;
  f.rib->on_route_refresh(f.peer(3), {Family::kIpv4Unicast, 0}, f.now);
  f.settle();
  EXPECT_EQ(f.told(3).announced, announced + f.told(3).paths.size());
  EXPECT_EQ(f.paths(kSeveral, 3), f.paths());
}

TEST(AddPathSend, ASlowNeighborHearsOutcomesPathByPath) {
  Several f;
  f.up(3, f.collector(3));
  f.announce(0, kSeveral, f.path({65001, 7}));
  f.announce(1, kSeveral, f.path({65002, 7}));
  f.settle();
  f.told(3).writable = false;
  f.announce(2, "21.0.0.0/24", f.path({65003}));
  f.settle_slow();
  f.withdraw(0, kSeveral);
  f.announce(2, kSeveral, f.path({65003, 7}));
  f.announce(0, "22.0.0.0/24", f.path({65001}));
  f.settle();
  f.withdraw(0, "22.0.0.0/24");
  f.settle();
  EXPECT_NE(f.paths(kSeveral, 3), f.paths());
  f.told(3).writable = true;
  f.rib->on_writable(f.peer(3), f.now);
  f.settle();
  EXPECT_EQ(f.told(3).paths, f.told(kCollector).paths);
  EXPECT_EQ(f.told(3).withdrawn, 1U) << "what came and went it need not know";
}

TEST(AddPathSend, AHostTellsOfItsOwnAddressesAndNothingElse) {
  Config config = several_config(RouterMode::kHost);
  config.routes = {{prefix("10.0.1.1/32"), {}, true}};
  Several f(config);
  f.announce(0, kSeveral, f.path({65001, 7}));
  f.announce(1, kSeveral, f.path({65002, 7}));
  f.announce(0, "10.0.1.1/32", f.path({65001}));
  f.settle();
  std::vector<std::string> told;
  for (const auto& [route, value] : f.told(kCollector).paths) {
    told.push_back(to_string(route.first));
  }
  EXPECT_EQ(told, (AsPaths{"10.0.1.1/32", "192.168.0.250/32"}));
}

TEST(AddPathSend, OursAndANeighborsPathToOnePrefix) {
  Config config = several_config(RouterMode::kTransit);
  config.routes = {{prefix(kSeveral), {}, true}};
  Several f(config);
  f.announce(0, kSeveral, f.path({65001}));
  f.settle();
  EXPECT_EQ(f.as_paths(), (AsPaths{"64512", "64512 65001"}));
  EXPECT_EQ(to_string(f.told(3).routes.at(prefix(kSeveral)).first.as_path), "64512");
}

TEST(AddPathSend, IsShownWithIdentifiers) {
  Several f;
  f.announce(0, kSeveral, f.path({65001, 7}));
  f.announce(1, kSeveral, f.path({65002, 8, 7}));
  f.settle();
  RouteQuery exactly;
  exactly.prefix = prefix(kSeveral);
  const auto views = f.rib->advertised(f.peer(kCollector), exactly);
  ASSERT_EQ(views.size(), 2U);
  EXPECT_LT(views[0].path_id, views[1].path_id);
  EXPECT_EQ(views[0].peer_name, "up1");
  EXPECT_EQ(views[1].peer_name, "up2");
  EXPECT_EQ(to_string(views[1].attributes.as_path), "64512 65002 8 7");
  const auto one = f.rib->advertised(f.peer(3), exactly);
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].path_id, std::nullopt);
  RouteQuery longest;
  longest.address = address("20.0.0.9");
  EXPECT_EQ(f.rib->advertised(f.peer(kCollector), longest).size(), 2U);
  const auto routes = f.show(kSeveral);
  ASSERT_EQ(routes.size(), 2U);
  EXPECT_EQ(routes[0].advertised_to,
            (std::vector{f.peer(1), f.peer(2), f.peer(3), f.peer(kCollector)}));
  EXPECT_EQ(routes[1].advertised_to, std::vector{f.peer(kCollector)});
  std::size_t walked = 0;
  for (RouteCursor cursor; !cursor.done;) {
    f.rib->walk_advertised(cursor, 1, f.peer(kCollector), [&](const AdvertisedView&) { ++walked; });
  }
  EXPECT_EQ(walked, f.told(kCollector).paths.size() + f.told(kCollector).routes.size());
}

}  // namespace
}  // namespace lastmile::rib::test
