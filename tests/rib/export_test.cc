// What the peers are told, and when.
#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

using bgp::Family;

std::vector<std::string> prefixes(const FakeOutput::PeerState& peer) {
  std::vector<std::string> result;
  for (const auto& [prefix, route] : peer.routes) result.push_back(to_string(prefix));
  return result;
}

const std::vector<std::string> kOwn = {"10.0.1.1/32", "192.168.0.250/32", "2001:db8:1::1/128"};

TEST(Export, HostAnnouncesItsLoopbacksAndServicesAndNothingElse) {
  Config config = fabric_config();
  config.routes = {{prefix("198.51.100.0/24"), {{PortId{2}, address("192.168.101.20"), 1}}}};
  RibFixture f(config);
  f.start(2);
  f.announce(0, "0.0.0.0/0", f.path({65001, 65201}));
  f.announce(0, {"2001:db8:7::/48"}, f.path({65001, 65201}), f.via(0));
  f.announce(1, "20.0.0.0/8", f.path({65002}));
  f.settle();
  for (unsigned n = 0; n < 2; ++n) {
    EXPECT_EQ(prefixes(f.told(n)), kOwn);
    for (const auto& [prefix, route] : f.told(n).routes) {
      const auto& [attributes, next_hop] = route;
      EXPECT_EQ(to_string(attributes.as_path), "64512");
      EXPECT_EQ(attributes.origin, bgp::Origin::kIgp);
      EXPECT_FALSE(attributes.med);
      EXPECT_FALSE(attributes.local_preference);
      EXPECT_EQ(next_hop.link_local, v6_address("fe80::aa"));
      EXPECT_FALSE(next_hop.global);
      EXPECT_FALSE(next_hop.v4);
    }
    EXPECT_EQ(f.told(n).announced, 3U);
    EXPECT_EQ(f.told(n).withdrawn, 0U);
    EXPECT_EQ(f.rib->counts(f.peer(n)).advertised, (PathCounts{2, 1}));
  }
  EXPECT_EQ(f.show("10.0.1.1/32")[0].advertised_to, (std::vector{f.peer(0), f.peer(1)}));
}

TEST(Export, GlobalAndLinkLocalNextHopGoTogether) {
  RibFixture f;
  bgp::Negotiated s = f.session(0);
  s.local_next_hop.global = v6_address("2001:db8:9::1");
  f.up(0, s);
  f.settle();
  for (const auto& [prefix, route] : f.told(0).routes) {
    EXPECT_EQ(route.second.global, v6_address("2001:db8:9::1"));
    EXPECT_EQ(route.second.link_local, v6_address("fe80::aa"));
  }
}

TEST(Export, NumberedSessionUsesItsIpv4Address) {
  RibFixture f;
  bgp::Negotiated s = f.session(0);
  s.remote = {address("192.168.101.1"), 179, std::nullopt};
  s.codec.extended_next_hop.clear();
  s.families = {Family::kIpv4Unicast};
  s.local_next_hop = {};
  s.local_next_hop.v4 = v4_address("192.168.101.254");
  f.up(0, s);
  f.settle();
  EXPECT_EQ(prefixes(f.told(0)), (std::vector<std::string>{"10.0.1.1/32", "192.168.0.250/32"}));
  EXPECT_EQ(f.told(0).routes.begin()->second.second.v4, v4_address("192.168.101.254"));
  EXPECT_EQ(f.told(0).end_of_rib, std::vector{Family::kIpv4Unicast});
}

TEST(Export, WithoutExtendedNextHopIpv4IsNotAnnouncedOverIpv6) {
  RibFixture f;
  bgp::Negotiated s = f.session(0);
  s.codec.extended_next_hop.clear();
  f.up(0, s);
  f.settle();
  EXPECT_EQ(prefixes(f.told(0)), std::vector<std::string>{"2001:db8:1::1/128"});
  EXPECT_EQ(f.told(0).end_of_rib.size(), 2U);
}

TEST(Export, InternalPeerGetsLocalPreferenceAndNoPrepend) {
  RibFixture f;
  bgp::Negotiated s = f.session(0);
  s.external = false;
  s.remote_asn = bgp::Asn{64512};
  s.codec.external_peer = false;
  f.up(0, s);
  f.settle();
  const auto& attributes = f.told(0).routes[prefix("10.0.1.1/32")].first;
  EXPECT_EQ(attributes.as_path.length(), 0U);
  EXPECT_EQ(attributes.local_preference, 100U);
}

