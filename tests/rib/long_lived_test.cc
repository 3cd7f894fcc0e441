// Routes of a peer that is away for long (RFC 9494), and what others hear after a restart of our
// own (RFC 4724 section 4.1).
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

using bgp::Family;

const bgp::Community kStale{bgp::kLongLivedStale};

TimerKey timer(unsigned peer, Family family) {
  return {TimerKind::kLongLivedStale,
          std::uint64_t{peer} * bgp::kFamilyCount + static_cast<unsigned>(family)};
}

/// Routes from each peer to the others.
Config transit() {
  Config config = fabric_config();
  config.router.mode = RouterMode::kTransit;
  BgpNeighborConfig third;
  third.name = "lan";
  config.bgp.neighbors.push_back(third);
  accept_everything(config);
  return config;
}

bgp::Negotiated capable(unsigned n) {
  bgp::Negotiated session = RibFixture::session(n);
  session.graceful_restart.emplace();
  session.graceful_restart->families = {{Family::kIpv4Unicast, true}, {Family::kIpv6Unicast, true}};
  session.long_lived.emplace();
  session.long_lived->families = {{Family::kIpv4Unicast, true, 100},
                                  {Family::kIpv6Unicast, true, 5}};
  session.ends_its_table = true;
  return session;
}

/// Peer 0 is away for long; peer 1 knows what that means, peer 2 does not.
struct Away : RibFixture {
  explicit Away(const bgp::PathAttributes& attributes = path({65001})) : RibFixture(transit()) {
    start(0);
    for (unsigned n = 0; n < 3; ++n) resolve(n);
    up(0, capable(0));
    up(1, capable(1));
    up(2);
    announce(0, {"20.0.0.0/8", "21.0.0.0/8"}, attributes, via(0));
    announce(0, {"2001:db8:7::/48"}, attributes, via(0));
    announce(1, "20.0.0.0/8", path({65002, 7, 8, 9}));
    settle();
    plane.take_log();
    rib->on_restarting(peer(0), "test", now);
    settle();
    EXPECT_EQ(plane.take_log(), Log{});
    rib->on_long_lived(peer(0), *capable(0).long_lived, now);
    settle();
  }
  [[nodiscard]] bool has(unsigned n, std::string_view text) {
    return told(n).routes.contains(prefix(text));
  }
};

TEST(LongLived, IsTheLastChoiceAndSaysSo) {
  Away f;
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p1 | p0}") << "the longer path of who is here";
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "{p0}") << "better than nothing";
  const auto alone = f.show("21.0.0.0/8");
  ASSERT_EQ(alone.size(), 1U);
  EXPECT_TRUE(alone[0].stale);
  EXPECT_EQ(alone[0].attributes.communities, std::vector{kStale});
  EXPECT_EQ(f.show("20.0.0.0/8")[1].why, "lost: the best path has no LLGR_STALE");
  ASSERT_TRUE(f.has(1, "21.0.0.0/8"));
  EXPECT_EQ(f.told(1).routes.at(prefix("21.0.0.0/8")).first.communities, std::vector{kStale});
  EXPECT_FALSE(f.has(2, "21.0.0.0/8")) << "it would take it for a route like others";
  EXPECT_TRUE(f.has(2, "20.0.0.0/8"));
}

TEST(LongLived, WhatMustNotBeKeptSoLongGoes) {
  bgp::PathAttributes marked = RibFixture::path({65001});
  marked.communities = {{bgp::kNoLongLived}};
  Away f(marked);
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "none");
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p1}");
  EXPECT_TRUE(f.show("21.0.0.0/8").empty());
}

TEST(LongLived, EachFamilyHasATimeOfItsOwn) {
  Away f;
  EXPECT_EQ(f.timers.armed.at(timer(0, Family::kIpv4Unicast)), Duration{std::chrono::seconds{100}});
  EXPECT_EQ(f.timers.armed.at(timer(0, Family::kIpv6Unicast)), Duration{std::chrono::seconds{5}});
  f.rib->on_timer({timer(0, Family::kIpv6Unicast)}, f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("2001:db8:7::/48"), "none");
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "{p0}");
  f.rib->on_down(f.peer(0), "away for too long", f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "none");
  EXPECT_FALSE(f.timers.armed.contains(timer(0, Family::kIpv4Unicast)));
}

