// Next hops: resolution, change of the link-layer address, liveness by link, session and neighbor.
#include "controlplane/rib/next_hop_tracker.h"

#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

class Tracker : public ::testing::Test {
 protected:
  static HopKey neighbor(std::uint16_t port, std::string_view a,
                         std::optional<Incarnation> session = std::nullopt) {
    HopKey key;
    key.port = PortId{port};
    key.address = address(a);
    key.session = session;
    return key;
  }
  std::string state(HopId hop) const { return plane.describe(tracker.next_hop(hop)); }
  /// Lets the hop's resolve timer expire.
  auto expire(HopId hop) {
    const TimerKey timer{TimerKind::kResolve, tracker.next_hop(hop).value()};
    EXPECT_EQ(timers.armed.erase(timer), 1U);
    return tracker.resolve_again(tracker.next_hop(hop));
  }

  FakePlane plane;
  FakeNeighborhood neighborhood;
  FakeTimers timers;
  NextHopTracker tracker{plane, neighborhood, timers};
};

TEST_F(Tracker, UnknownNeighborIsAskedForUntilItAnswers) {
  const HopId hop = tracker.acquire(neighbor(0, "fe80::1")).value();
  EXPECT_EQ(state(hop), "p0?");
  EXPECT_EQ(neighborhood.take(), Log{"p0 fe80::1"});
  const TimerKey timer{TimerKind::kResolve, tracker.next_hop(hop).value()};
  std::vector<std::int64_t> waits;
  for (int i = 0; i < 9; ++i) {
    waits.push_back(std::chrono::duration_cast<std::chrono::seconds>(timers.armed[timer]).count());
    EXPECT_FALSE(expire(hop));
    EXPECT_EQ(neighborhood.take(), Log{"p0 fe80::1"});
  }
  EXPECT_EQ(waits, (std::vector<std::int64_t>{1, 1, 2, 4, 8, 16, 30, 30, 30}));

  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});
  EXPECT_EQ(state(hop), "p0");
  EXPECT_EQ(plane.hops[tracker.next_hop(hop)].spec.destination, mac(1));
  EXPECT_TRUE(timers.armed.empty());
  tracker.release(hop);
}

TEST_F(Tracker, KnownNeighborIsUsedAtOnce) {
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});
  tracker.link_layer_changed({PortId{1}, address("fe80::1"), mac(2)});
  const HopId hop = tracker.acquire(neighbor(1, "fe80::1")).value();
  EXPECT_EQ(plane.hops[tracker.next_hop(hop)].spec.destination, mac(2));
  EXPECT_TRUE(neighborhood.take().empty());
  EXPECT_TRUE(timers.armed.empty());
}

TEST_F(Tracker, ChangedAddressIsUpdatedInPlace) {
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});
  const HopId hop = tracker.acquire(neighbor(0, "fe80::1")).value();
  const NextHopId id = tracker.next_hop(hop);
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});
  EXPECT_EQ(plane.hop_updates, 0U);
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(9)});
  EXPECT_EQ(plane.hop_updates, 1U);
  EXPECT_EQ(tracker.next_hop(hop), id);
  EXPECT_EQ(plane.hops[id].spec.destination, mac(9));
}

TEST_F(Tracker, LostAddressIsUsedUntilNobodyAnswers) {
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});
  const HopId hop = tracker.acquire(neighbor(0, "fe80::1")).value();
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), std::nullopt});
  EXPECT_EQ(state(hop), "p0");
  EXPECT_FALSE(expire(hop));
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});  // it does answer
  EXPECT_EQ(state(hop), "p0");
  EXPECT_EQ(plane.hop_updates, 0U);
  EXPECT_TRUE(timers.armed.empty());

  tracker.link_layer_changed({PortId{0}, address("fe80::1"), std::nullopt});
  EXPECT_FALSE(expire(hop));
  EXPECT_FALSE(expire(hop));
  const auto silent = expire(hop);
  ASSERT_TRUE(silent);
  EXPECT_EQ(silent->address, address("fe80::1"));
  EXPECT_EQ(state(hop), "p0?");
  EXPECT_FALSE(expire(hop)) << "given up once";
}

