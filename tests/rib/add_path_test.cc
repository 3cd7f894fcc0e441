// Several paths to a prefix from one neighbor (RFC 7911).
#include <gtest/gtest.h>

#include <bit>

#include "controlplane/rib/path_numbers.h"
#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

using bgp::Family;

bgp::Negotiated with_path_ids(unsigned n) {
  bgp::Negotiated session = RibFixture::session(n);
  session.codec.path_ids = {Family::kIpv4Unicast};
  session.graceful_restart.emplace();
  session.graceful_restart->families = {{Family::kIpv4Unicast, true}};
  return session;
}

struct AddPath : RibFixture {
  AddPath() {
    start(0);
    for (unsigned n = 0; n < 2; ++n) resolve(n);
    // Another router on the first port's link.
    rib->on_link_layer_neighbor({PortId{0}, kOther, mac(9)}, now);
    up(0, with_path_ids(0));
  }
  static bgp::NextHop other() {
    bgp::NextHop hop;
    hop.link_local = kOther;
    return hop;
  }
  static std::vector<bgp::Nlri<Ipv4Address>> nlri(std::string_view text, std::uint32_t id) {
    return {{v4(text), id}};
  }
  void say(std::string_view text, std::uint32_t id, const bgp::NextHop& hop,
           const bgp::PathAttributes& attributes = path({65001, 7})) {
    bgp::Update update;
    update.attributes = attributes;
    update.reach.push_back({Family::kIpv4Unicast, hop, nlri(text, id)});
    rib->on_update(peer(0), update, now);
    settle();
  }
  void unsay(std::string_view text, std::uint32_t id) {
    bgp::Update update;
    update.unreach.push_back({Family::kIpv4Unicast, nlri(text, id)});
    rib->on_update(peer(0), update, now);
    settle();
  }
  inline static const Ipv6Address kOther = v6_address("fe80::99");
};

TEST(AddPath, AllPathsOfANeighborTakePart) {
  AddPath f;
  f.say("20.0.0.0/8", 1, f.via(0));
  f.say("20.0.0.0/8", 0xfffffff0, f.other());
  EXPECT_EQ(f.show("20.0.0.0/8").size(), 2U);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0 p0}") << "two next hops on one port";
  EXPECT_EQ(f.rib->counts(f.peer(0)).received[0], 2U);
  // A third that is worse stands by.
  f.say("20.0.0.0/8", 3, f.other(), f.path({65001, 7, 8}));
  EXPECT_EQ(f.show("20.0.0.0/8").size(), 3U);

  f.unsay("20.0.0.0/8", 1);
  EXPECT_EQ(f.show("20.0.0.0/8").size(), 2U);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  f.unsay("20.0.0.0/8", 77);  // nobody has said it
  EXPECT_EQ(f.show("20.0.0.0/8").size(), 2U);
  f.unsay("20.0.0.0/8", 0xfffffff0);
  f.unsay("20.0.0.0/8", 3);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
  EXPECT_EQ(f.rib->counts(f.peer(0)).received[0], 0U);
}

TEST(AddPath, WhoStandsByLeadsElsewhere) {
  AddPath f;
  f.up(1);
  f.settle();
  f.say("20.0.0.0/8", 1, f.via(0), f.path({65001, 7}));
  f.say("20.0.0.0/8", 2, f.via(0), f.path({65001, 7, 8}));
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  f.announce(1, "20.0.0.0/8", f.path({65002, 7, 8, 9}));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0 | p1}") << "the second path is as dead as the first";
  const auto paths = f.show("20.0.0.0/8");
  ASSERT_EQ(paths.size(), 3U);
  EXPECT_TRUE(paths[0].best);
  EXPECT_TRUE(paths[1].backup);
  EXPECT_EQ(paths[1].peer, f.peer(1));
  EXPECT_FALSE(paths[2].backup);
}

TEST(AddPath, LinksBehindOneNextHopBearMoreTogether) {
  AddPath f;
  f.up(1);
  f.settle();
  const auto with = [&](std::uint64_t gigabits, std::uint32_t asn) {
    bgp::PathAttributes attributes = f.path({asn, 7});
    const float octets = 125e6F * static_cast<float>(gigabits);
    attributes.extended_communities = {{std::uint64_t{0x4004} << 48 | std::uint64_t{asn} << 32 |
                                        std::bit_cast<std::uint32_t>(octets)}};
    return attributes;
  };
  f.say("20.0.0.0/8", 1, f.via(0), with(10, 65001));
  f.say("20.0.0.0/8", 2, f.via(0), with(30, 65001));
  f.announce(1, "20.0.0.0/8", with(20, 65002));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0*4 p1*2}");
}

TEST(AddPath, TheSamePathAgainReplacesItself) {
  AddPath f;
  f.say("20.0.0.0/8", 5, f.via(0));
  f.say("20.0.0.0/8", 5, f.via(0), f.path({65001, 9}));
  const auto paths = f.show("20.0.0.0/8");
  ASSERT_EQ(paths.size(), 1U);
  EXPECT_EQ(to_string(paths[0].attributes.as_path), "65001 9");
}

