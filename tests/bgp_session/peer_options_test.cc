// What the configuration can say of a peer beyond its address: hops, passwords, another AS number,
// administrative shutdown, pauses, listen ranges.
#include <algorithm>

#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

const IpPrefix kRange = Ipv4Prefix{{198, 51, 100, 0}, 24};
const IpPrefix kLinkLocalRange = Ipv6Prefix{*Ipv6Address::parse("fe80::"), 10};

PeerSettings range(const IpPrefix& listen, unsigned limit) {
  PeerSettings settings;
  settings.name = "range";
  settings.listen = listen;
  settings.limit = limit;
  settings.passive = true;
  return settings;
}
Ipv4Address host(std::uint8_t last) {
  return {198, 51, 100, last};
}

TEST(PeerOptions, HopLimitsHoldForBothWaysOfConnecting) {
  PeerSettings settings = numbered();
  settings.hops = {255, 254};
  settings.source = Ipv4Address{10, 0, 1, 1};
  World world({settings});
  world.start();
  const auto& dialed = world.transport.records.at(world.dialed()).options;
  EXPECT_EQ(dialed.hops, (HopLimits{255, 254}));
  EXPECT_EQ(dialed.source, IpAddress{(Ipv4Address{10, 0, 1, 1})});
  const ConnectionId in = world.connect_in(kNumbered);
  EXPECT_EQ(world.transport.records.at(in).options.hops, (HopLimits{255, 254}));
}

TEST(PeerOptions, PasswordGuardsTheAddressForAsLongAsItIsKnown) {
  PeerSettings settings = unnumbered(0);
  settings.password = "secret";
  World world({settings});
  world.start();
  EXPECT_TRUE(world.transport.passwords.empty());
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  EXPECT_EQ(world.transport.passwords.at(Ipv6Prefix(kLeaf, 128)), "secret");
  EXPECT_EQ(world.transport.records.at(world.dialed()).options.password, "secret");
  world.manager.discovered(PortId{0}, kOtherLeaf, world.now);
  EXPECT_EQ(world.transport.passwords.size(), 1U);
  EXPECT_TRUE(world.transport.passwords.contains(Ipv6Prefix(kOtherLeaf, 128)));
}

/// fe80::1 on every port: the key stays as long as one of the neighbors is there.
TEST(Password, OfOneAddressOnSeveralPorts) {
  PeerSettings one = unnumbered(0), other = unnumbered(1), third = unnumbered(2);
  one.password = other.password = "secret";
  third.password = "other";
  World world({one, other, third});
  world.start();
  const Ipv6Prefix host(kLeaf, 128);
  for (std::uint16_t i = 0; i < 2; ++i) world.manager.discovered(PortId{i}, kLeaf, world.now);
  world.manager.discovery_lost(PortId{0}, world.now);
  world.manager.discovered(PortId{0}, kOtherLeaf, world.now);
  EXPECT_EQ(world.transport.passwords.at(host), "secret") << "the second port's neighbor's";
  world.manager.discovered(PortId{2}, kLeaf, world.now);
  EXPECT_EQ(world.transport.passwords.at(host), "other") << "the last one";
  world.manager.discovered(PortId{2}, kOtherLeaf, world.now);
  EXPECT_EQ(world.transport.passwords.at(host), "secret") << "again";
  world.manager.discovered(PortId{1}, kOtherLeaf, world.now);
  EXPECT_FALSE(world.transport.passwords.contains(host));
}

TEST(PeerOptions, LocalAsStandsInOpenAndDecidesWhoIsExternal) {
  PeerSettings settings = numbered();
  settings.local_as = Asn{65100};
  World world({settings});
  world.start();
  const ConnectionId c = world.dialed();
  world.open(c);
  const auto open = std::get<Open>(world.heard(c).front());
  EXPECT_EQ(open.asn, Asn{65100});
  EXPECT_EQ(open.capabilities.four_octet_asn, Asn{65100});
  world.establish(c, peer_open(kHigherId, kPeerAsn));
  ASSERT_EQ(world.state(), SessionState::kEstablished);
  EXPECT_TRUE(world.observer.negotiated[PeerId{0}].external);
  EXPECT_EQ(world.observer.negotiated[PeerId{0}].local_asn, Asn{65100});
}

TEST(PeerOptions, ShutDownByConfigurationNeverDialsAndRefusesCallers) {
  PeerSettings settings = numbered();
  settings.shutdown = true;
  World world({settings});
  world.start();
  world.advance(10min);
  EXPECT_EQ(world.dial_count(), 0U);
  const ConnectionId in = world.connect_in(kNumbered);
  EXPECT_TRUE(world.closed(in));
  EXPECT_EQ(world.status().detail, "administratively down");
}