TEST(Export, NobodyOutsideHearsOfAConfederation) {
  RibFixture f(transit_config());
  f.resolve(0);
  bgp::Negotiated internal = f.session(0);
  internal.external = false;
  internal.remote_asn = bgp::Asn{64512};
  internal.codec.external_peer = false;
  f.up(0, internal);
  f.up(1);
  bgp::PathAttributes attributes = f.path({65009});
  attributes.local_preference = 100;
  attributes.as_path.segments.insert(
      attributes.as_path.segments.begin(),
      {bgp::AsPath::SegmentType::kConfedSequence, {bgp::Asn{65100}, bgp::Asn{65101}}});
  f.announce(0, "20.0.0.0/8", attributes);
  f.settle();
  ASSERT_TRUE(f.told(1).routes.contains(prefix("20.0.0.0/8")));
  EXPECT_EQ(to_string(f.told(1).routes[prefix("20.0.0.0/8")].first.as_path), "64512 65009");
}

TEST(Export, AnnouncesOnlyWhatWorkersAlreadyForward) {
  RibFixture f;
  f.plane.hold_back = true;
  f.up(0);
  f.settle();
  EXPECT_TRUE(f.told(0).routes.empty());
  EXPECT_TRUE(f.told(0).end_of_rib.empty()) << "the initial table is not complete yet";
  EXPECT_FALSE(f.show("10.0.1.1/32")[0].forwarding);

  f.plane.held_at = 1;  // the first of the own routes
  f.settle();
  EXPECT_EQ(f.told(0).routes.size(), 1U);
  EXPECT_TRUE(f.show("10.0.1.1/32")[0].forwarding);
  f.plane.hold_back = false;
  f.settle();
  EXPECT_EQ(prefixes(f.told(0)), kOwn);
  EXPECT_EQ(f.told(0).end_of_rib, (std::vector{Family::kIpv4Unicast, Family::kIpv6Unicast}));
}

TEST(Export, ARouteThatTheTablesRefusedIsNotAnnounced) {
  RibFixture f;
  f.plane.max_routes = 1;
  f.up(0);
  f.settle();
  EXPECT_EQ(prefixes(f.told(0)), std::vector<std::string>{"10.0.1.1/32"});
  EXPECT_EQ(f.told(0).end_of_rib.size(), 2U);
}

TEST(Export, EndOfRibComesOnceAfterTheTable) {
  RibFixture f;
  f.start(1);
  EXPECT_EQ(f.told(0).end_of_rib, (std::vector{Family::kIpv4Unicast, Family::kIpv6Unicast}));
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.told(0).end_of_rib.size(), 2U);
}

TEST(Export, RouteRefreshSaysItAllAgain) {
  RibFixture f;
  f.start(2);
  f.rib->on_route_refresh(f.peer(0), {Family::kIpv4Unicast, 0}, f.now);
  f.settle();
  EXPECT_EQ(f.told(0).announced, 5U);
  EXPECT_EQ(f.told(1).announced, 3U);
  f.rib->on_route_refresh(f.peer(0), {Family::kIpv4Unicast, bgp::RouteRefresh::kIgnored}, f.now);
  f.rib->on_route_refresh(f.peer(7), {Family::kIpv4Unicast, 0}, f.now);
  f.settle();
  EXPECT_EQ(f.told(0).announced, 5U);
}

TEST(Export, ServiceIsWithdrawnAndAnnouncedAgainWhileItStaysLocal) {
  RibFixture f;
  f.start(1);
  EXPECT_FALSE(f.rib->set_announced(prefix("20.0.0.0/24"), Announced::kYes));
  EXPECT_TRUE(f.rib->set_announced(prefix("192.168.0.250/32"), Announced::kNo));
  f.settle();
  EXPECT_EQ(f.told(0).withdrawn, 1U);
  EXPECT_EQ(f.told(0).routes.size(), 2U);
  EXPECT_EQ(f.plane.route("192.168.0.250/32"), "{host}");
  EXPECT_TRUE(f.rib->set_announced(prefix("192.168.0.250/32"), Announced::kYes));
  f.settle();
  EXPECT_EQ(prefixes(f.told(0)), kOwn);
  EXPECT_EQ(f.plane.take_log(), Log{});
}

TEST(Export, ADegradedServiceIsAnnouncedWithItsMarks) {
  RibFixture f;
  f.start(1);
  const IpPrefix service = prefix("192.168.0.250/32");
  const AnnouncementMarks marks{200, {bgp::Community{bgp::kGracefulShutdown}}};
  EXPECT_TRUE(f.rib->set_announced(service, Announced::kYes, marks));
  f.settle();
  EXPECT_EQ(f.told(0).withdrawn, 0U) << "in place, without a gap";
  const auto& told = f.told(0).routes.at(service).first;
  EXPECT_EQ(told.med, 200U);
  EXPECT_EQ(told.communities, marks.communities);
  EXPECT_FALSE(f.told(0).routes.at(prefix("10.0.1.1/32")).first.med);
  EXPECT_TRUE(f.rib->set_announced(service, Announced::kYes));
  f.settle();
  EXPECT_FALSE(f.told(0).routes.at(service).first.med);
  EXPECT_TRUE(f.told(0).routes.at(service).first.communities.empty());
  EXPECT_EQ(f.plane.take_log(), Log{}) << "nothing of it is the forwarding tables'";
}

