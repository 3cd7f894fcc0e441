// Only-to-Customer (RFC 9234 section 5): which routes come in and go out between which roles, and
// with which mark.
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

using bgp::Role;

/// A transit router whose policies let everything pass: what is stopped here is stopped by roles.
Config open_transit() {
  Config config = fabric_config();
  config.router.mode = RouterMode::kTransit;
  config.policies = {{"all", {}, policy::Action::kAccept}};
  for (BgpNeighborConfig& neighbor : config.bgp.neighbors) {
    neighbor.import_policy = neighbor.export_policy = "all";
  }
  return config;
}

void up_as(RibFixture& f, unsigned n, Role role) {
  bgp::Negotiated session = f.session(n);
  session.role = role;
  f.resolve(n);
  f.up(n, session);
}

bgp::PathAttributes marked(bgp::PathAttributes attributes, std::uint32_t asn) {
  attributes.only_to_customer = bgp::Asn{asn};
  return attributes;
}

TEST(Roles, WhatComesIn) {
  struct Row {
    Role role;           // what we are to the neighbor, AS 65001
    std::uint32_t mark;  // 0: none
    bool taken;
    std::uint32_t stored;
  };
  const Row rows[] = {
      {Role::kProvider, 0, true, 0},
      {Role::kProvider, 65001, false, 65001},
      {Role::kRouteServer, 0, true, 0},
      {Role::kRouteServer, 65201, false, 65201},
      {Role::kCustomer, 0, true, 65001},
      {Role::kCustomer, 65201, true, 65201},
      {Role::kRouteServerClient, 0, true, 65001},
      {Role::kRouteServerClient, 65201, true, 65201},
      {Role::kPeer, 0, true, 65001},
      {Role::kPeer, 65001, true, 65001},
      {Role::kPeer, 65201, false, 65201},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(bgp::facts(row.role).name) + " " + std::to_string(row.mark));
    RibFixture f;
    up_as(f, 0, row.role);
    bgp::PathAttributes attributes = f.path({65001, 65201});
    if (row.mark != 0) attributes = marked(attributes, row.mark);
    f.announce(0, "20.0.0.0/8", attributes);
    f.settle();
    const auto views = f.show("20.0.0.0/8");
    ASSERT_EQ(views.size(), 1U);
    EXPECT_EQ(views[0].refusal, row.taken ? "" : to_string(Refusal::kRouteLeak));
    EXPECT_EQ(views[0].attributes.only_to_customer.value_or(bgp::Asn{}).value(), row.stored);
    EXPECT_EQ(f.plane.route("20.0.0.0/8"), row.taken ? "{p0}" : "none");
  }
}

TEST(Roles, WithoutARoleTheMarkIsPassedOnAndNothingElse) {
  RibFixture f(open_transit());
  f.start(2);
  f.announce(0, "20.0.0.0/8", marked(f.path({65001}), 65201));
  f.announce(0, "30.0.0.0/8", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.told(1).routes.at(prefix("20.0.0.0/8")).first.only_to_customer, bgp::Asn{65201});
  EXPECT_FALSE(f.told(1).routes.at(prefix("30.0.0.0/8")).first.only_to_customer);
}

TEST(Roles, WhatGoesOut) {
  struct Row {
    Role role;                  // what we are to the one who is told
    std::uint32_t marked_as;    // what it gets of the route with the mark of 65201; 0: nothing
    std::uint32_t unmarked_as;  // what it gets of the one without; 0: no mark
  };
  const Row rows[] = {
      {Role::kProvider, 65201, 64512}, {Role::kRouteServer, 65201, 64512},
      {Role::kCustomer, 0, 0},         {Role::kRouteServerClient, 0, 0},
      {Role::kPeer, 0, 64512},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(bgp::facts(row.role).name);
    RibFixture f(open_transit());
    f.start(1);
    up_as(f, 1, row.role);
    f.announce(0, "20.0.0.0/8", marked(f.path({65001}), 65201));
    f.announce(0, "30.0.0.0/8", f.path({65001}));
    f.settle();
    const auto& routes = f.told(1).routes;
    EXPECT_EQ(routes.contains(prefix("20.0.0.0/8")), row.marked_as != 0);
    if (row.marked_as != 0) {
      EXPECT_EQ(routes.at(prefix("20.0.0.0/8")).first.only_to_customer, bgp::Asn{row.marked_as});
    }
    const auto mark = routes.at(prefix("30.0.0.0/8")).first.only_to_customer;
    EXPECT_EQ(mark.value_or(bgp::Asn{}).value(), row.unmarked_as);
  }
}

TEST(Roles, AHostMarksItsOwnRoutes) {
  RibFixture f;
  up_as(f, 0, Role::kPeer);
  up_as(f, 1, Role::kCustomer);
  f.settle();
  EXPECT_EQ(f.told(0).routes.at(prefix("10.0.1.1/32")).first.only_to_customer, bgp::Asn{64512});
  EXPECT_FALSE(f.told(1).routes.at(prefix("10.0.1.1/32")).first.only_to_customer);
}

// From one provider to the other: the leak that this is about, found by the neighbor and by us.
TEST(Roles, NothingGoesFromOneProviderToTheOther) {
  RibFixture f(open_transit());
  up_as(f, 0, Role::kCustomer);
  up_as(f, 1, Role::kCustomer);
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  EXPECT_FALSE(f.told(1).routes.contains(prefix("20.0.0.0/8")));
  EXPECT_TRUE(f.told(1).routes.contains(prefix("10.0.1.1/32")));
}

TEST(Roles, LocalAsIsTheAsThatMarks) {
  RibFixture f(open_transit());
  bgp::Negotiated session = f.session(0);
  session.role = Role::kPeer;
  session.local_asn = bgp::Asn{65100};
  f.up(0, session);
  f.settle();
  EXPECT_EQ(f.told(0).routes.at(prefix("10.0.1.1/32")).first.only_to_customer, bgp::Asn{65100});
}

}  // namespace
}  // namespace lastmile::rib::test
