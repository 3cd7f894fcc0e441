// Two connections with one peer (RFC 4271 section 6.8, RFC 6286 section 2.3): every order of
// opening and every outcome of the comparison.
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

const Notification kLost = notification(CeaseReason::kConnectionCollision);

/// Both TCP connections are up and nobody has said OPEN yet.
struct Both {
  explicit Both(World& world) {
    world.start();
    outgoing = world.dialed();
    world.open(outgoing);
    incoming = world.connect_in(kNumbered);
  }
  ConnectionId outgoing, incoming;
};

void expect_survivor(World& world, ConnectionId stays, ConnectionId goes) {
  EXPECT_EQ(world.last_word(goes), kLost);
  EXPECT_TRUE(world.closed(goes));
  EXPECT_FALSE(world.closed(stays));
  world.say_keepalive(stays);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.observer.log, std::vector<std::string>{"up 0"});
  EXPECT_EQ(world.status().history.last_error, "");
  // The loser costs nothing: nothing is planned beside the session.
  EXPECT_FALSE(world.timers.armed(kConnectRetry));
  EXPECT_FALSE(world.timers.armed(kIdleHold));
}

struct Case {
  BgpIdentifier peer_id;
  Asn peer_asn;
  bool ours_stays;
};
class Collision : public testing::TestWithParam<Case> {};

TEST_P(Collision, OpenOnOurConnectionFirst) {
  World world({numbered()});
  Both both(world);
  const Open open = peer_open(GetParam().peer_id, GetParam().peer_asn);
  world.say(both.outgoing, open);
  // Theirs may only win when we know that they have it.
  EXPECT_EQ(world.closed(both.incoming), GetParam().ours_stays);
  EXPECT_FALSE(world.closed(both.outgoing));
  world.say(both.incoming, open);
  GetParam().ours_stays ? expect_survivor(world, both.outgoing, both.incoming)
                        : expect_survivor(world, both.incoming, both.outgoing);
}

TEST_P(Collision, OpenOnTheirConnectionFirst) {
  World world({numbered()});
  Both both(world);
  const Open open = peer_open(GetParam().peer_id, GetParam().peer_asn);
  world.say(both.incoming, open);
  world.say(both.outgoing, open);
  GetParam().ours_stays ? expect_survivor(world, both.outgoing, both.incoming)
                        : expect_survivor(world, both.incoming, both.outgoing);
}

TEST_P(Collision, IncomingAcceptedBeforeOurDialOpens) {
  World world({numbered()});
  world.start();
  const ConnectionId outgoing = world.dialed();
  const ConnectionId incoming = world.connect_in(kNumbered);
  world.open(outgoing);
  const Open open = peer_open(GetParam().peer_id, GetParam().peer_asn);
  world.say(incoming, open);
  world.say(outgoing, open);
  GetParam().ours_stays ? expect_survivor(world, outgoing, incoming)
                        : expect_survivor(world, incoming, outgoing);
}

TEST_P(Collision, IncomingWhileOursIsInOpenConfirm) {
  World world({numbered()});
  world.start();
  const ConnectionId outgoing = world.dialed();
  world.open(outgoing);
  const Open open = peer_open(GetParam().peer_id, GetParam().peer_asn);
  world.say(outgoing, open);
  const ConnectionId incoming = world.connect_in(kNumbered);
  EXPECT_EQ(world.count<Open>(incoming), 1U);
  world.say(incoming, open);
  if (GetParam().ours_stays) return expect_survivor(world, outgoing, incoming);
  world.advance(Connection::kCollisionPatience);  // see CollisionUndecided
  expect_survivor(world, incoming, outgoing);
}

INSTANTIATE_TEST_SUITE_P(
    Identifiers, Collision,
    testing::Values(Case{kLowerId, kPeerAsn, true}, Case{kHigherId, kPeerAsn, false},
                    // Equal identifiers: the higher AS number prevails; ours is 64512.
                    Case{kOurId, Asn{64511}, true}, Case{kOurId, Asn{65001}, false},
                    Case{kOurId, Asn{4200000000}, false}));

TEST(CollisionWithEstablished, NewConnectionIsClosedAtOnce) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  const ConnectionId late = world.connect_in(kNumbered);
  EXPECT_EQ(world.last_word(late), kLost);
  EXPECT_TRUE(world.closed(late));
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_FALSE(world.closed(c));
  EXPECT_EQ(world.manager.incoming().refused, 1U);
}

TEST(CollisionWithEstablished, TheOneStillInOpenSentIsClosed) {
  World world({numbered()});
  Both both(world);
  world.establish(both.outgoing, peer_open(kHigherId));
  world.advance(Connection::kCollisionPatience);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.last_word(both.incoming), kLost);
}

