// What the forwarding tables answer, and how it is taken in: what is announced, and in slices.
#include <fmt/format.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

struct Answers : RibFixture {
  Answers() : RibFixture(transit_config()) {
    start(2);
    plane.record_operations = false;
    hold();
  }
  /// The tables apply nothing of what comes from now on.
  void hold() {
    plane.hold_back = true;
    plane.held_at = plane.sequence;
  }
  void apply_until(FibSequence sequence) {
    plane.held_at = sequence;
    settle();
  }
  void announce_many(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      announce(0, fmt::format("20.{}.{}.0/24", i / 256, i % 256), path({65001}));
    }
    settle();
  }
  [[nodiscard]] bool tells(std::string_view text) { return told(1).routes.contains(prefix(text)); }
  [[nodiscard]] std::size_t confirmed() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(rib->routes({}, now), [](const RouteView& route) {
          return route.source == SourceKind::kBgp && route.forwarding;
        }));
  }
  [[nodiscard]] std::size_t told_from_others() {
    return static_cast<std::size_t>(std::ranges::count_if(told(1).routes, [](const auto& entry) {
      const auto* v4 = std::get_if<Ipv4Prefix>(&entry.first);
      return v4 != nullptr && v4->address().value() >> 24 == 20;
    }));
  }
};

TEST(ForwardingAnswers, ARouteThatCameAgainWaitsForItsOwnConfirmation) {
  Answers f;
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.settle();
  const FibSequence first = f.plane.sequence;
  f.withdraw(0, "20.0.0.0/24");
  f.settle();
  f.announce(0, "20.0.0.0/24", f.path({65001, 65009}));
  f.settle();
  f.apply_until(first);
  EXPECT_FALSE(f.tells("20.0.0.0/24")) << "the tables have come as far as the first one only";
  f.apply_until(f.plane.sequence - 1);
  EXPECT_FALSE(f.tells("20.0.0.0/24"));
  f.apply_until(f.plane.sequence);
  EXPECT_TRUE(f.tells("20.0.0.0/24"));
  EXPECT_EQ(f.told(1).withdrawn, 0U);
}

TEST(ForwardingAnswers, ARouteThatWentBeforeItWasConfirmedIsNeverTold) {
  Answers f;
  for (int round = 0; round < 3; ++round) {
    f.announce(0, "20.0.0.0/24", f.path({65001}));
    f.settle();
    f.withdraw(0, "20.0.0.0/24");
    f.settle();
  }
  f.apply_until(f.plane.sequence);
  EXPECT_FALSE(f.tells("20.0.0.0/24"));
  // Nothing of it is left: the next one is told with its first confirmation.
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.settle();
  EXPECT_FALSE(f.tells("20.0.0.0/24"));
  f.apply_until(f.plane.sequence);
  EXPECT_TRUE(f.tells("20.0.0.0/24"));
}

// Something of ours, or of a wire, took its place for a while, of which nobody hears.
TEST(ForwardingAnswers, AConfirmationIsNotALaterRoutesThoughAnotherWasBestMeanwhile) {
  Answers f;
  const std::string there = "192.168.101.20/32";
  f.announce(0, there, f.path({65001}));
  f.settle();
  const FibSequence first = f.plane.sequence;
  f.rib->on_link_layer_neighbor({PortId{2}, address("192.168.101.20"), mac(9)}, f.now);
  f.settle();
  ASSERT_EQ(f.show(there).front().source, SourceKind::kConnected);
  f.rib->on_link_layer_neighbor({PortId{2}, address("192.168.101.20"), std::nullopt}, f.now);
  f.withdraw(0, there);
  for (int i = 0; i < 20; ++i) {  // until the neighbor is given up
    for (const auto& [timer, after] : std::map{f.timers.armed}) {
      if (timer.kind == TimerKind::kResolve) f.rib->on_timer({timer}, f.now);
    }
    f.settle();
  }
  ASSERT_TRUE(f.show(there).empty());
  f.announce(0, there, f.path({65001}));
  f.settle();
  f.apply_until(first);
  EXPECT_FALSE(f.tells(there)) << "the tables have come as far as the first one only";
  f.apply_until(f.plane.sequence);
  EXPECT_TRUE(f.tells(there));
}

// The last good path has been replaced by one that nobody may hear of, and that waits for its turn.
TEST(ForwardingAnswers, WhatIsNotDecidedIsNotTold) {
  using Share = Rib::Share;
  for (const bool newcomer : {false, true}) {
    Answers f;
    f.plane.hold_back = false;
    f.output.unknown_withdrawals = newcomer;
    for (const char* text : {"20.0.0.0/24", "20.0.1.0/24", "20.0.2.0/24"}) {
      f.announce(0, text, f.path({65001, 65009}));
    }
    if (newcomer) {
      f.settle();
      f.down(1);
      f.settle();
      f.up(1);
    } else {
      (void)f.rib->work(kSliceRoutes, f.now, Share::kDecisions);  // they are in the journal
    }
    for (const char* text : {"20.0.0.0/24", "20.0.1.0/24", "20.0.2.0/24"}) {
      f.announce(0, text, f.path({65001, 64512}));  // with our own AS number
    }
    for (bool more = true; more;) {
      more = f.rib->work(1, f.now, Share::kInTurn);
      for (const auto& [told_prefix, told] : f.told(1).routes) {
        EXPECT_NE(to_string(told.first.as_path), "64512 65001 64512") << to_string(told_prefix);
      }
    }
    EXPECT_EQ(f.told_from_others(), 0U);
    EXPECT_EQ(f.told(1).end_of_rib.size(), 2U);
  }
}

