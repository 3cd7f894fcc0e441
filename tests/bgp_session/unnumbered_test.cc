// Peers without an address of their own in the configuration, and links that come and go.
#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

TEST(Unnumbered, WaitsForDiscoveryThenDialsAtOnce) {
  World world({unnumbered(3)});
  world.start();
  EXPECT_EQ(world.dial_count(), 0U);
  EXPECT_EQ(world.state(), SessionState::kActive);
  EXPECT_EQ(world.status().address, std::nullopt);
  EXPECT_EQ(world.status().detail, "no neighbor has been discovered on the port");
  world.manager.discovered(PortId{3}, kLeaf, world.now);
  ASSERT_EQ(world.dial_count(), 1U);
  EXPECT_EQ(world.transport.records[world.dialed()].remote, (Endpoint{kLeaf, 179, PortId{3}}));
  world.establish_dialed();
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.observer.negotiated[PeerId{0}].local_next_hop.link_local, kOurLinkLocal);
  EXPECT_EQ(world.status().address, IpAddress{kLeaf});
}

TEST(Unnumbered, RepeatedDiscoveryOfTheSameNeighborChangesNothing) {
  World world({unnumbered(0)});
  world.start();
  for (int i = 0; i < 5; ++i) world.manager.discovered(PortId{0}, kLeaf, world.now);
  EXPECT_EQ(world.dial_count(), 1U);
  world.refuse(world.dialed());
  for (int i = 0; i < 5; ++i) world.manager.discovered(PortId{0}, kLeaf, world.now);
  EXPECT_EQ(world.dial_count(), 1U) << "an advertisement is no reason to dial before the time";
}

TEST(Unnumbered, DiscoveryOnAnotherPortIsNotOurs) {
  World world({unnumbered(0)});
  world.start();
  world.manager.discovered(PortId{1}, kLeaf, world.now);
  EXPECT_EQ(world.dial_count(), 0U);
}

TEST(Unnumbered, OtherNeighborBeforeEstablishedIsTakenAtOnce) {
  World world({unnumbered(0)});
  world.start();
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  const ConnectionId first = world.dialed();
  world.open(first);
  world.manager.discovered(PortId{0}, kOtherLeaf, world.now);
  EXPECT_EQ(world.last_word(first), notification(CeaseReason::kOtherConfigurationChange));
  EXPECT_EQ(world.transport.records[world.dialed()].remote.address, IpAddress{kOtherLeaf});
  EXPECT_EQ(world.state(), SessionState::kConnect);
}

TEST(Unnumbered, OtherNeighborWhileDialing) {
  World world({unnumbered(0)});
  world.start();
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  const ConnectionId first = world.dialed();
  world.manager.discovered(PortId{0}, kOtherLeaf, world.now);
  EXPECT_TRUE(world.closed(first));
  EXPECT_EQ(world.transport.records[world.dialed()].remote.address, IpAddress{kOtherLeaf});
}

TEST(Unnumbered, OtherNeighborDoesNotDisturbASession) {
  World world({unnumbered(0)});
  world.start();
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  const ConnectionId c = world.establish_dialed();
  world.manager.discovered(PortId{0}, kOtherLeaf, world.now);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_FALSE(world.closed(c));
  world.hang_up(c);
  world.advance(1s);
  EXPECT_EQ(world.transport.records[world.dialed()].remote.address, IpAddress{kOtherLeaf});
}

TEST(Unnumbered, LostDiscoveryDoesNotDisturbASession) {
  World world({unnumbered(0)});
  world.start();
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  const ConnectionId c = world.establish_dialed();
  world.manager.discovery_lost(PortId{0}, world.now);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  world.hang_up(c);
  world.advance(1h);
  EXPECT_EQ(world.dial_count(), 1U) << "nobody is there";
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  EXPECT_EQ(world.dial_count(), 2U);
}

TEST(Unnumbered, LostDiscoveryTakesTheDialBack) {
  World world({unnumbered(0)});
  world.start();
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  const ConnectionId c = world.dialed();
  world.manager.discovery_lost(PortId{0}, world.now);
  EXPECT_TRUE(world.closed(c));
  EXPECT_EQ(world.state(), SessionState::kActive);
  world.advance(1h);
  EXPECT_EQ(world.dial_count(), 1U);
}

