// Each state with the events that matter in it (RFC 4271 section 8.2.2), on one connection.
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

TEST(Start, DialsAtOnceAndGoesToConnect) {
  World world({numbered()});
  EXPECT_EQ(world.state(), SessionState::kIdle);
  world.start();
  EXPECT_EQ(world.state(), SessionState::kConnect);
  const auto& record = world.transport.records.at(world.dialed());
  EXPECT_EQ(record.remote, (Endpoint{kNumbered, 179, std::nullopt}));
  EXPECT_EQ(record.options.hops.sent, 1);
  expect_jittered(world.timers.left(kConnectRetry), 1s);
}

TEST(Start, PassivePeerOnlyListens) {
  PeerSettings settings = numbered();
  settings.passive = true;
  World world({settings});
  world.start();
  world.advance(10min);
  EXPECT_EQ(world.dial_count(), 0U);
  EXPECT_EQ(world.state(), SessionState::kActive);
  world.establish(world.connect_in(kNumbered));
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(Established, ByTheWholeDialogue) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  EXPECT_EQ(world.state(), SessionState::kOpenSent);
  ASSERT_EQ(world.count<Open>(c), 1U);
  EXPECT_EQ(world.timers.left(hold_of(c)), 4min);
  EXPECT_FALSE(world.timers.armed(kConnectRetry));

  world.say(c, peer_open());
  EXPECT_EQ(world.state(), SessionState::kOpenConfirm);
  EXPECT_EQ(world.count<Keepalive>(c), 1U);
  EXPECT_EQ(world.timers.left(hold_of(c)), 9s);
  expect_jittered(world.timers.left(keepalive_of(c)), 3s);
  EXPECT_TRUE(world.observer.log.empty());

  world.say_keepalive(c);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.observer.up[PeerId{0}], 1);
  const Negotiated& n = world.observer.negotiated[PeerId{0}];
  EXPECT_EQ(n.remote_asn, kPeerAsn);
  EXPECT_EQ(n.remote_identifier, kHigherId);
  EXPECT_TRUE(n.external);
  EXPECT_EQ(n.hold_time, 9s);
  EXPECT_EQ(n.local_next_hop.v4, (Ipv4Address{192, 0, 2, 2}));
}

TEST(Connect, RefusedGoesToActiveAndRetriesWithBackoff) {
  World world({numbered()});
  world.start();
  for (Duration nominal : {1s, 2s, 4s, 4s, 4s}) {
    world.refuse(world.dialed());
    EXPECT_EQ(world.state(), SessionState::kActive);
    world.transport.records[world.transport.dials.back()].closed = true;
    const Duration left = world.timers.left(kConnectRetry);
    expect_jittered(left, nominal);
    const std::size_t before = world.dial_count();
    world.advance(left - 1us);
    EXPECT_EQ(world.dial_count(), before);
    world.advance(1us);
    EXPECT_EQ(world.dial_count(), before + 1);
    EXPECT_EQ(world.state(), SessionState::kConnect);
  }
  EXPECT_EQ(world.status().history.last_error, "connect: Connection refused");
}

TEST(Connect, NoAnswerDropsTheAttemptAndDialsAgain) {
  World world({numbered()});
  world.start();
  const ConnectionId first = world.dialed();
  world.advance(world.timers.left(kConnectRetry));
  EXPECT_TRUE(world.closed(first));
  EXPECT_NE(world.dialed(), first);
  EXPECT_EQ(world.state(), SessionState::kConnect);
  // Whatever the transport still had under way for the first one is nothing to us.
  EXPECT_FALSE(world.event(ConnectionOpened{first, {}, {}}));
}

TEST(OpenSent, TcpClosedGoesToActive) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  world.hang_up(c);
  EXPECT_EQ(world.state(), SessionState::kActive);
  expect_jittered(world.timers.left(kConnectRetry), 1s);
  EXPECT_FALSE(world.timers.armed(hold_of(c)));
  EXPECT_FALSE(world.closed(c)) << "the other side has closed it already";
}