/// RFC 9494 section 4.2: for a family that the capability of RFC 4724 leaves out the long-lived
/// time begins with the restart.
TEST(LongLived, AFamilyWithoutARestartTimeIsTheLastChoiceAtOnce) {
  RibFixture f(transit());
  f.start(0);
  for (unsigned n = 0; n < 2; ++n) f.resolve(n);
  bgp::Negotiated session = capable(0);
  session.graceful_restart->families.pop_back();  // IPv6
  f.up(0, session);
  f.up(1, capable(1));
  f.announce(0, "21.0.0.0/8", f.path({65001}));
  f.announce(0, "2001:db8:7::/48", f.path({65001}));
  f.settle();
  f.rib->on_restarting(f.peer(0), "test", f.now);
  f.settle();
  EXPECT_TRUE(f.show("21.0.0.0/8")[0].attributes.communities.empty());
  ASSERT_EQ(f.show("2001:db8:7::/48").size(), 1U);
  EXPECT_EQ(f.show("2001:db8:7::/48")[0].attributes.communities, std::vector{kStale});
  const Duration left = f.timers.armed.at(timer(0, Family::kIpv6Unicast));
  EXPECT_EQ(left, Duration{std::chrono::seconds{5}});
  // The end of the others' restart time is nothing to it.
  f.timers.armed.erase(timer(0, Family::kIpv6Unicast));
  f.rib->on_long_lived(f.peer(0), *session.long_lived, f.now);
  f.settle();
  EXPECT_TRUE(f.timers.armed.contains(timer(0, Family::kIpv4Unicast)));
  EXPECT_FALSE(f.timers.armed.contains(timer(0, Family::kIpv6Unicast)));
  EXPECT_EQ(f.show("21.0.0.0/8")[0].attributes.communities, std::vector{kStale});
  f.rib->on_timer({timer(0, Family::kIpv6Unicast)}, f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("2001:db8:7::/48"), "none");
}

TEST(LongLived, AFamilyWithoutATimeGoesAtOnce) {
  RibFixture f(transit());
  f.start(0);
  f.resolve(0);
  f.up(0, capable(0));
  f.announce(0, "21.0.0.0/8", f.path({65001}));
  f.settle();
  f.rib->on_restarting(f.peer(0), "test", f.now);
  bgp::LongLivedRestart kept;
  kept.families = {{Family::kIpv6Unicast, true, 5}};
  f.rib->on_long_lived(f.peer(0), kept, f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "none");
}

TEST(LongLived, WhoComesBackAnnouncesAnew) {
  Away f;
  f.up(0, capable(0));
  f.announce(0, "21.0.0.0/8", f.path({65001}));
  f.settle();
  EXPECT_TRUE(f.show("21.0.0.0/8")[0].attributes.communities.empty());
  EXPECT_TRUE(f.has(2, "21.0.0.0/8"));
  EXPECT_TRUE(f.show("2001:db8:7::/48")[0].stale);
  bgp::Update end;
  end.end_of_rib = Family::kIpv6Unicast;
  f.rib->on_update(f.peer(0), end, f.now);
  f.settle();
  EXPECT_EQ(f.plane.route("2001:db8:7::/48"), "none");
  EXPECT_FALSE(f.timers.armed.contains(timer(0, Family::kIpv6Unicast)));
}

// RFC 9494 section 4.2: it is the long-lived capability's F bit that counts then.
TEST(LongLived, WhoComesBackWithoutHavingForwardedStartsAnew) {
  Away f;
  bgp::Negotiated back = capable(0);
  back.long_lived->families[0].forwarding = false;
  f.up(0, back);
  f.settle();
  EXPECT_EQ(f.plane.route("21.0.0.0/8"), "none");
  EXPECT_EQ(f.plane.route("2001:db8:7::/48"), "{p0}");
}