/// A peer that prevails and does as RFC 4271 says: it speaks KEEPALIVE on our connection, too,
/// until our OPEN reaches it on its own.
struct Undecided {
  Undecided() : world({numbered()}), both(world) {
    world.say(both.outgoing, peer_open(kHigherId));
    world.say_keepalive(both.outgoing);
    EXPECT_EQ(world.state(), SessionState::kOpenConfirm);
    EXPECT_EQ(world.count<Keepalive>(both.outgoing), 0U) << "it would invite the peer to keep it";
    EXPECT_FALSE(world.closed(both.incoming)) << "the peer is about to keep it";
  }
  World world;
  Both both;
};

TEST(CollisionUndecided, ThePeersConnectionStaysThoughOursIsAlmostUp) {
  Undecided undecided;
  World& world = undecided.world;
  world.say(undecided.both.incoming, peer_open(kHigherId));
  expect_survivor(world, undecided.both.incoming, undecided.both.outgoing);
}

TEST(CollisionUndecided, OursGoesOnWhenTheOtherIsSilent) {
  Undecided undecided;
  World& world = undecided.world;
  world.advance(Connection::kCollisionPatience);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.count<Keepalive>(undecided.both.outgoing), 1U);
  EXPECT_EQ(world.last_word(undecided.both.incoming), kLost);
}

TEST(CollisionUndecided, OursGoesOnAtOnceWhenTheOtherEnds) {
  Undecided undecided;
  World& world = undecided.world;
  world.hang_up(undecided.both.incoming);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.count<Keepalive>(undecided.both.outgoing), 1U);
}

/// The same peer has had our KEEPALIVE before its own connection came to be.
struct TooLate {
  TooLate() : world({numbered()}) {
    world.start();
    outgoing = world.dialed();
    world.open(outgoing);
    world.say(outgoing, peer_open(kHigherId));
    EXPECT_EQ(world.count<Keepalive>(outgoing), 1U);
    incoming = world.connect_in(kNumbered);
    world.say(incoming, peer_open(kHigherId));
    EXPECT_EQ(world.count<Keepalive>(incoming), 0U);
    EXPECT_FALSE(world.closed(outgoing)) << "the peer may be Established on it";
  }
  World world;
  ConnectionId outgoing, incoming;
};

TEST(CollisionTooLate, ThePeerThatIsEstablishedOnOursEndsItsOwn) {
  TooLate late;
  World& world = late.world;
  world.say_keepalive(late.outgoing);
  EXPECT_EQ(world.state(), SessionState::kOpenConfirm) << "it may still end ours";
  world.say(late.incoming, kLost);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.count<Keepalive>(late.outgoing), 1U);
  EXPECT_EQ(world.observer.log, std::vector<std::string>{"up 0"});
}

TEST(CollisionTooLate, AnUpdateOnOursSaysThatThePeerIsEstablishedThere) {
  TooLate late;
  World& world = late.world;
  world.say_keepalive(late.outgoing);
  world.say_bytes(late.outgoing, encode_end_of_rib(Family::kIpv4Unicast));  // before its Cease
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.last_word(late.incoming), kLost);
  EXPECT_FALSE(world.closed(late.outgoing));
  EXPECT_EQ(world.observer.log, std::vector<std::string>{"up 0"});
}

TEST(CollisionTooLate, ThePeerThatIsNotEndsOurs) {
  TooLate late;
  World& world = late.world;
  world.say_keepalive(late.outgoing);
  world.say(late.outgoing, kLost);
  EXPECT_EQ(world.count<Keepalive>(late.incoming), 1U) << "it goes on at once";
  world.say_keepalive(late.incoming);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.observer.log, std::vector<std::string>{"up 0"});
}

TEST(CollisionTooLate, WithoutAWordTheRuleHolds) {
  TooLate late;
  World& world = late.world;
  world.say_keepalive(late.outgoing);
  world.advance(Connection::kCollisionPatience);
  expect_survivor(world, late.incoming, late.outgoing);
}