TEST(Unnumbered, IncomingIsAdoptedWhereNobodyWasDiscovered) {
  World world({unnumbered(0)});
  world.start();
  const ConnectionId c = world.connect_in(kLeaf, PortId{0});
  world.establish(c);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.status().address, IpAddress{kLeaf});
  // The address goes with the connection that brought it.
  world.hang_up(c);
  EXPECT_EQ(world.status().address, std::nullopt);
  world.advance(1h);
  EXPECT_EQ(world.dial_count(), 0U);
  world.establish(world.connect_in(kOtherLeaf, PortId{0}));
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(Unnumbered, AdoptedThenDiscovered) {
  World world({unnumbered(0)});
  world.start();
  const ConnectionId c = world.connect_in(kLeaf, PortId{0});
  world.establish(c);
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  EXPECT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_EQ(world.dial_count(), 0U);
  world.hang_up(c);
  world.advance(1s);
  EXPECT_EQ(world.dial_count(), 1U);
}

TEST(Unnumbered, StrangerIsRefusedOnceTheNeighborIsKnown) {
  World world({unnumbered(0)});
  world.start();
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  const ConnectionId c = world.connect_in(kOtherLeaf, PortId{0});
  EXPECT_EQ(world.last_word(c), notification(CeaseReason::kConnectionRejected));
  EXPECT_TRUE(world.closed(c));
  EXPECT_EQ(world.manager.incoming().unknown, 1U);
}

TEST(Unnumbered, WithAPasswordNobodyIsAdoptedWhoseAddressTheKernelGuardsNot) {
  PeerSettings settings = unnumbered(0);
  settings.password = "secret";
  World world({settings});
  world.start();
  EXPECT_TRUE(world.closed(world.connect_in(kLeaf, PortId{0})));
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  EXPECT_FALSE(world.transport.passwords.empty());
  world.establish(world.connect_in(kLeaf, PortId{0}));
  EXPECT_EQ(world.state(), SessionState::kEstablished);
}

TEST(Unnumbered, NumberedAddressIsNeverAdopted) {
  World world({unnumbered(0)});
  world.start();
  world.connect_in(kNumbered);
  world.connect_in(*Ipv6Address::parse("2001:db8::1"));
  world.connect_in(kLeaf, PortId{1});
  world.connect_in(kLeaf);  // on an interface that is nobody's twin
  EXPECT_EQ(world.manager.incoming().unknown, 4U);
  EXPECT_EQ(world.state(), SessionState::kActive);
}

// --- the same link-local address on several ports --------------------------------------------

TEST(SameAddress, OnTwoPortsAreTwoPeers) {
  World world({unnumbered(0), unnumbered(1)});
  world.start();
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  world.manager.discovered(PortId{1}, kLeaf, world.now);
  const ConnectionId a = world.transport.dials[0], b = world.transport.dials[1];
  EXPECT_EQ(world.transport.records[a].remote.port, PortId{0});
  EXPECT_EQ(world.transport.records[b].remote.port, PortId{1});
  for (ConnectionId c : {a, b}) {
    world.open(c);
    world.establish(c);
  }
  EXPECT_EQ(world.state(0), SessionState::kEstablished);
  EXPECT_EQ(world.state(1), SessionState::kEstablished);
  world.event(LinkChanged{PortId{0}, LinkState::kDown});
  EXPECT_EQ(world.state(0), SessionState::kIdle);
  EXPECT_EQ(world.state(1), SessionState::kEstablished);
  EXPECT_EQ(world.observer.log.back(), "down 0");
}

TEST(SameAddress, IncomingGoesToItsOwnPort) {
  World world({link_local(0, kLeaf), link_local(1, kLeaf)});
  world.start();
  world.establish(world.connect_in(kLeaf, PortId{1}));
  EXPECT_EQ(world.state(0), SessionState::kConnect);
  EXPECT_EQ(world.state(1), SessionState::kEstablished);
}