TEST_F(Tracker, AStaleAddressInUseIsMadeSureOf) {
  const HopId hop = tracker.acquire(neighbor(0, "fe80::1")).value();
  neighborhood.take();
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});
  EXPECT_TRUE(neighborhood.take().empty());
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1), Freshness::kStale});
  EXPECT_EQ(neighborhood.take(), Log{"p0 fe80::1"}) << "the kernel does not use it: nobody asks";
  EXPECT_EQ(state(hop), "p0");
  tracker.link_layer_changed({PortId{0}, address("fe80::9"), mac(9), Freshness::kStale});
  EXPECT_TRUE(neighborhood.take().empty()) << "nobody needs it";
  // ... until a hop comes to need it.
  static_cast<void>(tracker.acquire(neighbor(0, "fe80::9")).value());
  EXPECT_EQ(neighborhood.take(), Log{"p0 fe80::9"});
}

TEST_F(Tracker, ASessionHasItsShareOfNextHopsAndNoMore) {
  std::vector<HopId> hops;
  for (unsigned i = 0;; ++i) {
    ASSERT_LE(i, 256U);
    const auto hop = tracker.acquire(neighbor(0, fmt::format("fe80::{:x}", i + 1), Incarnation{1}));
    if (!hop) {
      EXPECT_EQ(hop.error(), FibError::kTooManyNextHops);
      break;
    }
    hops.push_back(*hop);
  }
  EXPECT_EQ(hops.size(), 256U);
  EXPECT_TRUE(tracker.acquire(neighbor(0, "fe80::1", Incarnation{1}))) << "one that it has";
  EXPECT_TRUE(tracker.acquire(neighbor(0, "fe80::ffff", Incarnation{2}))) << "another session";
  tracker.release(hops.back());
  EXPECT_TRUE(tracker.acquire(neighbor(0, "fe80::ffff", Incarnation{1})));
}

TEST_F(Tracker, AnUnresolvedHopYieldsToNobodyWhoseLinkIsDown) {
  tracker.link_layer_changed({PortId{1}, address("fe80::2"), mac(2)});
  const HopId a = tracker.acquire(neighbor(0, "fe80::1")).value();
  const HopId b = tracker.acquire(neighbor(1, "fe80::2")).value();
  tracker.group_added({a, b});
  tracker.take_up_groups();
  EXPECT_EQ(state(a), "!p0?");
  tracker.link_changed(PortId{1}, LinkState::kDown);
  EXPECT_EQ(state(a), "p0?") << "packets are held, not dropped";
  tracker.link_changed(PortId{1}, LinkState::kUp);
  EXPECT_EQ(state(a), "!p0?");
}

TEST_F(Tracker, LinkTakesAllNeighborsOfThePortDownAndUp) {
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});
  tracker.link_layer_changed({PortId{1}, address("fe80::1"), mac(2)});
  const HopId a = tracker.acquire(neighbor(0, "fe80::1")).value();
  const HopId b = tracker.acquire(neighbor(1, "fe80::1")).value();
  HopKey glean;
  glean.kind = NextHopKind::kGlean;
  HopKey local;
  local.kind = NextHopKind::kLocalPort;
  const HopId g = tracker.acquire(glean).value();
  const HopId l = tracker.acquire(local).value();
  tracker.link_changed(PortId{0}, LinkState::kDown);
  tracker.link_changed(PortId{0}, LinkState::kDown);
  EXPECT_EQ(state(a), "!p0");
  EXPECT_EQ(state(b), "p1");
  EXPECT_EQ(state(g), "!glean-p0");
  EXPECT_TRUE(plane.is_alive(tracker.next_hop(l)));
  EXPECT_FALSE(tracker.view(a, 1).alive);

  const HopId late = tracker.acquire(neighbor(0, "fe80::2")).value();
  EXPECT_EQ(state(late), "!p0?");
  tracker.link_changed(PortId{0}, LinkState::kUp);
  EXPECT_EQ(state(a), "p0");
  EXPECT_EQ(state(late), "p0?");
  EXPECT_EQ(state(g), "glean-p0");
}

