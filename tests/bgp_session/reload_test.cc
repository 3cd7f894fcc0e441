// Another configuration while sessions stand: who goes on, who starts anew, who hears what.
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

const Ipv4Address kOther{192, 0, 2, 9};

/// Both peers Established.
struct Standing {
  Standing() : world({numbered(), numbered(kOther)}) {
    world.start();
    for (std::size_t i = 0; i < 2; ++i) {
      connections.push_back(world.transport.dials[i]);
      world.open(connections[i]);
      world.establish(connections[i], peer_open(i == 0 ? kHigherId : kLowerId));
    }
  }
  World world;
  std::vector<ConnectionId> connections;
};

TEST(Apply, NothingNewDisturbsNobody) {
  Standing pair;
  PeerSettings first = numbered();
  first.limit = 7;  // nothing that the session was made with
  const auto ids = pair.world.manager.apply({numbered(kOther), first}, pair.world.now);
  EXPECT_EQ(ids, (std::vector{PeerId{1}, PeerId{0}})) << "by name, whatever the order";
  EXPECT_EQ(pair.world.state(0), SessionState::kEstablished);
  EXPECT_EQ(pair.world.state(1), SessionState::kEstablished);
  EXPECT_TRUE(pair.world.observer.down.empty());
}

TEST(Apply, AnotherLimitBringsBackWhatWasEndedForGoodAndLeavesAPauseAlone) {
  Standing pair;
  const Notification cease = notification(CeaseReason::kMaximumPrefixes);
  pair.world.manager.suspend(PeerId{0}, cease, std::nullopt, pair.world.now);
  pair.world.manager.suspend(PeerId{1}, cease, 1h, pair.world.now);
  pair.world.advance(30min);
  EXPECT_EQ(pair.world.dial_count(), 2U);
  pair.world.manager.apply({numbered(), numbered(kOther)}, pair.world.now);
  EXPECT_EQ(pair.world.dial_count(), 2U) << "as many would come again";
  PeerSettings first = numbered();
  PeerSettings second = numbered(kOther);
  first.max_prefixes.limit = second.max_prefixes.limit = 1000;
  pair.world.manager.apply({first, second}, pair.world.now);
  EXPECT_EQ(pair.world.dial_count(), 3U);
  EXPECT_TRUE(pair.world.status(1).suspended);
  EXPECT_FALSE(pair.world.status(0).suspended);
}

TEST(Apply, OnlyThePeerThatChangedStartsAnew) {
  Standing pair;
  PeerSettings changed = numbered(kOther);
  changed.timers.hold = 30s;
  pair.world.manager.apply({numbered(), changed}, pair.world.now);
  EXPECT_EQ(pair.world.last_word(pair.connections[1]),
            notification(CeaseReason::kOtherConfigurationChange));
  EXPECT_EQ(pair.world.observer.down[PeerId{1}], 1);
  EXPECT_EQ(pair.world.state(0), SessionState::kEstablished);
  const ConnectionId again = pair.world.dialed();
  EXPECT_NE(again, pair.connections[1]);
  pair.world.open(again);
  pair.world.establish(again, peer_open(kLowerId, kPeerAsn, 30));
  EXPECT_EQ(pair.world.observer.negotiated[PeerId{1}].hold_time, 30s);
}

TEST(Apply, TimersThatThePeerNeverHearsOfDisturbNobody) {
  Standing pair;
  PeerSettings first = numbered();
  first.timers.keepalive = 1s;
  first.timers.connect_retry = 7s;
  pair.world.manager.apply({first, numbered(kOther)}, pair.world.now);
  EXPECT_TRUE(pair.world.observer.down.empty());
  expect_jittered(pair.world.timers.left(keepalive_of(pair.connections[0])), 1s);
  EXPECT_EQ(pair.world.status().keepalive, 1s);
  expect_jittered(pair.world.timers.left(keepalive_of(pair.connections[1])), 3s);

  pair.world.advance(400ms);
  const Duration left = pair.world.timers.left(keepalive_of(pair.connections[0]));
  pair.world.manager.apply({first, numbered(kOther)}, pair.world.now);
  EXPECT_EQ(pair.world.timers.left(keepalive_of(pair.connections[0])), left)
      << "who reloads again and again must not keep KEEPALIVEs back";
}