TEST(OpenSent, SilentPeerIsGivenUpAfterFourMinutes) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  world.advance(4min - 1us);
  EXPECT_EQ(world.state(), SessionState::kOpenSent);
  world.advance(1us);
  EXPECT_EQ(world.last_word(c), notification(NotificationCode::kHoldTimerExpired));
  EXPECT_TRUE(world.closed(c));
  EXPECT_EQ(world.state(), SessionState::kIdle);
}

TEST(OpenConfirm, HoldTimerExpires) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  world.say(c, peer_open());
  world.advance(9s);
  EXPECT_EQ(world.last_word(c), notification(NotificationCode::kHoldTimerExpired));
  EXPECT_TRUE(world.closed(c));
  EXPECT_TRUE(world.observer.log.empty()) << "it had never been up";
}

TEST(OpenConfirm, TcpClosedGoesToIdle) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  world.say(c, peer_open());
  world.hang_up(c);
  EXPECT_EQ(world.state(), SessionState::kIdle);
  expect_jittered(world.timers.left(kIdleHold), 1s);
}

TEST(EstablishedState, HoldTimerExpiresAndObserverHearsIt) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.advance(8s);
  world.say_keepalive(c);
  world.advance(9s - 1us);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  world.advance(1us);
  EXPECT_EQ(world.last_word(c), notification(NotificationCode::kHoldTimerExpired));
  EXPECT_EQ(world.observer.down[PeerId{0}], 1);
  EXPECT_EQ(world.status().history.last_error, "sent Hold Timer Expired");
}

TEST(EstablishedState, UpdateRestartsTheHoldTimer) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.advance(8s);
  world.say_bytes(c, encode_end_of_rib(Family::kIpv4Unicast));
  EXPECT_EQ(world.timers.left(hold_of(c)), 9s);
  ASSERT_EQ(world.observer.updates.size(), 1U);
  EXPECT_EQ(world.observer.updates[0].end_of_rib, Family::kIpv4Unicast);
}

TEST(EstablishedState, LateHoldTimerReadsFirst) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  // This thread was busy for three seconds past the deadline; the KEEPALIVE lies in the socket.
  world.now += 12s;
  world.timers.deadlines.erase(hold_of(c));
  world.event(TimerExpired{hold_of(c)});
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  world.say_keepalive(c);
  EXPECT_EQ(world.timers.left(hold_of(c)), 9s);
  // Once more, with nothing in the socket: one second chance and no third.
  world.now += 12s;
  world.timers.deadlines.erase(hold_of(c));
  world.event(TimerExpired{hold_of(c)});
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.timers.left(hold_of(c)), 1ms);
  world.now += 1s;
  world.event(TimerExpired{hold_of(c)});
  EXPECT_EQ(world.last_word(c), notification(NotificationCode::kHoldTimerExpired));
}

TEST(EstablishedState, KeepalivesAreSentWithJitter) {
  World world({numbered()}, 42);
  world.start();
  const ConnectionId c = world.establish_dialed();
  std::set<Duration> seen;
  for (int i = 0; i < 100; ++i) {
    const Duration left = world.timers.left(keepalive_of(c));
    expect_jittered(left, 3s);
    seen.insert(left);
    const std::size_t before = world.count<Keepalive>(c);
    world.advance(left);
    world.say_keepalive(c);
    EXPECT_EQ(world.count<Keepalive>(c), before + 1);
  }
  EXPECT_GT(seen.size(), 50U);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(EstablishedState, SameSeedSameTimers) {
  World a({numbered()}, 7);
  World b({numbered()}, 7);
  World c({numbered()}, 8);
  for (World* w : {&a, &b, &c}) w->start();
  EXPECT_EQ(a.timers.left(kConnectRetry), b.timers.left(kConnectRetry));
  EXPECT_NE(a.timers.left(kConnectRetry), c.timers.left(kConnectRetry));
}

TEST(EstablishedState, SendingUpdatesPostponesTheKeepalive) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.advance(2s);
  Bytes two = encode_end_of_rib(Family::kIpv4Unicast);
  const Bytes second = encode_end_of_rib(Family::kIpv6Unicast);
  two.insert(two.end(), second.begin(), second.end());
  world.manager.send_updates(PeerId{0}, two);
  expect_jittered(world.timers.left(keepalive_of(c)), 3s);
  EXPECT_EQ(world.count<Update>(c), 2U);
  EXPECT_EQ(world.status().history.sent.update, 2U);
}

