// One neighbor's part of the table: what it has sent, what of that is used, what it has been sent.
#include <gtest/gtest.h>

#include <set>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

using Paths = PathFilter::Paths;

RouteQuery exactly(std::string_view text) {
  RouteQuery query;
  query.prefix = prefix(text);
  return query;
}
RouteQuery longest_match(std::string_view text) {
  RouteQuery query;
  query.address = address(text);
  return query;
}

/// Two neighbors that both announce 20.0.0.0/8, and one of them a route of ours.
struct Views : RibFixture {
  Views() {
    start(2);
    announce(0, {"20.0.0.0/8", "10.0.1.1/32", "21.0.0.0/8"}, path({65001}), via(0));
    announce(0, {"2001:db8:7::/48"}, path({65001}), via(0));
    announce(1, {"20.0.0.0/8", "22.0.0.0/8"}, path({65002}), via(1));
    settle();
  }
  /// "20.0.0.0/8", with the reason if it is refused.
  std::multiset<std::string> walk(const PathFilter& filter, std::size_t page) const {
    std::multiset<std::string> seen;
    RouteCursor cursor;
    for (int pages = 0; !cursor.done; ++pages) {
      EXPECT_LT(pages, 100) << "it never ends";
      if (pages == 100) break;
      std::size_t on_page = 0;
      rib->walk(cursor, page, filter, now, [&](const RouteView& view) {
        seen.insert(to_string(view.prefix) + (view.refusal.empty() ? "" : " " + view.refusal));
        ++on_page;
      });
      EXPECT_LE(on_page, page) << "one path of this neighbor for each prefix";
    }
    return seen;
  }
  std::multiset<std::string> advertised(unsigned n, std::size_t page) const {
    std::multiset<std::string> seen;
    RouteCursor cursor;
    while (!cursor.done) {
      rib->walk_advertised(cursor, page, peer(n), [&](const AdvertisedView& view) {
        seen.insert(to_string(view.prefix) + " " + to_string(view.attributes.as_path));
        EXPECT_EQ(view.source, SourceKind::kLocal);
        EXPECT_EQ(view.next_hop.link_local, v6_address("fe80::aa"));
      });
    }
    return seen;
  }
};

TEST(Views, WhatANeighborHasSent) {
  const Views f;
  const std::string ours = std::string("10.0.1.1/32 ") + to_string(Refusal::kOwnAddress);
  for (const std::size_t page : {1U, 2U, 100U}) {
    EXPECT_EQ(f.walk({f.peer(0), Paths::kAll}, page),
              (std::multiset<std::string>{"20.0.0.0/8", "21.0.0.0/8", "2001:db8:7::/48", ours}));
    EXPECT_EQ(f.walk({f.peer(0), Paths::kAccepted}, page),
              (std::multiset<std::string>{"20.0.0.0/8", "21.0.0.0/8", "2001:db8:7::/48"}));
    EXPECT_EQ(f.walk({f.peer(1), Paths::kAll}, page),
              (std::multiset<std::string>{"20.0.0.0/8", "22.0.0.0/8"}));
  }
  EXPECT_TRUE(f.walk({f.peer(7), Paths::kAll}, 10).empty()) << "there is no such neighbor";
}

TEST(Views, OfOnePrefix) {
  const Views f;
  const auto paths = [&](std::string_view text, unsigned n, Paths which) {
    return f.rib->routes({.prefix = prefix(text), .address = {}, .peer = f.peer(n), .paths = which},
                         f.now);
  };
  ASSERT_EQ(paths("20.0.0.0/8", 1, Paths::kAll).size(), 1U);
  EXPECT_EQ(paths("20.0.0.0/8", 1, Paths::kAll)[0].peer_name, "up2");
  EXPECT_EQ(paths("10.0.1.1/32", 0, Paths::kAll).size(), 1U);
  EXPECT_TRUE(paths("10.0.1.1/32", 0, Paths::kAccepted).empty());
}

TEST(Views, WhatANeighborHasBeenSent) {
  const Views f;
  const std::multiset<std::string> own{"10.0.1.1/32 64512", "192.168.0.250/32 64512",
                                       "2001:db8:1::1/128 64512"};
  for (const std::size_t page : {1U, 2U, 100U}) EXPECT_EQ(f.advertised(0, page), own);
  EXPECT_TRUE(f.advertised(7, 10).empty());

  const auto one = [&](const RouteQuery& query) { return f.rib->advertised(f.peer(0), query); };
  EXPECT_EQ(one(exactly("10.0.1.1/32")).size(), 1U);
  EXPECT_TRUE(one(exactly("20.0.0.0/8")).empty()) << "a host announces nothing that it learned";
  EXPECT_EQ(one(longest_match("2001:db8:1::1")).size(), 1U);
  EXPECT_TRUE(one(longest_match("20.0.0.1")).empty());
}

// Policies and our own AS are in it: it is what the neighbor got, not what we have.
TEST(Views, WhatANeighborHasBeenSentIsAsItWasSent) {
  Config config = fabric_config();
  config.router.mode = RouterMode::kTransit;
  policy::Rule longer;
  longer.action = policy::Action::kAccept;
  longer.set.add_communities = {{0xfc000001}};
  config.policies = {{"out", {longer}, policy::Action::kReject},
                     {"all", {}, policy::Action::kAccept}};
  for (auto& neighbor : config.bgp.neighbors) {
    neighbor.import_policy = "all";
    neighbor.export_policy = "out";
  }
  RibFixture f(config);
  f.start(2);
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  const auto sent = f.rib->advertised(f.peer(1), exactly("20.0.0.0/8"));
  ASSERT_EQ(sent.size(), 1U);
  EXPECT_EQ(to_string(sent[0].attributes.as_path), "64512 65001");
  EXPECT_EQ(sent[0].attributes.communities, (std::vector<bgp::Community>{{0xfc000001}}));
  EXPECT_EQ(sent[0].source, SourceKind::kBgp);
  EXPECT_EQ(sent[0].peer_name, "up1");
}

}  // namespace
}  // namespace lastmile::rib::test