TEST(AddPath, PathsKeepTheirNumbersOverARestart) {
  AddPath f;
  f.say("20.0.0.0/8", 1, f.via(0));
  f.say("20.0.0.0/8", 2, f.other());
  f.plane.take_log();
  f.rib->on_restarting(f.peer(0), "test", f.now);
  f.up(0, with_path_ids(0));
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/8").size(), 2U);
  f.say("20.0.0.0/8", 2, f.other());  // in another order than before
  EXPECT_EQ(f.show("20.0.0.0/8").size(), 2U);
  f.say("20.0.0.0/8", 1, f.via(0));
  EXPECT_EQ(f.show("20.0.0.0/8").size(), 2U);
  EXPECT_EQ(f.plane.take_log(), Log{}) << "the tables are not touched";
  EXPECT_EQ(f.rib->counts(f.peer(0)).stale[0], 0U);
}

TEST(AddPath, ANeighborWithMorePathsThanAnybodyNeedsIsCutShort) {
  AddPath f;
  for (std::uint32_t id = 0; id < 300; ++id) f.say("20.0.0.0/8", id * 65536, f.via(0));
  EXPECT_EQ(f.show("20.0.0.0/8").size(), kMostPathNumbers);
}

TEST(PathNumbers, AreSmallAndUsedAgain) {
  PathNumbers<Ipv4Address> numbers;
  const Ipv4Prefix a = v4("20.0.0.0/8"), b = v4("21.0.0.0/8");
  EXPECT_EQ(numbers.give(a, 1000000), 0);
  EXPECT_EQ(numbers.give(a, 0), 1);
  EXPECT_EQ(numbers.give(a, 1000000), 0);
  EXPECT_EQ(numbers.give(b, 7), 0) << "each prefix has its own";
  EXPECT_EQ(numbers.take_back(a, 1000000), 0);
  EXPECT_EQ(numbers.take_back(a, 1000000), std::nullopt);
  EXPECT_EQ(numbers.give(a, 9), 0);
  EXPECT_EQ(numbers.take_back(a, 0), 1);
  EXPECT_EQ(numbers.take_back(a, 9), 0);
  EXPECT_EQ(numbers.take_back(b, 7), 0);
  EXPECT_EQ(numbers.prefixes(), 0U);
}

/// A neighbor that gives its paths other identifiers with each restart, or forgets them in a
/// refresh, does not run out of numbers.
TEST(AddPath, NumbersOfPathsThatAreGoneAreFreeAgain) {
  AddPath f;
  std::uint32_t id = 0;
  const auto say_five = [&] {
    for (int i = 0; i < 5; ++i) {
      ++id;
      f.say("20.0.0.0/8", id, f.via(0), f.path({65001, id}));
    }
  };
  bgp::Update end;
  end.end_of_rib = Family::kIpv4Unicast;
  bgp::Negotiated session = with_path_ids(0);
  session.enhanced_refresh = true;
  say_five();
  for (int restart = 0; restart < 60; ++restart) {
    f.rib->on_restarting(f.peer(0), "test", f.now);
    f.up(0, session);
    say_five();
    ASSERT_EQ(f.show("20.0.0.0/8").size(), 10U) << "the stale ones are there still";
    f.rib->on_update(f.peer(0), end, f.now);
    f.settle();
    ASSERT_EQ(f.show("20.0.0.0/8").size(), 5U) << restart;
    using Refresh = bgp::RouteRefresh;
    f.rib->on_route_refresh(f.peer(0), {Family::kIpv4Unicast, Refresh::kBegin}, f.now);
    id -= 2;  // two of them are said again
    say_five();
    f.rib->on_route_refresh(f.peer(0), {Family::kIpv4Unicast, Refresh::kEnd}, f.now);
    f.settle();
    ASSERT_EQ(f.show("20.0.0.0/8").size(), 5U) << restart;
  }
  // Each can still be withdrawn by its identifier.
  for (std::uint32_t i = 0; i < 5; ++i) f.unsay("20.0.0.0/8", id - i);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
}

/// What the sweep after a lost session still removes has nothing to do with the next one's numbers.
TEST(AddPath, TheNextSessionsNumbersAreItsOwn) {
  AddPath f;
  for (std::uint32_t id = 1; id <= 5; ++id) f.say("20.0.0.0/8", id, f.via(0), f.path({65001, id}));
  f.down(0);
  f.up(0, with_path_ids(0));
  bgp::Update update;  // before the sweep
  update.attributes = f.path({65001, 9});
  update.reach.push_back({Family::kIpv4Unicast, f.via(0), f.nlri("20.0.0.0/8", 7)});
  f.rib->on_update(f.peer(0), update, f.now);
  f.settle();
  f.say("20.0.0.0/8", 8, f.via(0), f.path({65001, 10}));
  EXPECT_EQ(f.show("20.0.0.0/8").size(), 2U);
  f.unsay("20.0.0.0/8", 7);
  f.unsay("20.0.0.0/8", 8);
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "none");
}

}  // namespace
}  // namespace lastmile::rib::test