TEST(PeerOptions, SuspendedPeerComesBackAfterThePauseAndNotBefore) {
  World world({numbered()});
  world.start();
  const ConnectionId c = world.establish_dialed();
  const Notification cease = notification(CeaseReason::kMaximumPrefixes);
  world.manager.suspend(PeerId{0}, cease, 5min, world.now);
  EXPECT_EQ(world.last_word(c), cease);
  EXPECT_EQ(world.observer.down[PeerId{0}], 1);
  world.advance(4min);
  EXPECT_EQ(world.dial_count(), 1U);
  EXPECT_TRUE(world.closed(world.connect_in(kNumbered))) << "deaf, too";
  EXPECT_NE(world.status().detail.find("suspended"), std::string::npos);
  world.advance(2min);
  EXPECT_GT(world.dial_count(), 1U);
}

TEST(PeerOptions, APauseGoesOnWhateverHappensToTheLink) {
  World world({unnumbered(0)});
  world.start();
  world.manager.discovered(PortId{0}, kLeaf, world.now);
  world.establish_dialed();
  world.manager.suspend(PeerId{0}, notification(CeaseReason::kMaximumPrefixes), 5min, world.now);
  world.event(LinkChanged{PortId{0}, LinkState::kDown});
  world.event(LinkChanged{PortId{0}, LinkState::kUp});
  world.manager.hold(PeerId{0});
  world.manager.path_works(PeerId{0}, world.now);
  world.advance(4min);
  EXPECT_EQ(world.dial_count(), 1U);
  world.advance(2min);
  EXPECT_GT(world.dial_count(), 1U);
}

TEST(PeerOptions, SuspendedForGoodUntilStarted) {
  World world({numbered()});
  world.start();
  world.establish_dialed();
  world.observer.during_update = [&](PeerId peer, TimePoint now) {
    world.manager.suspend(peer, notification(CeaseReason::kMaximumPrefixes), std::nullopt, now);
  };
  world.say_bytes(world.dialed(), encode_end_of_rib(Family::kIpv4Unicast));
  world.advance(10h);
  EXPECT_EQ(world.dial_count(), 1U);
  world.manager.start_peer(PeerId{0}, world.now);
  EXPECT_EQ(world.dial_count(), 2U);
}

TEST(ListenRange, MakesAPeerForWhoeverConnectsUpToTheLimit) {
  World world({numbered(), range(kRange, 2)});
  world.start();
  const auto first = world.connect_in(host(1));
  const auto second = world.connect_in(host(2));
  const auto third = world.connect_in(host(3));
  EXPECT_TRUE(world.closed(third)) << "the limit";
  EXPECT_EQ(world.last_word(third), notification(CeaseReason::kConnectionRejected));
  world.establish(first, peer_open(kHigherId));
  world.establish(second, peer_open(kLowerId));
  EXPECT_EQ(world.state(2), SessionState::kEstablished);
  EXPECT_EQ(world.state(3), SessionState::kEstablished);
  EXPECT_EQ(world.observer.negotiated[PeerId{2}].configured_as, PeerId{1});
  EXPECT_EQ(world.status(2).name, "198.51.100.1");
  const PeerStatus listener = world.status(1);
  EXPECT_EQ(listener.detail, "listens for 198.51.100.0/24: 2 of 2 dynamic neighbors");
  EXPECT_TRUE(world.closed(world.connect_in(Ipv4Address{198, 51, 101, 1}))) << "not in the range";
}

TEST(ListenRange, AGonePeerMakesRoomAndItsNumberIsUsedAgain) {
  World world({range(kRange, 1)});
  world.start();
  const auto first = world.connect_in(host(1));
  world.establish(first);
  world.hang_up(first);
  EXPECT_EQ(world.observer.down[PeerId{1}], 1);
  const auto second = world.connect_in(host(2));
  world.establish(second);
  EXPECT_EQ(world.status(1).name, "198.51.100.2");
  EXPECT_EQ(world.manager.status(world.now).size(), 2U);
}

TEST(ListenRange, ANeighborByItsAddressTakesOverFromOneThatCameByIt) {
  World world({range(kRange, 2)});
  world.start();
  const ConnectionId by_range = world.connect_in(host(1));
  world.establish(by_range);
  world.manager.apply({range(kRange, 2), numbered(host(1))}, world.now);
  EXPECT_EQ(world.last_word(by_range), notification(CeaseReason::kOtherConfigurationChange));
  EXPECT_TRUE(world.closed(by_range));
  const ConnectionId in = world.connect_in(host(1));
  world.establish(in);
  const auto status = world.manager.status(world.now);
  EXPECT_EQ(status.size(), 2U) << "the range and the neighbor";
}