TEST_F(Tracker, SessionsEndStopsItsHopsOnly) {
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});
  const HopId first = tracker.acquire(neighbor(0, "fe80::1", Incarnation{1})).value();
  const HopId plain = tracker.acquire(neighbor(0, "fe80::1")).value();
  tracker.session_ended(Incarnation{1});
  EXPECT_EQ(state(first), "!p0");
  EXPECT_EQ(state(plain), "p0");
  const HopId second = tracker.acquire(neighbor(0, "fe80::1", Incarnation{2})).value();
  EXPECT_EQ(state(second), "p0");
  tracker.link_changed(PortId{0}, LinkState::kDown);
  tracker.link_changed(PortId{0}, LinkState::kUp);
  EXPECT_EQ(state(first), "!p0") << "the link's return does not bring the session back";
  EXPECT_EQ(state(second), "p0");
}

TEST_F(Tracker, UnresolvedYieldsToAResolvedOneInTheSameGroup) {
  const HopId a = tracker.acquire(neighbor(0, "fe80::1")).value();
  const HopId b = tracker.acquire(neighbor(1, "fe80::2")).value();
  tracker.group_added({a, b});
  tracker.take_up_groups();
  EXPECT_EQ(state(a), "p0?") << "nobody better: packets are held";
  EXPECT_EQ(state(b), "p1?");
  tracker.link_layer_changed({PortId{1}, address("fe80::2"), mac(2)});
  EXPECT_EQ(state(a), "!p0?");
  EXPECT_EQ(state(b), "p1");
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});
  EXPECT_EQ(state(a), "p0");
  EXPECT_EQ(state(b), "p1");
}

TEST_F(Tracker, YieldingEndsWithTheGroupOrTheOthersSession) {
  tracker.link_layer_changed({PortId{1}, address("fe80::2"), mac(2)});
  const HopId a = tracker.acquire(neighbor(0, "fe80::1")).value();
  const HopId b = tracker.acquire(neighbor(1, "fe80::2", Incarnation{1})).value();
  tracker.group_added({a, b});
  tracker.take_up_groups();
  EXPECT_EQ(state(a), "!p0?");
  tracker.session_ended(Incarnation{1});
  EXPECT_EQ(state(a), "p0?");
  const HopId c = tracker.acquire(neighbor(1, "fe80::2", Incarnation{2})).value();
  tracker.group_added({a, c});
  tracker.take_up_groups();
  EXPECT_EQ(state(a), "!p0?");
  tracker.group_removed({a, c});
  tracker.take_up_groups();
  EXPECT_EQ(state(a), "p0?");
}

TEST_F(Tracker, WorkersQuestionIsPassedOn) {
  const HopId hop = tracker.acquire(neighbor(0, "fe80::1")).value();
  neighborhood.take();
  tracker.resolution_wanted({PortId{0}, tracker.next_hop(hop), address("20.0.0.1")});
  EXPECT_EQ(neighborhood.take(), Log{"p0 fe80::1"});
  tracker.link_layer_changed({PortId{0}, address("fe80::1"), mac(1)});
  tracker.resolution_wanted({PortId{0}, tracker.next_hop(hop), address("20.0.0.1")});
  tracker.resolution_wanted({PortId{0}, NextHopId{999}, address("20.0.0.1")});
  EXPECT_TRUE(neighborhood.take().empty());
}

TEST_F(Tracker, LastReferenceReleasesEverything) {
  const HopId hop = tracker.acquire(neighbor(0, "fe80::1")).value();
  EXPECT_EQ(tracker.acquire(neighbor(0, "fe80::1")).value(), hop);
  tracker.release(hop);
  EXPECT_EQ(plane.live_hops(), 1U);
  tracker.release(hop);
  EXPECT_EQ(plane.live_hops(), 0U);
  EXPECT_EQ(tracker.size(), 0U);
  EXPECT_TRUE(timers.armed.empty());
}

}  // namespace
}  // namespace lastmile::rib::test