TEST(EstablishedState, HoldTimeZeroMeansNoTimers) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed(peer_open(kHigherId, kPeerAsn, 0));
  EXPECT_FALSE(world.timers.armed(hold_of(c)));
  EXPECT_FALSE(world.timers.armed(keepalive_of(c)));
  world.advance(24h);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.status().uptime, 24h);
}

TEST(EstablishedState, RouteRefreshReachesTheObserver) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.say(c, RouteRefresh{Family::kIpv6Unicast, 0});
  ASSERT_EQ(world.observer.refreshes.size(), 1U);
  EXPECT_EQ(world.observer.refreshes[0].family, Family::kIpv6Unicast);
}

TEST(EstablishedState, TcpClosed) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.hang_up(c);
  EXPECT_EQ(world.observer.down[PeerId{0}], 1);
  EXPECT_EQ(world.observer.last_reason, "connection closed: closed by the other side");
  EXPECT_FALSE(world.timers.armed(hold_of(c)));
  EXPECT_FALSE(world.timers.armed(keepalive_of(c)));
}

TEST(EstablishedState, NotificationReceivedClosesWithoutAnAnswer) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.say(c, administrative_shutdown("back at noon"));
  EXPECT_TRUE(world.closed(c));
  EXPECT_EQ(world.count<Notification>(c), 0U);
  EXPECT_EQ(world.observer.down[PeerId{0}], 1);
  EXPECT_EQ(world.status().history.last_received->notification,
            administrative_shutdown("back at noon"));
  EXPECT_NE(world.status().history.last_error.find("back at noon"), std::string::npos);
  // It stays to be read while we try again.
  world.advance(1min);
  world.refuse(world.transport.dials.back());
  EXPECT_EQ(world.status().history.last_error, "connect: Connection refused");
  EXPECT_NE(world.status().history.last_down.find("back at noon"), std::string::npos);
}

// --- RFC 6608: a message that the state does not expect ---------------------------------------

template <class Unexpected>
void expect_fsm_error(SessionState in, const Unexpected& message, FsmError error,
                      std::uint8_t type) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  if (in >= SessionState::kOpenConfirm) world.say(c, peer_open());
  if (in >= SessionState::kEstablished) world.say_keepalive(c);
  ASSERT_EQ(world.state(), in);
  world.say(c, message);
  EXPECT_EQ(world.last_word(c), notification(error, {type}));
  EXPECT_TRUE(world.closed(c));
}

TEST(UnexpectedMessage, InOpenSent) {
  expect_fsm_error(SessionState::kOpenSent, Keepalive{}, FsmError::kUnexpectedMessageInOpenSent, 4);
  expect_fsm_error(SessionState::kOpenSent, RouteRefresh{}, FsmError::kUnexpectedMessageInOpenSent,
                   5);
}
TEST(UnexpectedMessage, InOpenConfirm) {
  expect_fsm_error(SessionState::kOpenConfirm, peer_open(),
                   FsmError::kUnexpectedMessageInOpenConfirm, 1);
  expect_fsm_error(SessionState::kOpenConfirm, RouteRefresh{},
                   FsmError::kUnexpectedMessageInOpenConfirm, 5);
}
TEST(UnexpectedMessage, InEstablished) {
  expect_fsm_error(SessionState::kEstablished, peer_open(),
                   FsmError::kUnexpectedMessageInEstablished, 1);
}
TEST(UnexpectedMessage, UpdateBeforeEstablished) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  world.say(c, peer_open());
  world.say_bytes(c, encode_end_of_rib(Family::kIpv4Unicast));
  EXPECT_EQ(world.last_word(c), notification(FsmError::kUnexpectedMessageInOpenConfirm, {2}));
  EXPECT_TRUE(world.observer.updates.empty());
}