TEST(Apply, WhoIsGoneHearsItAndWhoIsNewTakesTheNumber) {
  Standing pair;
  const Ipv4Address fresh{192, 0, 2, 77};
  PeerSettings guarded = numbered(fresh);
  guarded.password = "secret";
  const auto ids = pair.world.manager.apply({numbered(kOther), guarded}, pair.world.now);
  EXPECT_EQ(pair.world.last_word(pair.connections[0]),
            notification(CeaseReason::kPeerDeconfigured));
  EXPECT_EQ(pair.world.observer.down[PeerId{0}], 1);
  EXPECT_EQ(ids, (std::vector{PeerId{1}, PeerId{0}}));
  EXPECT_EQ(pair.world.status(0).name, to_string(fresh));
  EXPECT_EQ(pair.world.transport.passwords.size(), 1U);
  pair.world.manager.apply({numbered(kOther)}, pair.world.now);
  EXPECT_TRUE(pair.world.transport.passwords.empty());
  EXPECT_EQ(pair.world.manager.status(pair.world.now).size(), 1U);
  pair.world.advance(10min);  // no timer of theirs is left
}

TEST(Apply, ShutdownCarriesItsMessageAndIsTakenBack) {
  Standing pair;
  PeerSettings down = numbered();
  down.shutdown = true;
  down.shutdown_message = "back at noon";
  pair.world.manager.apply({down, numbered(kOther)}, pair.world.now);
  EXPECT_EQ(pair.world.last_word(pair.connections[0]), administrative_shutdown("back at noon"));
  pair.world.advance(10min);
  EXPECT_EQ(pair.world.status(0).detail, "administratively down: back at noon");
  const std::size_t dials = pair.world.dial_count();
  pair.world.manager.apply({numbered(), numbered(kOther)}, pair.world.now);
  EXPECT_EQ(pair.world.dial_count(), dials + 1);
}

TEST(Apply, ANewPeerOnADeadLinkWaitsForIt) {
  World world({});
  world.start();
  world.event(LinkChanged{PortId{0}, LinkState::kDown});
  world.manager.apply({link_local(0, kLeaf)}, world.now);
  EXPECT_EQ(world.dial_count(), 0U);
  world.event(LinkChanged{PortId{0}, LinkState::kUp});
  EXPECT_EQ(world.dial_count(), 1U);
}

TEST(Apply, RangesComeAndGoWithTheirPeers) {
  PeerSettings range;
  range.name = "range";
  range.listen = IpPrefix{Ipv4Prefix{{198, 51, 100, 0}, 24}};
  range.limit = 2;
  World world({numbered()});
  world.start();
  EXPECT_EQ(world.manager.apply({numbered(), range}, world.now),
            (std::vector{PeerId{0}, PeerId{1}}));
  const auto in = world.connect_in(Ipv4Address{198, 51, 100, 1});
  world.establish(in);
  EXPECT_EQ(world.state(2), SessionState::kEstablished);
  range.limit = 5;
  world.manager.apply({numbered(), range}, world.now);
  EXPECT_EQ(world.state(2), SessionState::kEstablished);
  world.manager.apply({numbered()}, world.now);
  EXPECT_EQ(world.last_word(in), notification(CeaseReason::kPeerDeconfigured));
  EXPECT_TRUE(world.closed(world.connect_in(Ipv4Address{198, 51, 100, 1})));
}

/// Whatever the edits were, the end is as if the last configuration had been the first.
TEST(Apply, RandomEditsEndWhereAFreshStartDoes) {
  std::uint64_t seed = 20250611;
  const auto random = [&](std::uint64_t below) {
    seed = seed * 6364136223846793005 + 1442695040888963407;
    return (seed >> 33) % below;
  };
  World world({numbered()});  // this one is never edited
  world.start();
  const ConnectionId kept = world.establish_dialed();
  std::vector<PeerSettings> wanted;
  for (int edit = 0; edit < 1000; ++edit) {
    wanted = {numbered()};
    for (std::uint8_t i = 10; i < 18; ++i) {
      if (random(3) == 0) continue;
      PeerSettings peer = numbered(Ipv4Address{192, 0, 2, i});
      peer.passive = random(4) == 0;
      peer.shutdown = random(8) == 0;
      if (random(5) == 0) peer.password = "secret";
      if (random(5) == 0) peer.timers.hold = 30s;
      wanted.push_back(peer);
    }
    world.manager.apply(wanted, world.now);
    world.advance(std::chrono::milliseconds{random(700)});
    world.say_keepalive(kept);
  }
  EXPECT_EQ(world.state(0), SessionState::kEstablished);
  EXPECT_TRUE(world.observer.down.empty()) << "0 unrelated sessions were reset";
  World fresh(wanted);
  fresh.start();
  std::map<std::string, bool> down;
  for (const PeerStatus& s : fresh.manager.status(fresh.now)) {
    down[s.name] = s.detail == "administratively down";
  }
  const auto now = world.manager.status(world.now);
  ASSERT_EQ(now.size(), down.size());
  for (const PeerStatus& s : now) EXPECT_EQ(down.at(s.name), s.detail == "administratively down");
  EXPECT_EQ(world.transport.passwords, fresh.transport.passwords);
}

}  // namespace
}  // namespace lastmile::bgp