TEST(ListenRange, AnUnnumberedNeighborTakesOverFromOneThatCameByItsPort) {
  PeerSettings settings = range(kLinkLocalRange, 10);
  World world({settings});
  world.start();
  const ConnectionId here = world.connect_in(kLeaf, PortId{1});
  const ConnectionId elsewhere = world.connect_in(kLeaf, PortId{2});
  world.establish(here);
  EXPECT_EQ(world.status(1).name, "fe80::aa%up2");
  world.manager.apply({settings, unnumbered(1)}, world.now);
  EXPECT_TRUE(world.closed(here));
  EXPECT_FALSE(world.closed(elsewhere));
}

TEST(ListenRange, TakesNobodyAnyMoreWhileTheRouterEnds) {
  World world({range(kRange, 2)});
  world.start();
  world.establish(world.connect_in(host(1)));
  world.manager.stop("router is stopping", world.now);
  EXPECT_TRUE(world.closed(world.connect_in(host(1))));
  EXPECT_TRUE(world.closed(world.connect_in(host(2))));
}

TEST(ListenRange, LinkLocalRangeKeepsPortsApart) {
  PeerSettings settings = range(kLinkLocalRange, 10);
  settings.port = PortId{1};
  World world({settings});
  world.start();
  EXPECT_TRUE(world.closed(world.connect_in(kLeaf, PortId{0})));
  const auto in = world.connect_in(kLeaf, PortId{1});
  world.establish(in);
  EXPECT_EQ(world.state(1), SessionState::kEstablished);
  EXPECT_EQ(world.observer.negotiated[PeerId{1}].name, world.status(1).name);
  world.event(LinkChanged{PortId{1}, LinkState::kDown});
  EXPECT_TRUE(world.closed(in));
}

TEST(ListenRange, PasswordIsForTheWholeRangeAndAKnownPeerGoesFirst) {
  PeerSettings guarded = range(kRange, 10);
  guarded.password = "secret";
  World world({guarded, numbered(host(7))});
  world.start();
  EXPECT_EQ(world.transport.passwords.at(kRange), "secret");
  const auto in = world.connect_in(host(7));
  world.establish(in);
  EXPECT_EQ(world.state(1), SessionState::kEstablished);
  EXPECT_EQ(world.manager.peer_count(), 2U);
}

TEST(PeerSettings, ComeFromTheConfiguration) {
  Config config;
  config.router.asn = kOurAsn;
  config.ports.resize(1);
  config.ports[0].addresses = {{Ipv4Address{192, 0, 2, 2}, 24}};
  const auto add = [&](const IpAddress& address) -> BgpNeighborConfig& {
    BgpNeighborConfig neighbor;
    neighbor.address = address;
    return config.bgp.neighbors.emplace_back(neighbor);
  };
  add(Ipv4Address{192, 0, 2, 1}).ttl_security = 1;
  add(Ipv4Address{203, 0, 113, 1}).ttl_security = 2;
  add(Ipv4Address{203, 0, 113, 2}).multihop = 2;
  add(Ipv4Address{192, 0, 2, 3});
  BgpNeighborConfig listen;
  listen.listen = IpPrefix{Ipv4Prefix{{192, 0, 2, 128}, 25}};
  config.bgp.neighbors.push_back(listen);
  const auto peers = peer_settings(config);
  EXPECT_EQ(peers[0].hops, (HopLimits{255, 255}));
  EXPECT_EQ(peers[1].hops, (HopLimits{255, 253})) << "our own worker is one of the hops";
  EXPECT_EQ(peers[2].hops, (HopLimits{3, 0}));
  EXPECT_EQ(peers[3].hops, (HopLimits{1, 0}));
  EXPECT_EQ(peers[4].port, PortId{0});
}

TEST(PeerSettings, ADefaultThatIsWrittenOutIsTheSameSession) {
  Config config;
  config.router.asn = kOurAsn;
  BgpNeighborConfig& neighbor = config.bgp.neighbors.emplace_back();
  for (const auto kind : {RemoteAsn::Kind::kExternal, RemoteAsn::Kind::kInternal}) {
    neighbor.remote_asn.kind = kind;
    neighbor.aigp.reset();
    const auto unsaid = peer_settings(config);
    neighbor.aigp = kind == RemoteAsn::Kind::kInternal;
    EXPECT_TRUE(same_session(unsaid[0], peer_settings(config)[0]));
    neighbor.aigp = !*neighbor.aigp;
    EXPECT_FALSE(same_session(unsaid[0], peer_settings(config)[0]));
  }
}

}  // namespace
}  // namespace lastmile::bgp
