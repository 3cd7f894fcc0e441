// A peer that restarts (RFC 4724 section 4.2): its routes stay, and the tables are not touched by
// what it announces again.
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

using bgp::Family;

const TimerKey kStaleTimer{TimerKind::kStaleRoutes, 0};

bgp::Negotiated restarting(std::vector<bgp::GracefulRestart::Kept> families) {
  bgp::Negotiated session = RibFixture::session(0);
  session.graceful_restart.emplace();
  session.graceful_restart->families = std::move(families);
  return session;
}
bgp::Negotiated both_kept() {
  return restarting({{Family::kIpv4Unicast, true}, {Family::kIpv6Unicast, true}});
}

/// Two routes of each family from peer 0, which restarts.
struct Restarting : RibFixture {
  explicit Restarting(const bgp::Negotiated& session = both_kept()) {
    start(0);
    resolve(0);
    resolve(1);
    up(0, session);
    up(1);
    announce_v4();
    announce_v6();
    announce(0, {"30.0.0.0/8"}, path({65001, 7}), via(0));
    settle();
    plane.take_log();
    rib->on_restarting(peer(0), "test", now);
    settle();
  }
  void announce_v4() { announce(0, {"20.0.0.0/8", "21.0.0.0/8"}, path({65001}), via(0)); }
  void announce_v6() { announce(0, {"2001:db8:7::/48"}, path({65001}), via(0)); }
  void end_of_rib(Family family) {
    bgp::Update update;
    update.end_of_rib = family;
    rib->on_update(peer(0), update, now);
    settle();
  }
  bool stale(std::string_view text) const {
    const auto views = show(text);
    return !views.empty() && views[0].stale;
  }
};

TEST(Restart, RoutesStayAndTheTablesAreNotTouched) {
  Restarting f;
  EXPECT_EQ(f.plane.take_log(), Log{});
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}") << "and the next hop is alive";
  EXPECT_TRUE(f.stale("20.0.0.0/8"));
  EXPECT_EQ(f.rib->counts(f.peer(0)).stale, (PathCounts{3, 1}));
  EXPECT_EQ(f.rib->counts(f.peer(0)).received, (PathCounts{3, 1}));

  f.up(0, both_kept());
  f.announce_v4();
  f.announce_v6();
  f.settle();
  EXPECT_EQ(f.plane.take_log(), Log{}) << "the same routes by the same next hop";
  EXPECT_FALSE(f.stale("20.0.0.0/8"));
  EXPECT_TRUE(f.stale("30.0.0.0/8"));
  EXPECT_EQ(f.show("20.0.0.0/8").size(), 1U) << "the old path is gone";
  EXPECT_EQ(f.rib->counts(f.peer(0)).stale, (PathCounts{1, 0}));

  f.end_of_rib(Family::kIpv4Unicast);
  EXPECT_EQ(f.plane.take_log(), Log{"remove 30.0.0.0/8"});
  f.end_of_rib(Family::kIpv6Unicast);
  EXPECT_EQ(f.plane.take_log(), Log{});
  EXPECT_FALSE(f.timers.armed.contains(kStaleTimer));
  EXPECT_EQ(f.plane.route("2001:db8:7::/48"), "{p0}");
  EXPECT_TRUE(f.show("30.0.0.0/8").empty());
}

TEST(Restart, WhatChangedMeanwhileChangesInPlace) {
  Restarting f;
  f.up(0, both_kept());
  f.announce(1, "20.0.0.0/8", f.path({65002}));
  f.announce(0, "20.0.0.0/8", f.path({65001, 8}));
  f.withdraw(0, "21.0.0.0/8");
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p1 | p0}");
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "none") << "a withdrawal is of the stale route, too";
}

TEST(Restart, ARouteThatIsRefusedNowIsNotUsedAnyMore) {
  Restarting f;
  f.up(0, both_kept());
  f.announce(0, "20.0.0.0/8", f.path({65001, 64512}));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
  EXPECT_EQ(f.show("20.0.0.0/8")[0].refusal, to_string(Refusal::kOwnAsInPath));
}

// "If the F bit is not set, or the family is missing, its stale routes MUST be removed."
TEST(Restart, APeerThatDidNotGoOnForwardingStartsAnew) {
  struct Row {
    const char* name;
    std::optional<bgp::Negotiated> session;
    const char* v4;
    const char* v6;
  };
  bgp::Negotiated elsewhere = both_kept();
  elsewhere.remote.address = address("fe80::99");
  const Row rows[] = {
      {"nothing said", RibFixture::session(0), "none", "none"},
      {"F of one family", restarting({{Family::kIpv4Unicast, false}, {Family::kIpv6Unicast, true}}),
       "none", "{p0}"},
      {"one family missing", restarting({{Family::kIpv4Unicast, true}}), "{p0}", "none"},
      {"another neighbor", elsewhere, "none", "none"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Restarting f;
    f.up(0, *row.session);
    f.settle();
    EXPECT_EQ(f.plane.route("20.0.0.0/8"), row.v4);
    EXPECT_EQ(f.plane.route("2001:db8:7::/48"), row.v6);
    f.announce_v4();
    f.announce_v6();
    f.settle();
    EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
    EXPECT_EQ(f.plane.route("2001:db8:7::/48"), "{p0}");
  }
}

TEST(Restart, AFamilyThatWasNotAgreedOnIsNotKept) {
  Restarting f(restarting({{Family::kIpv6Unicast, true}}));
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
  EXPECT_EQ(f.plane.route("2001:db8:7::/48"), "{p0}");
}

TEST(Restart, WhatIsNotAnnouncedInTimeGoes) {
  Restarting f;
  f.up(0, both_kept());
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  ASSERT_TRUE(f.timers.armed.contains(kStaleTimer));
  EXPECT_EQ(f.timers.armed[kStaleTimer], std::chrono::seconds{360});
  f.rib->on_timer({kStaleTimer}, f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "none");
  EXPECT_EQ(f.plane.route("2001:db8:7::/48"), "none");
}

// Section 4.2: "a route that was previously marked as stale MUST be deleted" by the next restart.
TEST(Restart, OneInTheMiddleOfAnother) {
  Restarting f;
  f.up(0, both_kept());
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  f.rib->on_restarting(f.peer(0), "again", f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "none");
}

TEST(Restart, TheEndOfTheWaitingIsTheEndOfTheRoutes) {
  Restarting f;
  f.down(0);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{!p0}") << "one store, before any table is touched";
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
  EXPECT_EQ(f.rib->counts(f.peer(0)).received, (PathCounts{}));
  f.up(0, both_kept());
  f.settle();
  EXPECT_FALSE(f.timers.armed.contains(kStaleTimer));
}

TEST(Restart, DownRightAfterTheReturnTakesAll) {
  Restarting f;
  f.up(0, both_kept());
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  f.down(0);
  f.settle();
  for (const char* route : {"20.0.0.0/8", "21.0.0.0/8", "30.0.0.0/8", "2001:db8:7::/48"}) {
    EXPECT_EQ(f.plane.route(route), "none") << route;
  }
  EXPECT_FALSE(f.timers.armed.contains(kStaleTimer));
}

TEST(Restart, ThePeerIsToldEverythingAgain) {
  Restarting f;
  f.up(0, both_kept());
  f.settle();
  EXPECT_EQ(f.told(0).routes.size(), 3U);
  EXPECT_EQ(f.told(0).end_of_rib.size(), 2U);
}

}  // namespace
}  // namespace lastmile::rib::test