TEST(Export, GracefulShutdownMarksEverythingThatThePeerIsTold) {
  Config config = fabric_config();
  RibFixture f(config);
  f.settle();
  f.up(0);
  f.up(1);
  f.settle();
  config.bgp.neighbors[0].graceful_shutdown = true;
  f.rib->apply(config, {f.peer(0), f.peer(1)}, f.now);
  f.settle();
  const std::vector<bgp::Community> mark{bgp::Community{bgp::kGracefulShutdown}};
  for (const auto& [to, route] : f.told(0).routes) {
    EXPECT_EQ(route.first.communities, mark) << to_string(to);
  }
  EXPECT_EQ(f.told(0).withdrawn, 0U);
  for (const auto& [to, route] : f.told(1).routes) {
    EXPECT_TRUE(route.first.communities.empty()) << to_string(to);
  }
  config.bgp.neighbors[0].graceful_shutdown = false;
  f.rib->apply(config, {f.peer(0), f.peer(1)}, f.now);
  f.settle();
  for (const auto& [to, route] : f.told(0).routes) {
    EXPECT_TRUE(route.first.communities.empty()) << to_string(to);
  }
}

TEST(Export, NothingIsSentToAFullQueueAndNothingIsForgotten) {
  Config config = fabric_config();
  for (unsigned i = 0; i < 3000; ++i) {
    config.loopbacks.push_back(prefix(fmt::format("10.7.{}.{}/32", i / 256, i % 256)));
  }
  RibFixture f(config);
  f.settle();
  f.up(0);
  f.up(1);
  f.told(0).room = 1;  // one batch, then the queue is full
  f.settle_slow();
  EXPECT_LT(f.told(0).routes.size(), 2000U);
  EXPECT_TRUE(f.told(0).end_of_rib.empty());
  EXPECT_EQ(f.told(1).routes.size(), 3003U) << "a slow peer costs the others nothing";
  EXPECT_FALSE(f.rib->has_work()) << "waiting for a peer is not work";

  // Meanwhile a prefix goes and comes, another one goes: the peer hears of the outcome only.
  f.rib->set_announced(prefix("10.7.0.1/32"), Announced::kNo);
  f.settle();
  f.rib->set_announced(prefix("10.7.0.1/32"), Announced::kYes);
  f.rib->set_announced(prefix("10.7.0.2/32"), Announced::kNo);
  f.settle();
  f.told(0).writable = true;
  f.told(0).room = SIZE_MAX;
  f.rib->on_writable(f.peer(0), f.now);
  EXPECT_TRUE(f.rib->has_work());
  f.settle();
  EXPECT_EQ(f.told(0).routes.size(), 3002U);
  EXPECT_EQ(f.told(0).end_of_rib.size(), 2U);
  EXPECT_LE(f.told(0).withdrawn, 1U);
}

TEST(Export, APeerThatNeverReadsDoesNotHoldTheJournal) {
  constexpr unsigned kLoopbacks = 3000;
  Config config = fabric_config();
  std::vector<IpPrefix> many;
  for (unsigned i = 0; i < kLoopbacks; ++i) {
    many.push_back(prefix(fmt::format("10.7.{}.{}/32", i / 256, i % 256)));
  }
  config.loopbacks = many;
  RibFixture f(config);
  f.start(2);
  f.told(0).writable = false;
  f.rib->set_announced(many[0], Announced::kNo);
  f.settle_slow();
  const auto before = f.rib->summary().memory_bytes;
  for (int round = 0; round < 40; ++round) {
    for (const IpPrefix& p : many) {
      f.rib->set_announced(p, round % 2 != 0 ? Announced::kYes : Announced::kNo);
    }
    f.settle();
  }
  EXPECT_LT(f.rib->summary().memory_bytes, before + (2U << 20));
  f.rib->set_announced(many[7], Announced::kNo);
  f.settle();
  f.told(0).writable = true;
  f.settle();
  EXPECT_EQ(f.told(0).routes.size(), kLoopbacks) << "2999 and the service";
  EXPECT_EQ(f.told(0).withdrawn, 1U) << "it hears outcomes, not history";
}

TEST(Export, TransitWithoutPolicyImportsAndExportsNothingAndSaysSo) {
  Config config = fabric_config();
  config.router.mode = RouterMode::kTransit;
  RibFixture f(config);
  f.start(1);
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.settle();
  EXPECT_TRUE(f.told(0).routes.empty());
  EXPECT_EQ(f.told(0).end_of_rib.size(), 2U);
  EXPECT_EQ(f.plane.route("20.0.0.0/24"), "none");
  EXPECT_NE(f.show("20.0.0.0/24")[0].refusal.find("RFC 8212"), std::string::npos);
  EXPECT_EQ(f.rib->counts(f.peer(0)).received[0], 1U);
  EXPECT_EQ(f.rib->counts(f.peer(0)).accepted[0], 0U);
}

}  // namespace
}  // namespace lastmile::rib::test
