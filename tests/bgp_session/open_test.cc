// OPEN: what we announce and what we make of the peer's.
#include "controlplane/bgp/session/open.h"

#include "tests/bgp_session/harness.h"

namespace lastmile::bgp {
namespace {

const IpAddress kV4 = Ipv4Address{192, 0, 2, 2};
const IpAddress kV6 = kOurLinkLocal;

tl::expected<Negotiated, Notification> meet(const PeerSettings& settings, const Open& theirs,
                                            const IpAddress& local = kV6) {
  const Open ours = make_open(speaker(), settings, local, CapabilityUse::kAnnounce);
  return negotiate(speaker(), settings, ours, theirs, {local, 179, {}}, {kLeaf, 179, {}});
}

PeerSettings expecting(RemoteAsn::Kind kind, Asn number = {}) {
  PeerSettings settings = unnumbered(0);
  settings.remote_asn = {kind, number};
  return settings;
}

TEST(Announce, Everything) {
  const Open open = make_open(speaker(), unnumbered(0), kV6, CapabilityUse::kAnnounce);
  EXPECT_EQ(open.asn, kOurAsn);
  EXPECT_EQ(open.hold_time_s, 9);
  EXPECT_EQ(open.identifier, kOurId);
  const Capabilities& can = open.capabilities;
  EXPECT_EQ(can.multiprotocol, (std::vector{Family::kIpv4Unicast, Family::kIpv6Unicast}));
  EXPECT_EQ(can.extended_next_hop, std::vector{Family::kIpv4Unicast});
  EXPECT_TRUE(can.route_refresh);
  EXPECT_EQ(can.four_octet_asn, kOurAsn);
  EXPECT_EQ(can.hostname, "bms1");
  EXPECT_EQ(can.domain_name, "example.net");
}

TEST(Announce, ExtendedNextHopOnlyOverIpv6) {
  const Open open = make_open(speaker(), numbered(), kV4, CapabilityUse::kAnnounce);
  EXPECT_TRUE(open.capabilities.extended_next_hop.empty());
}

TEST(RemoteAs, AsConfigured) {
  struct Row {
    PeerSettings settings;
    Asn asn;
    bool fits;
  };
  using Kind = RemoteAsn::Kind;
  const Row rows[] = {
      {expecting(Kind::kExternal), kPeerAsn, true},
      {expecting(Kind::kExternal), Asn{4200000001}, true},
      {expecting(Kind::kExternal), kOurAsn, false},
      {expecting(Kind::kInternal), kOurAsn, true},
      {expecting(Kind::kInternal), kPeerAsn, false},
      {expecting(Kind::kNumber, kPeerAsn), kPeerAsn, true},
      {expecting(Kind::kNumber, kPeerAsn), Asn{65002}, false},
      {expecting(Kind::kNumber, kOurAsn), kOurAsn, true},
      {expecting(Kind::kExternal), Asn{0}, false},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.asn.value());
    const auto result = meet(row.settings, peer_open(kHigherId, row.asn));
    ASSERT_EQ(result.has_value(), row.fits);
    if (row.fits) {
      EXPECT_EQ(result->external, row.asn != kOurAsn);
      EXPECT_EQ(result->codec.external_peer, row.asn != kOurAsn);
    } else {
      EXPECT_EQ(result.error(), notification(OpenError::kBadPeerAs));
    }
  }
}

// RFC 9234 section 4.2.
TEST(Roles, AreAnnouncedAndMustFit) {
  PeerSettings ours = unnumbered(0);
  EXPECT_TRUE(make_open(speaker(), ours, kV6, CapabilityUse::kAnnounce).capabilities.roles.empty());
  struct Row {
    Role role;
    std::vector<std::uint8_t> theirs;
    bool strict;
    bool fits;
  };
  const Row rows[] = {
      {Role::kProvider, {3}, false, true},
      {Role::kProvider, {0}, false, false},
      {Role::kCustomer, {0}, false, true},
      {Role::kCustomer, {1}, false, false},
      {Role::kRouteServer, {2}, false, true},
      {Role::kRouteServer, {3}, false, false},
      {Role::kRouteServerClient, {1}, false, true},
      {Role::kPeer, {4}, true, true},
      {Role::kPeer, {2}, true, false},
      {Role::kPeer, {}, false, true},
      {Role::kPeer, {}, true, false},
      {Role::kPeer, {4, 3}, false, false},  // two different ones
      {Role::kPeer, {9}, false, false},     // nobody knows what that is
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(std::string(facts(row.role).name) + (row.strict ? ", strict" : ""));
    ours.role = row.role;
    ours.role_strict = row.strict;
    EXPECT_EQ(make_open(speaker(), ours, kV6, CapabilityUse::kAnnounce).capabilities.roles,
              std::vector{static_cast<std::uint8_t>(row.role)});
    Open theirs = peer_open();
    theirs.capabilities.roles = row.theirs;
    const auto result = meet(ours, theirs);
    ASSERT_EQ(result.has_value(), row.fits);
    if (row.fits) {
      EXPECT_EQ(result->role, row.role);
    } else {
      EXPECT_EQ(result.error(), notification(OpenError::kRoleMismatch));
    }
  }
  // Without a role of our own theirs is not judged.
  Open theirs = peer_open();
  theirs.capabilities.roles = {3};
  EXPECT_FALSE(meet(unnumbered(0), theirs)->role);
}

TEST(EnhancedRefresh, OnlyIfBothAnnounceIt) {
  EXPECT_FALSE(meet(unnumbered(0), peer_open())->enhanced_refresh);
  Open theirs = peer_open();
  theirs.capabilities.enhanced_route_refresh = true;
  EXPECT_TRUE(meet(unnumbered(0), theirs)->enhanced_refresh);
}

TEST(Identifier, SameAsOursOnlyAcrossAsBorders) {
  EXPECT_TRUE(meet(unnumbered(0), peer_open(kOurId)));
  const auto internal = meet(expecting(RemoteAsn::Kind::kInternal), peer_open(kOurId, kOurAsn));
  EXPECT_EQ(internal.error(), notification(OpenError::kBadBgpIdentifier));
}

TEST(HoldTime, SmallerOfBoth) {
  EXPECT_EQ(meet(unnumbered(0), peer_open(kHigherId, kPeerAsn, 180))->hold_time, 9s);
  EXPECT_EQ(meet(unnumbered(0), peer_open(kHigherId, kPeerAsn, 3))->hold_time, 3s);
  EXPECT_EQ(meet(unnumbered(0), peer_open(kHigherId, kPeerAsn, 0))->hold_time, 0s);
  EXPECT_FALSE(meet(unnumbered(0), peer_open(kHigherId, kPeerAsn, 2)));
}

TEST(Keepalives, AThirdOfTheHoldTimeAtMost) {
  const BgpTimers timers{.keepalive = 3s, .hold = 9s, .connect_retry = 1s};
  EXPECT_EQ(keepalive_interval(timers, 9s), 3s);
  EXPECT_EQ(keepalive_interval(timers, 180s), 3s);
  EXPECT_EQ(keepalive_interval(timers, 3s), 1s);
  EXPECT_EQ(keepalive_interval(timers, 0s), 0s);
}

TEST(Families, WhatBothAnnounce) {
  Open theirs = peer_open();
  theirs.capabilities.multiprotocol = {Family::kIpv6Unicast};
  EXPECT_EQ(meet(unnumbered(0), theirs)->families, std::vector{Family::kIpv6Unicast});
  // No multiprotocol capability at all: IPv4 (RFC 4760 section 8).
  theirs.capabilities.multiprotocol.clear();
  EXPECT_EQ(meet(unnumbered(0), theirs)->families, std::vector{Family::kIpv4Unicast});
}

TEST(ExtendedNextHop, OnlyIfBothAnnounceIt) {
  EXPECT_EQ(meet(unnumbered(0), peer_open())->codec.extended_next_hop,
            std::vector{Family::kIpv4Unicast});
  EXPECT_TRUE(meet(numbered(), peer_open(), kV4)->codec.extended_next_hop.empty());
  Open theirs = peer_open();
  theirs.capabilities.extended_next_hop.clear();
  EXPECT_TRUE(meet(unnumbered(0), theirs)->codec.extended_next_hop.empty());
}

TEST(NextHopSelf, OwnAddressesOfThePortBesideTheSessions) {
  PeerSettings settings = unnumbered(0);
  settings.own_addresses.v4 = Ipv4Address{192, 168, 101, 254};
  const NextHop own = meet(settings, peer_open())->local_next_hop;
  EXPECT_EQ(own.link_local, kOurLinkLocal);
  EXPECT_EQ(own.v4, (Ipv4Address{192, 168, 101, 254}));
  EXPECT_EQ(own.global, std::nullopt);
}

TEST(Settings, FromAConfiguration) {
  Config config;
  config.router.asn = kOurAsn;
  PortConfig up;
  up.id = PortId{0};
  up.name = "up1";
  PortConfig lan;
  lan.id = PortId{1};
  lan.name = "lan";
  lan.addresses = {{Ipv4Address{192, 168, 101, 254}, 24}};
  config.ports = {up, lan};
  BgpNeighborConfig unnumbered_neighbor;
  unnumbered_neighbor.name = "up1";
  unnumbered_neighbor.port = PortId{0};
  BgpNeighborConfig on_lan;
  on_lan.name = "192.168.101.1";
  on_lan.address = Ipv4Address{192, 168, 101, 1};
  on_lan.remote_asn = {RemoteAsn::Kind::kNumber, kOurAsn};
  BgpNeighborConfig far_away;
  far_away.name = "203.0.113.1";
  far_away.address = Ipv4Address{203, 0, 113, 1};
  config.bgp.neighbors = {unnumbered_neighbor, on_lan, far_away};

  const auto peers = peer_settings(config);
  ASSERT_EQ(peers.size(), 3U);
  EXPECT_EQ(peers[0].port, PortId{0});
  EXPECT_EQ(peers[0].address, std::nullopt);
  EXPECT_EQ(peers[0].hops.sent, 1);
  EXPECT_EQ(peers[1].port, PortId{1}) << "its address is in that port's subnet";
  EXPECT_EQ(peers[1].own_addresses.v4, (Ipv4Address{192, 168, 101, 254}));
  EXPECT_EQ(peers[1].hops.sent, 64) << "internal";
  EXPECT_EQ(peers[2].port, std::nullopt);
}

}  // namespace
}  // namespace lastmile::bgp