TEST(CollisionWithDial, DialUnderWayIsTakenBackAtOpenConfirm) {
  World world({numbered()});
  world.start();
  const ConnectionId dial = world.dialed();
  const ConnectionId incoming = world.connect_in(kNumbered);
  world.say(incoming, peer_open());
  EXPECT_TRUE(world.closed(dial));
  EXPECT_TRUE(world.heard(dial).empty());
  world.say_keepalive(incoming);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(CollisionLost, WeWaitForTheOtherConnectionWithoutDamping) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  world.say(c, kLost);  // the peer still holds a session of our former life
  EXPECT_EQ(world.state(), SessionState::kActive);
  expect_jittered(world.timers.left(kConnectRetry), 1s);
  world.establish(world.connect_in(kNumbered));
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(SecondIncoming, ReplacesTheFirst) {
  World world({numbered()});
  world.start();
  const ConnectionId first = world.connect_in(kNumbered);
  const ConnectionId second = world.connect_in(kNumbered);
  EXPECT_EQ(world.last_word(first), kLost);
  EXPECT_FALSE(world.event(BytesReceived{first, encode(peer_open())}));
  world.establish(second);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(SilentIncoming, DoesNotKeepUsFromDialing) {
  World world({numbered()});
  world.start();
  world.refuse(world.dialed());
  const ConnectionId silent = world.connect_in(kNumbered);
  EXPECT_EQ(world.state(), SessionState::kOpenSent);
  world.advance(1s);
  const ConnectionId ours = world.transport.dials.back();
  ASSERT_EQ(world.dial_count(), 2U);
  world.open(ours);
  world.establish(ours);
  world.advance(Connection::kCollisionPatience);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.last_word(silent), kLost);
}

/// One TCP connection between two managers, each end seeing what happened to the other one late.
class Wire {
 public:
  struct End {
    SessionManager& manager;
    FakeTransport& transport;
    Endpoint address;
    ConnectionId id;
    bool knows = false;  ///< has been told that the connection is up
    bool ended = false;  ///< has been told that the other side closed
    std::size_t taken = 0;
  };
  Wire(End dialer, End acceptor) : dialer_(dialer), acceptor_(acceptor) {
    acceptor_.transport.records[acceptor_.id];
  }

  /// One thing that is due at one end; false if nothing is.
  bool step(TimePoint now, bool at_dialer) {
    End& here = at_dialer ? dialer_ : acceptor_;
    End& there = at_dialer ? acceptor_ : dialer_;
    const auto& mine = here.transport.records.at(here.id);
    const auto& theirs = there.transport.records.at(there.id);
    if (mine.closed || here.ended) return false;
    if (!here.knows) {
      here.knows = true;
      if (at_dialer) {
        here.manager.handle({now, ConnectionOpened{here.id, here.address, there.address}});
      } else {
        here.manager.handle({now, ConnectionAccepted{here.id, here.address, there.address}});
      }
    } else if (here.taken < theirs.sent.size()) {
      const std::uint8_t* at = theirs.sent.data() + here.taken;
      const std::size_t length = std::size_t{at[16]} << 8 | at[17];
      here.taken += length;
      here.manager.handle({now, BytesReceived{here.id, {at, at + length}}});
    } else if (theirs.closed) {
      here.ended = true;
      here.manager.handle({now, ConnectionClosed{here.id, "closed"}});
    } else {
      return false;
    }
    return true;
  }
  bool stands() const {
    return !dialer_.transport.records.at(dialer_.id).closed && !dialer_.ended &&
           !acceptor_.transport.records.at(acceptor_.id).closed && !acceptor_.ended;
  }

 private:
  End dialer_, acceptor_;
};

/// Two managers dial each other at the same time. Whatever the order in which each hears of what,
/// exactly one connection is left, both sides agree on it, and no session was up and went down.
TEST(CollisionBetweenTwo, BothSidesKeepTheSameConnection) {
  for (unsigned order = 0; order < 2000; ++order) {
    SCOPED_TRACE(order);
    FakeTransport ta, tb;
    const TimePoint now{1s};
    FakeTimers timers_a(now), timers_b(now);
    Recorder ra, rb;
    const Ipv4Address ip_a{192, 0, 2, 1}, ip_b{192, 0, 2, 2};
    SessionManager a({Asn{65001}, kLowerId, "a", ""}, {numbered(ip_b)}, ta, timers_a, 1);
    SessionManager b({Asn{65002}, kHigherId, "b", ""}, {numbered(ip_a)}, tb, timers_b, 2);
    a.start(ra, now);
    b.start(rb, now);
    const Endpoint ea{ip_a, 179, {}}, eb{ip_b, 179, {}};
    Wire wires[] = {
        {{a, ta, ea, ta.dials.at(0)}, {b, tb, eb, tb.next()}},
        {{b, tb, eb, tb.dials.at(0)}, {a, ta, ea, ta.next()}},
    };
    std::uint64_t random = order;
    for (int idle = 0; idle < 100;) {
      random = random * 6364136223846793005 + 1442695040888963407;
      idle = wires[random >> 33 & 1].step(now, (random >> 34 & 1) != 0) ? 0 : idle + 1;
    }
    ASSERT_EQ(a.state(PeerId{0}), SessionState::kEstablished);
    ASSERT_EQ(b.state(PeerId{0}), SessionState::kEstablished);
    ASSERT_NE(wires[0].stands(), wires[1].stands());
    ASSERT_EQ(ra.log, std::vector<std::string>{"up 0"});
    ASSERT_EQ(rb.log, std::vector<std::string>{"up 0"});
  }
}

}  // namespace
}  // namespace lastmile::bgp
