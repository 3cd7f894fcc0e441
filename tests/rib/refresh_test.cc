// Refreshes whose begin and end are marked (RFC 7313): of our routes, and of a peer's.
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

using bgp::Family;
using bgp::RouteRefresh;

const TimerKey kRefreshTimer{TimerKind::kStaleRoutes, 0};

/// Peer 0 marks its refreshes; it has announced two routes.
struct Refreshing : RibFixture {
  explicit Refreshing(const Config& config = fabric_config()) : RibFixture(config) {
    resolve(0);
    bgp::Negotiated session = RibFixture::session(0);
    session.enhanced_refresh = true;
    up(0, session);
    announce(0, {"20.0.0.0/8", "21.0.0.0/8"}, path({65001}), via(0));
    announce(0, {"2001:db8:7::/48"}, path({65001}), via(0));
    settle();
    plane.take_log();
  }
  void hear(std::uint8_t subtype, Family family = Family::kIpv4Unicast) {
    rib->on_route_refresh(peer(0), {family, subtype}, now);
    settle();
  }
};

TEST(Refresh, OursIsMarkedAtBothEnds) {
  Refreshing f;
  const unsigned before = f.told(0).announced;
  EXPECT_EQ(f.told(0).end_of_rib.size(), 2U);
  f.hear(RouteRefresh::kRequest);
  const auto& marks = f.told(0).marks;
  ASSERT_EQ(marks.size(), 2U);
  EXPECT_EQ(marks[0].first, (RouteRefresh{Family::kIpv4Unicast, RouteRefresh::kBegin}));
  EXPECT_EQ(marks[0].second, before);
  EXPECT_EQ(marks[1].first, (RouteRefresh{Family::kIpv4Unicast, RouteRefresh::kEnd}));
  EXPECT_EQ(marks[1].second, before + 2);
}

TEST(Refresh, OursIsNotMarkedForAPeerThatDoesNotKnowMarks) {
  RibFixture f;
  f.start(1);
  const unsigned before = f.told(0).announced;
  f.rib->on_route_refresh(f.peer(0), {Family::kIpv4Unicast, RouteRefresh::kRequest}, f.now);
  f.settle();
  EXPECT_EQ(f.told(0).announced, before + 2);
  EXPECT_TRUE(f.told(0).marks.empty());
}

TEST(Refresh, OursIsNotMarkedBeforeTheInitialTableIsComplete) {
  RibFixture f;
  bgp::Negotiated session = f.session(0);
  session.enhanced_refresh = true;
  f.up(0, session);
  f.rib->on_route_refresh(f.peer(0), {Family::kIpv4Unicast, RouteRefresh::kRequest}, f.now);
  f.settle();
  EXPECT_TRUE(f.told(0).marks.empty());
  EXPECT_EQ(f.told(0).end_of_rib.size(), 2U);
}

TEST(Refresh, AskedForTwiceItIsOneLongOne) {
  Refreshing f;
  const unsigned before = f.told(0).announced;
  f.rib->on_route_refresh(f.peer(0), {Family::kIpv4Unicast, RouteRefresh::kRequest}, f.now);
  (void)f.rib->work(1, f.now);
  f.hear(RouteRefresh::kRequest);
  ASSERT_EQ(f.told(0).marks.size(), 2U);
  EXPECT_EQ(f.told(0).marks[1].first.subtype, RouteRefresh::kEnd);
  EXPECT_GE(f.told(0).marks[1].second, before + 2);
}

TEST(Refresh, WhatThePeerDoesNotAnnounceAgainGoes) {
  Refreshing f;
  f.hear(RouteRefresh::kBegin);
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "{p0}") << "used until the end";
  EXPECT_TRUE(f.show("21.0.0.0/8")[0].stale);
  EXPECT_TRUE(f.timers.armed.contains(kRefreshTimer));
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{}) << "nothing has changed for the tables";
  f.hear(RouteRefresh::kEnd);
  EXPECT_EQ(f.plane.take_log(), Log{"remove 21.0.0.0/8"});
  EXPECT_EQ(f.plane.route("2001:db8:7::/48"), "{p0}") << "another family";
  EXPECT_FALSE(f.timers.armed.contains(kRefreshTimer));
  EXPECT_EQ(f.rib->counts(f.peer(0)).received, (PathCounts{1, 1}));

  f.announce(0, "20.0.0.0/8", f.path({65001, 7}));
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/8").size(), 1U);
  f.down(0);
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
}

TEST(Refresh, ASecondBeginChangesNothing) {
  Refreshing f;
  f.hear(RouteRefresh::kBegin);
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.hear(RouteRefresh::kBegin);
  f.hear(RouteRefresh::kEnd);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "none");
}

TEST(Refresh, AnEndWithoutABeginMeansNothing) {
  Refreshing f;
  f.hear(RouteRefresh::kEnd);
  EXPECT_EQ(f.plane.take_log(), Log{});
}

TEST(Refresh, OneThatNeverEndsDoesSoInTime) {
  Refreshing f;
  f.hear(RouteRefresh::kBegin);
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.rib->on_timer({kRefreshTimer}, f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "none");
  f.hear(RouteRefresh::kBegin);
  f.hear(RouteRefresh::kEnd);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
}

// Section 4: a peer that restarts gracefully marks nothing before its End-of-RIB.
TEST(Refresh, NoneBeforeTheEndOfRib) {
  RibFixture f;
  f.resolve(0);
  bgp::Negotiated session = RibFixture::session(0);
  session.enhanced_refresh = true;
  session.graceful_restart.emplace();
  session.graceful_restart->families = {{Family::kIpv4Unicast, true}};
  f.up(0, session);
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  const auto mark = [&](std::uint8_t subtype) {
    f.rib->on_route_refresh(f.peer(0), {Family::kIpv4Unicast, subtype}, f.now);
    f.settle();
  };
  mark(RouteRefresh::kBegin);
  mark(RouteRefresh::kEnd);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  bgp::Update end;
  end.end_of_rib = Family::kIpv4Unicast;
  f.rib->on_update(f.peer(0), end, f.now);
  mark(RouteRefresh::kBegin);
  mark(RouteRefresh::kEnd);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
}

// The inbound soft reconfiguration of a reload, from end to end.
TEST(Refresh, JudgesByTheNewPolicyAndForgetsWhatIsGone) {
  Config config = fabric_config();
  Refreshing f(config);
  config.policies = {{"none", {}, policy::Action::kReject}};
  config.bgp.neighbors[0].import_policy = "none";
  f.rib->apply(config, {f.peer(0), f.peer(1)}, f.now);
  ASSERT_EQ(f.output.refreshes.size(), 2U);
  f.hear(RouteRefresh::kBegin);
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.hear(RouteRefresh::kEnd);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
  EXPECT_EQ(f.show("20.0.0.0/8")[0].refusal, "policy none: no rule matches: rejected by default");
  EXPECT_TRUE(f.show("21.0.0.0/8").empty());
}

}  // namespace
}  // namespace lastmile::rib::test