// --- DelayOpen --------------------------------------------------------------------------------

PeerSettings delayed() {
  PeerSettings settings = numbered();
  settings.delay_open = 5s;
  return settings;
}

TEST(DelayOpen, OpenIsSentWhenItExpires) {
  World world({delayed()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  EXPECT_EQ(world.state(), SessionState::kConnect);
  EXPECT_TRUE(world.heard(c).empty());
  expect_jittered(world.timers.left({TimerKind::kDelayOpen, c.value()}), 5s);
  world.advance(5s);
  EXPECT_EQ(world.state(), SessionState::kOpenSent);
  EXPECT_EQ(world.count<Open>(c), 1U);
  world.establish(c);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(DelayOpen, PeersOpenEndsIt) {
  World world({delayed()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  world.say(c, peer_open());
  EXPECT_EQ(world.state(), SessionState::kOpenConfirm);
  ASSERT_EQ(world.heard(c).size(), 2U);
  EXPECT_TRUE(std::holds_alternative<Open>(world.heard(c)[0]));
  EXPECT_TRUE(std::holds_alternative<Keepalive>(world.heard(c)[1]));
  EXPECT_FALSE(world.timers.armed({TimerKind::kDelayOpen, c.value()}));
}

TEST(DelayOpen, AnythingElseIsAnFsmError) {
  World world({delayed()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  world.say_keepalive(c);
  EXPECT_EQ(world.last_word(c), notification(FsmError::kUnspecified, {4}));
}

// --- administration ---------------------------------------------------------------------------

TEST(Administration, ShutdownSaysSoAndStaysDown) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.manager.shutdown_peer(PeerId{0}, "maintenance", world.now);
  EXPECT_EQ(world.last_word(c), administrative_shutdown("maintenance"));
  EXPECT_TRUE(world.closed(c));
  EXPECT_EQ(world.observer.down[PeerId{0}], 1);
  EXPECT_EQ(world.state(), SessionState::kIdle);
  EXPECT_EQ(world.status().detail, "administratively down");
  EXPECT_TRUE(world.timers.deadlines.empty());
  const std::size_t dials = world.dial_count();
  world.advance(1h);
  EXPECT_EQ(world.dial_count(), dials);
  const ConnectionId incoming = world.connect_in(kNumbered);
  EXPECT_EQ(world.last_word(incoming), notification(CeaseReason::kConnectionRejected));

  world.manager.start_peer(PeerId{0}, world.now);
  EXPECT_EQ(world.dial_count(), dials + 1);
}

TEST(Administration, ShutdownWhileDialingTakesTheDialBack) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.manager.stop("", world.now);
  EXPECT_TRUE(world.closed(c));
  EXPECT_TRUE(world.timers.deadlines.empty());
}

TEST(Administration, StopEndsEverySession) {
  World world({numbered(), link_local(0, kLeaf)});
  world.start();
  const ConnectionId b = world.establish_dialed();
  const ConnectionId a = world.transport.dials[0];
  world.open(a);
  world.establish(a);
  world.manager.stop("going away", world.now);
  for (ConnectionId c : {a, b}) {
    EXPECT_EQ(world.last_word(c), administrative_shutdown("going away"));
    EXPECT_TRUE(world.closed(c));
  }
  EXPECT_TRUE(world.timers.deadlines.empty());
}

TEST(Administration, ResetFromInsideAnUpdateIsSettledAfterIt) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.observer.during_update = [&](PeerId peer, TimePoint now) {
    world.manager.reset(peer, notification(CeaseReason::kMaximumPrefixes), now);
    EXPECT_EQ(world.observer.down[peer], 0) << "not while the observer is still in on_update";
  };
  const Bytes one = encode_end_of_rib(Family::kIpv4Unicast);
  Bytes two = one;
  two.insert(two.end(), one.begin(), one.end());
  world.say_bytes(c, two);
  EXPECT_EQ(world.observer.updates.size(), 1U) << "nothing is read after the end";
  EXPECT_EQ(world.observer.down[PeerId{0}], 1);
  EXPECT_EQ(world.last_word(c), notification(CeaseReason::kMaximumPrefixes));
}

TEST(Administration, ResetFromOutside) {
  World world({numbered()});
  world.start();
  world.establish_dialed();
  world.manager.reset(PeerId{0}, notification(CeaseReason::kMaximumPrefixes), world.now);
  EXPECT_EQ(world.observer.down[PeerId{0}], 1);
}

// --- sending ----------------------------------------------------------------------------------

TEST(Output, BackPressure) {
  World world({numbered()});
  world.start();
  EXPECT_FALSE(world.manager.writable(PeerId{0}));
  const ConnectionId c = world.establish_dialed();
  EXPECT_TRUE(world.manager.writable(PeerId{0}));
  world.transport.stuck = true;
  world.manager.send_updates(PeerId{0}, Bytes(Peer::kSendMark));
  EXPECT_TRUE(world.manager.writable(PeerId{0}));
  world.manager.send_updates(PeerId{0}, Bytes(100));
  EXPECT_FALSE(world.manager.writable(PeerId{0}));
  world.transport.records[c].queued = 0;
  world.event(SendDrained{c});
  EXPECT_TRUE(world.manager.writable(PeerId{0}));
  EXPECT_EQ(world.observer.writable[PeerId{0}], 1);
  world.event(SendDrained{c});
  EXPECT_EQ(world.observer.writable[PeerId{0}], 1) << "it had not been told to wait";
}

TEST(Output, NothingIsSentBeforeEstablished) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  const auto before = world.transport.records[c].sent;
  world.manager.send_updates(PeerId{0}, encode_end_of_rib(Family::kIpv4Unicast));
  EXPECT_EQ(world.transport.records[c].sent, before);
}

TEST(Output, SendHoldTimer) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  const TimerKey send_hold{TimerKind::kSendHold, c.value()};
  EXPECT_FALSE(world.timers.armed(send_hold));
  world.transport.stuck = true;
  world.manager.send_updates(PeerId{0}, encode_end_of_rib(Family::kIpv4Unicast));
  EXPECT_EQ(world.timers.left(send_hold), 8min);
  world.event(SendDrained{c});
  EXPECT_FALSE(world.timers.armed(send_hold));
  world.manager.send_updates(PeerId{0}, encode_end_of_rib(Family::kIpv4Unicast));
  for (int i = 0; i < 8 * 12; ++i) {  // the peer lives, but takes nothing
    world.advance(5s);
    if (world.state() == SessionState::kEstablished) world.say_keepalive(c);
  }
  EXPECT_EQ(world.observer.down[PeerId{0}], 1);
  EXPECT_TRUE(world.closed(c));
  EXPECT_NE(world.observer.last_reason.find("Send Hold Timer Expired"), std::string::npos);
}

/// A peer that takes a little now and then is slow, not dead, though the queue is never empty.
TEST(Output, SendHoldTimerHeedsProgress) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  world.transport.stuck = true;
  const auto live = [&](int rounds) {
    for (int i = 0; i < rounds && world.state() == SessionState::kEstablished; ++i) {
      world.advance(5s);
      if (world.state() == SessionState::kEstablished) world.say_keepalive(c);
    }
  };
  world.manager.send_updates(PeerId{0}, encode_end_of_rib(Family::kIpv4Unicast));
  for (int i = 0; i < 4; ++i) {
    live(7 * 12);
    --world.transport.records[c].queued;
  }
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  live(17 * 12);
  EXPECT_TRUE(world.closed(c)) << "nothing for 8 minutes";
}

}  // namespace
}  // namespace lastmile::bgp