TEST(ForwardingAnswers, RoomThatIsFreeBeforeTheRefusalIsKnownIsUsed) {
  Answers f;
  f.plane.hold_back = false;
  f.announce(0, "20.0.1.0/24", f.path({65001}));
  f.settle();
  f.plane.max_routes = f.plane.routes.size();
  f.hold();
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.withdraw(0, "20.0.1.0/24");
  f.settle();
  EXPECT_FALSE(f.plane.routes.contains(prefix("20.0.0.0/24")));
  f.apply_until(f.plane.sequence);
  EXPECT_TRUE(f.plane.routes.contains(prefix("20.0.0.0/24")));
}

TEST(ForwardingAnswers, WhatIsAppliedJustBeforeThePollIsNotMissed) {
  Answers f;
  f.plane.applies_at_poll = true;
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  (void)f.rib->work(kSliceRoutes, f.now);
  EXPECT_TRUE(f.tells("20.0.0.0/24")) << "nothing would ask again";
}

TEST(ForwardingAnswers, AreTakenInAFewAtATime) {
  Answers f;
  f.announce_many(1000);
  f.plane.held_at = f.plane.sequence - 1;
  ASSERT_FALSE(f.rib->has_work()) << "nobody has asked the tables yet";
  EXPECT_TRUE(f.rib->work(100, f.now)) << "there is more";
  EXPECT_EQ(f.confirmed(), 100U);
  f.settle(100);
  EXPECT_EQ(f.told_from_others(), 999U);
}

TEST(ForwardingAnswers, WorkCanBeDoneByShares) {
  using Share = Rib::Share;
  Answers f;
  f.plane.hold_back = false;
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  EXPECT_TRUE(f.rib->work(kSliceRoutes, f.now, Share::kNothing));
  EXPECT_FALSE(f.plane.routes.contains(prefix("20.0.0.0/24")));
  EXPECT_TRUE(f.rib->work(kSliceRoutes, f.now, Share::kDecisions)) << "it is to be announced";
  EXPECT_TRUE(f.plane.routes.contains(prefix("20.0.0.0/24")));
  EXPECT_FALSE(f.tells("20.0.0.0/24"));
  // One of two calls announces.
  f.announce(0, "20.0.1.0/24", f.path({65001}));
  for (int i = 0; i < 2; ++i) (void)f.rib->work(kSliceRoutes, f.now, Share::kInTurn);
  EXPECT_TRUE(f.tells("20.0.0.0/24"));
  EXPECT_TRUE(f.plane.routes.contains(prefix("20.0.1.0/24"))) << "and the other one decides";
  for (int i = 0; f.rib->work(kSliceRoutes, f.now, Share::kInTurn); ++i) ASSERT_LT(i, 4);
  EXPECT_TRUE(f.tells("20.0.1.0/24"));
}

TEST(ForwardingAnswers, RefusalsAreTakenInAFewAtATimeAndBeforeWhatTheyForbid) {
  Answers f;
  f.plane.max_routes = f.plane.routes.size() + 100;
  f.announce_many(1000);
  f.plane.held_at = f.plane.sequence;
  for (bool more = true; more;) {
    more = f.rib->work(64, f.now);
    for (const auto& [told_prefix, told] : f.told(1).routes) {
      EXPECT_TRUE(f.plane.routes.contains(told_prefix)) << to_string(told_prefix);
    }
  }
  EXPECT_EQ(f.told_from_others(), 100U);
}

TEST(ForwardingAnswers, RoomThatBecomesFreeIsFilledAgain) {
  Answers f;
  f.plane.hold_back = false;
  f.plane.max_routes = f.plane.routes.size() + 2000;
  f.announce_many(5000);
  EXPECT_EQ(f.told_from_others(), 2000U);
  f.plane.max_routes = SIZE_MAX;
  // Each that goes makes room for one; the tables take all that is tried.
  for (const auto& [installed, group] : std::map{f.plane.routes}) {
    const auto* v4 = std::get_if<Ipv4Prefix>(&installed);
    if (v4 != nullptr && v4->address().value() >> 24 == 20) f.withdraw(0, to_string(*v4));
  }
  f.settle();
  EXPECT_EQ(f.told_from_others(), 2000U);
}

}  // namespace
}  // namespace lastmile::rib::test