TEST(LongLived, WorksInSlices) {
  RibFixture f(transit());
  f.start(0);
  f.resolve(0);
  f.up(0, capable(0));
  for (unsigned i = 0; i < 300; ++i) {
    f.announce(0, fmt::format("20.0.{}.{}/32", i / 256, i % 256), f.path({65001}));
  }
  f.settle();
  f.rib->on_restarting(f.peer(0), "test", f.now);
  f.rib->on_long_lived(f.peer(0), *capable(0).long_lived, f.now);
  f.settle(7);
  for (unsigned i = 0; i < 300; ++i) {
    const auto views = f.show(fmt::format("20.0.{}.{}/32", i / 256, i % 256));
    ASSERT_EQ(views.size(), 1U);
    EXPECT_EQ(views[0].attributes.communities, std::vector{kStale}) << i;
  }
}

// A route that comes with the mark from elsewhere is the last choice here, too.
TEST(LongLived, TheMarkOfOthersCounts) {
  RibFixture f;
  f.start(2);
  bgp::PathAttributes marked = f.path({65001});
  marked.communities = {kStale};
  f.announce(0, "20.0.0.0/8", marked);
  f.announce(1, "20.0.0.0/8", f.path({65002, 7, 8, 9}));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p1 | p0}");
}

// --- our own restart -----------------------------------------------------------------------------

const TimerKey kDeferral{TimerKind::kSelectionDeferral, 0};

struct Restarted : RibFixture {
  Restarted() : RibFixture(transit()) {
    rib->defer_selection(std::chrono::seconds{30});
    start(0);
    for (unsigned n = 0; n < 3; ++n) resolve(n);
    up(0, capable(0));
    up(2);  // it does not say when it is through
    announce(0, "20.0.0.0/8", path({65001}));
    settle();
  }
  void through(unsigned n) {
    for (const Family family : {Family::kIpv4Unicast, Family::kIpv6Unicast}) {
      bgp::Update end;
      end.end_of_rib = family;
      rib->on_update(peer(n), end, now);
    }
    settle();
  }
  [[nodiscard]] bool has(unsigned n, std::string_view text) {
    return told(n).routes.contains(prefix(text));
  }
};

TEST(SelectionDeferral, WhatIsLearnedIsForwardedAtOnceAndAnnouncedWhenAllHaveSpoken) {
  Restarted f;
  EXPECT_EQ(f.timers.armed.at(kDeferral), Duration{std::chrono::seconds{30}});
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  EXPECT_FALSE(f.has(2, "20.0.0.0/8"));
  EXPECT_TRUE(f.has(2, "10.0.1.1/32")) << "our own addresses wait for nobody";
  EXPECT_TRUE(f.told(2).end_of_rib.empty());
  f.through(0);
  EXPECT_TRUE(f.rib->defers_selection()) << "peer 1 is awaited, too";
  EXPECT_TRUE(f.rib->awaits(f.peer(1)));
  EXPECT_FALSE(f.rib->awaits(f.peer(0)));
  EXPECT_FALSE(f.rib->awaits(f.peer(2)));
  f.up(1, capable(1));
  f.settle();
  EXPECT_FALSE(f.has(2, "20.0.0.0/8"));
  f.through(1);
  EXPECT_FALSE(f.rib->defers_selection());
  EXPECT_TRUE(f.has(2, "20.0.0.0/8"));
  EXPECT_TRUE(f.has(1, "20.0.0.0/8"));
  EXPECT_EQ(f.told(2).end_of_rib.size(), 2U);
  EXPECT_FALSE(f.timers.armed.contains(kDeferral));
  f.announce(0, "21.0.0.0/8", f.path({65001}));
  f.settle();
  EXPECT_TRUE(f.has(2, "21.0.0.0/8")) << "and from now on as always";
}

TEST(SelectionDeferral, EndsInTime) {
  Restarted f;
  f.rib->on_timer({kDeferral}, f.now);
  f.settle();
  EXPECT_FALSE(f.rib->defers_selection());
  EXPECT_TRUE(f.has(2, "20.0.0.0/8"));
  EXPECT_EQ(f.told(2).end_of_rib.size(), 2U);
}

TEST(SelectionDeferral, WithoutARestartThereIsNone) {
  RibFixture f(transit());
  f.start(0);
  f.resolve(0);
  f.up(0, capable(0));
  f.up(2);
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.settle();
  EXPECT_TRUE(f.told(2).routes.contains(prefix("20.0.0.0/8")));
}

}  // namespace
}  // namespace lastmile::rib::test