TEST(SameAddress, StaticLinkLocalPeerGoesBeforeAdoption) {
  World world({unnumbered(0), link_local(0, kLeaf)});
  world.start();
  world.establish(world.connect_in(kLeaf, PortId{0}));
  EXPECT_EQ(world.state(0), SessionState::kActive);
  EXPECT_EQ(world.state(1), SessionState::kEstablished);
}

// --- links ------------------------------------------------------------------------------------

TEST(Link, DownEndsTheSessionAtOnceAndUpRestartsItAtOnce) {
  World world({unnumbered(0)});
  world.start();
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  const ConnectionId c = world.establish_dialed();
  EXPECT_FALSE(world.event(LinkChanged{PortId{0}, LinkState::kDown})) << "others want it too";
  EXPECT_EQ(world.observer.last_reason, "link is down");
  EXPECT_TRUE(world.closed(c));
  EXPECT_EQ(world.count<Notification>(c), 0U);
  EXPECT_EQ(world.state(), SessionState::kIdle);
  EXPECT_EQ(world.status().detail, "link is down");
  EXPECT_TRUE(world.timers.deadlines.empty());
  world.advance(1h);
  EXPECT_EQ(world.dial_count(), 1U);
  world.event(LinkChanged{PortId{0}, LinkState::kUp});
  EXPECT_EQ(world.dial_count(), 2U);
  world.establish_dialed();
  EXPECT_EQ(world.observer.up[PeerId{0}], 2);
}

TEST(Link, FlapsLeaveNoDampingBehind) {
  World world({link_local(0, kLeaf)});
  world.start();
  for (int i = 0; i < 20; ++i) {
    world.establish_dialed();
    ASSERT_EQ(world.state(), SessionState::kEstablished);
    world.event(LinkChanged{PortId{0}, LinkState::kDown});
    world.event(LinkChanged{PortId{0}, LinkState::kDown});
    world.advance(10ms);
    world.event(LinkChanged{PortId{0}, LinkState::kUp});
    world.event(LinkChanged{PortId{0}, LinkState::kUp});
  }
  EXPECT_EQ(world.dial_count(), 21U);
  EXPECT_EQ(world.status().history.dropped, 20U);
}

TEST(Link, DownWhileDialingAndWhileHeld) {
  World world({link_local(0, kLeaf)});
  world.start();
  const ConnectionId c = world.dialed();
  world.event(LinkChanged{PortId{0}, LinkState::kDown});
  EXPECT_TRUE(world.closed(c));
  EXPECT_TRUE(world.timers.deadlines.empty());
  world.event(LinkChanged{PortId{0}, LinkState::kUp});
  const ConnectionId d = world.dialed();
  world.open(d);
  world.say(d, peer_open(kHigherId, kOurAsn));  // Bad Peer AS
  EXPECT_TRUE(world.timers.armed(kIdleHold));
  world.event(LinkChanged{PortId{0}, LinkState::kDown});
  EXPECT_TRUE(world.timers.deadlines.empty());
  world.event(LinkChanged{PortId{0}, LinkState::kUp});
  EXPECT_EQ(world.state(), SessionState::kConnect);
}

TEST(Link, DownBeforeStart) {
  World world({link_local(0, kLeaf)});
  world.event(LinkChanged{PortId{0}, LinkState::kDown});
  world.start();
  EXPECT_EQ(world.dial_count(), 0U);
  world.event(LinkChanged{PortId{0}, LinkState::kUp});
  EXPECT_EQ(world.dial_count(), 1U);
}

TEST(Link, UpDoesNotWakeAPeerThatWasShutDown) {
  World world({link_local(0, kLeaf)});
  world.start();
  world.manager.shutdown_peer(PeerId{0}, "", world.now);
  world.event(LinkChanged{PortId{0}, LinkState::kDown});
  world.event(LinkChanged{PortId{0}, LinkState::kUp});
  EXPECT_EQ(world.dial_count(), 1U);
  EXPECT_EQ(world.state(), SessionState::kIdle);
  world.manager.discovered(PortId{0}, kOtherLeaf, world.now);
  EXPECT_EQ(world.dial_count(), 1U);
}

}  // namespace
}  // namespace lastmile::bgp
