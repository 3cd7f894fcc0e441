// What is taken from a peer, what is refused and with which reason, and what `show` makes of it.
#include "controlplane/rib/import.h"

#include <gtest/gtest.h>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

ImportContext context() {
  ImportContext c;
  c.own_asn = c.session_asn = bgp::Asn{64512};
  c.own_identifier = v4_address("10.0.1.1");
  c.peer_asn = bgp::Asn{65001};
  c.peer = {address("fe80::1"), 179, PortId{0}};
  c.own_next_hop.link_local = v6_address("fe80::aa");
  return c;
}

TEST(CheckAttributes, AsPath) {
  struct Case {
    std::vector<std::uint32_t> path;
    std::uint8_t allow_own_as;
    Refusal expected;
  };
  const std::vector<Case> table = {
      {{65001}, 0, Refusal::kNone},
      {{65001, 64512}, 0, Refusal::kOwnAsInPath},
      {{65001, 64512}, 1, Refusal::kNone},
      {{65001, 64512, 64512}, 1, Refusal::kOwnAsInPath},
      {{65001, 64512, 65002, 64512}, 2, Refusal::kNone},
      {{65001, 0, 65002}, 0, Refusal::kAsZero},
      {{65002, 65001}, 0, Refusal::kWrongFirstAs},
      {{}, 0, Refusal::kWrongFirstAs},
  };
  for (const Case& c : table) {
    ImportContext from = context();
    from.allow_own_as = c.allow_own_as;
    const bgp::PathAttributes attributes = RibFixture::path(c.path);
    EXPECT_EQ(check_attributes(attributes, from), c.expected) << to_string(attributes.as_path);
  }
}

TEST(CheckAttributes, InternalPeer) {
  ImportContext from = context();
  from.external = false;
  from.peer_asn = from.own_asn;
  EXPECT_EQ(check_attributes(RibFixture::path({}), from), Refusal::kNone);
  EXPECT_EQ(check_attributes(RibFixture::path({65009}), from), Refusal::kNone);
  bgp::PathAttributes reflected = RibFixture::path({});
  reflected.originator_id = from.own_identifier;
  EXPECT_EQ(check_attributes(reflected, from), Refusal::kOwnOriginator);
}

TEST(ResolveNextHop, Forms) {
  const OwnAddresses own(fabric_config());
  struct Case {
    const char* name;
    const char* v4;
    const char* global;
    const char* link_local;
    std::string expected;  ///< "pN address", or the refusal
  };
  const auto refused = [](Refusal r) { return std::string(to_string(r)); };
  const std::vector<Case> table = {
      {"16 bytes, link-local", "", "", "fe80::1", "p0 fe80::1"},
      {"16 bytes, global, on the unnumbered link", "", "2001:db8::7", "", "p0 2001:db8::7"},
      {"32 bytes: the link-local one forwards", "", "2001:db8::7", "fe80::7", "p0 fe80::7"},
      {"32 bytes, link-local half unset", "", "2001:db8::7", "::", "p0 2001:db8::7"},
      {"absent: the peer", "", "", "", "p0 fe80::1"},
      {"0.0.0.0: the peer", "0.0.0.0", "", "", "p0 fe80::1"},
      {"IPv4 in a connected subnet", "192.168.101.1", "", "", "p2 192.168.101.1"},
      {"IPv4 nowhere", "192.0.2.1", "", "", refused(Refusal::kNextHopUnreachable)},
      {"own interface", "192.168.101.254", "", "", refused(Refusal::kNextHopOurs)},
      {"own loopback", "10.0.1.1", "", "", refused(Refusal::kNextHopOurs)},
      {"own link-local", "", "", "fe80::aa", refused(Refusal::kNextHopOurs)},
      {"own global loopback", "", "2001:db8:1::1", "", refused(Refusal::kNextHopOurs)},
      {"multicast", "224.0.0.5", "", "", refused(Refusal::kNextHopInvalid)},
      {"loopback", "127.0.0.1", "", "", refused(Refusal::kNextHopInvalid)},
      {"IPv6 multicast", "", "ff02::1", "", refused(Refusal::kNextHopInvalid)},
  };
  for (const Case& c : table) {
    SCOPED_TRACE(c.name);
    bgp::NextHop next_hop;
    if (*c.v4 != 0) next_hop.v4 = v4_address(c.v4);
    if (*c.global != 0) next_hop.global = v6_address(c.global);
    if (*c.link_local != 0) next_hop.link_local = v6_address(c.link_local);
    const auto hop = resolve_next_hop(next_hop, context(), own);
    if (!hop) {
      EXPECT_EQ(to_string(hop.error()), c.expected);
      continue;
    }
    EXPECT_EQ(fmt::format("p{} {}", hop->port.value(), to_string(hop->address.value())),
              c.expected);
  }
}

TEST(ResolveNextHop, NumberedPeerStandsInWithItsSubnetsPort) {
  const OwnAddresses own(fabric_config());
  ImportContext from = context();
  from.peer = {address("192.168.101.1"), 179, std::nullopt};
  EXPECT_EQ(resolve_next_hop({}, from, own)->port, PortId{2});
  from.peer = {address("192.0.2.1"), 179, std::nullopt};  // several hops away
  EXPECT_EQ(resolve_next_hop({}, from, own).error(), Refusal::kNextHopUnreachable);
  bgp::NextHop link_local;
  link_local.link_local = v6_address("fe80::5");
  EXPECT_EQ(resolve_next_hop(link_local, from, own).error(), Refusal::kNextHopUnreachable);
}

TEST(HostGuard, OwnAddressesAndMartians) {
  Config config = fabric_config();
  config.loopbacks.push_back(prefix("10.50.0.0/24"));
  RibFixture f(config);
  f.start(1);
  const auto refusal_of = [&](std::string_view p) {
    f.announce(0, {p}, f.path({65001, 65201}), f.via(0));
    f.settle();
    const auto views = f.show(p);
    for (const RouteView& v : views) {
      if (v.source == SourceKind::kBgp) return v.refusal;
    }
    return std::string("not shown");
  };
  const std::string own = to_string(Refusal::kOwnAddress);
  const std::string martian = to_string(Refusal::kMartian);
  for (const char* p : {"10.0.1.1/32", "192.168.0.250/32", "10.50.0.0/24", "10.50.0.128/25",
                        "10.50.0.7/32", "2001:db8:1::1/128", "192.168.101.254/32"}) {
    EXPECT_EQ(refusal_of(p), own) << p;
  }
  for (const char* p :
       {"0.0.0.0/8", "0.1.0.0/16", "127.0.0.0/8", "127.0.0.1/32", "169.254.7.0/24", "224.0.0.0/4",
        "239.1.1.1/32", "240.0.0.0/4", "255.255.255.255/32", "::1/128", "::/128",
        "::ffff:10.0.0.0/104", "fe80::/10", "fe80:1::/64", "ff00::/8", "ff02::1/128"}) {
    EXPECT_EQ(refusal_of(p), martian) << p;
  }
  // What covers our addresses, a default route above all, is what we live on.
  for (const char* p : {"0.0.0.0/0", "10.0.0.0/8", "10.0.1.0/24", "192.168.0.0/16", "::/0",
                        "2001:db8::/32", "0.0.0.0/1", "192.0.2.0/24", "10.0.1.2/32"}) {
    EXPECT_EQ(refusal_of(p), "") << p;
  }
  EXPECT_EQ(f.plane.route("10.0.1.1/32"), "{host}");
  EXPECT_EQ(f.plane.route("10.50.0.7/32"), "none");
  EXPECT_EQ(f.rib->counts(f.peer(0)).received[0] - f.rib->counts(f.peer(0)).accepted[0], 15U);
}

TEST(Import, RefusedRouteThatBecomesAcceptableAndBack) {
  RibFixture f;
  f.start(1);
  f.announce(0, "20.0.0.0/24", f.path({65001, 64512}));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/24"), "none");
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/24"), "{p0}");
  f.announce(0, "20.0.0.0/24", f.path({65001, 64512}));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/24"), "none");
  EXPECT_EQ(f.rib->counts(f.peer(0)).received[0], 1U);
  f.withdraw(0, "20.0.0.0/24");
  EXPECT_EQ(f.rib->summary().prefixes[0], 6U);
}

TEST(Import, AllowOwnAsIsPerPeer) {
  Config config = fabric_config();
  config.bgp.neighbors[1].allow_own_as = 1;
  RibFixture f(config);
  f.start(2);
  f.announce(0, "10.0.2.2/32", f.path({65001, 64512}));
  f.announce(1, "10.0.2.2/32", f.path({65002, 64512}));
  f.settle();
  EXPECT_EQ(f.plane.route("10.0.2.2/32"), "{p1}");
}

TEST(Import, SameLinkLocalAddressOnTwoPortsIsTwoNeighbors) {
  RibFixture f;
  bgp::Negotiated s = f.session(1);
  s.remote.address = address("fe80::1");
  f.resolve(0);
  f.rib->on_link_layer_neighbor({PortId{1}, address("fe80::1"), mac(7)}, f.now);
  f.up(0);
  f.up(1, s);
  f.announce(0, {"0.0.0.0/0"}, f.path({65001}), f.via(0));
  f.announce(1, {"0.0.0.0/0"}, f.path({65002}), f.via(0));
  f.settle();
  EXPECT_EQ(f.plane.route("0.0.0.0/0"), "{p0 p1}");
}

TEST(Import, UpdatesOfPeersThatAreNotUpAreIgnored) {
  RibFixture f;
  f.start(0);
  f.announce(0, "20.0.0.0/24", f.path({65001}));
  f.down(0);
  f.settle();
  EXPECT_TRUE(f.show("20.0.0.0/24").empty());
}

// --- show ----------------------------------------------------------------------------------------

TEST(Show, TellsWhyEachPathIsWhatItIs) {
  RibFixture f;
  f.start(2);
  f.resolve(2);
  f.up(2);
  bgp::PathAttributes best = f.path({65001});
  best.communities = {{0x00010002}};
  f.announce(0, "20.0.0.0/24", best);
  f.announce(1, "20.0.0.0/24", f.path({65002, 7}));
  f.announce(2, "20.0.0.0/24", f.path({65003, 0}));
  f.settle();
  f.now = at(1007);
  const auto views = f.show("20.0.0.0/24");
  ASSERT_EQ(views.size(), 3U);
  EXPECT_TRUE(views[0].best && views[0].multipath && views[0].installed && views[0].forwarding);
  EXPECT_EQ(views[0].why, "best by shorter AS path");
  EXPECT_EQ(views[0].peer_name, "up1");
  EXPECT_EQ(views[0].attributes, best);
  EXPECT_EQ(views[0].age, std::chrono::seconds{7});
  ASSERT_EQ(views[0].next_hops.size(), 1U);
  EXPECT_EQ(views[0].next_hops[0].port, PortId{0});
  EXPECT_EQ(views[0].next_hops[0].address, address("fe80::1"));
  EXPECT_EQ(views[0].next_hops[0].mac, mac(1));
  EXPECT_TRUE(views[0].next_hops[0].alive);
  EXPECT_TRUE(views[1].backup);
  EXPECT_FALSE(views[1].best || views[1].multipath);
  EXPECT_EQ(views[1].why, "lost: the best path has shorter AS path");
  EXPECT_FALSE(views[2].refusal.empty());
  EXPECT_EQ(views[2].peer_name, "fe80::3") << "a dynamic peer is named by its address";

  f.announce(1, "20.0.0.0/24", f.path({65002}));
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/24")[0].why, "best of equals by lower router id");
  EXPECT_EQ(f.show("20.0.0.0/24")[1].why, "equal to the best path; would lose by lower router id");
  f.withdraw(0, "20.0.0.0/24");
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/24")[0].why, "only path");
}

TEST(Show, LongestMatchAllByPeerAndWalk) {
  RibFixture f;
  f.start(2);
  f.announce(0, "0.0.0.0/0", f.path({65001}));
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.announce(1, "20.1.0.0/16", f.path({65002}));
  f.announce(1, "20.1.2.0/24", f.path({65002, 0}));  // refused: routes nothing
  f.announce(1, {"2001:db8:7::/48"}, f.path({65002}), f.via(1));
  f.settle();
  const auto match = [&](std::string_view a) {
    const auto views = f.rib->routes({.prefix = {}, .address = address(a), .peer = {}}, f.now);
    return views.empty() ? "none" : to_string(views.front().prefix);
  };
  EXPECT_EQ(match("20.1.2.3"), "20.1.0.0/16");
  EXPECT_EQ(match("20.2.2.3"), "20.0.0.0/8");
  EXPECT_EQ(match("9.9.9.9"), "0.0.0.0/0");
  EXPECT_EQ(match("10.0.1.1"), "10.0.1.1/32");
  EXPECT_EQ(match("2001:db8:7::1"), "2001:db8:7::/48");
  EXPECT_EQ(match("2001:db9::1"), "none");

  const auto all = f.rib->routes({}, f.now);
  ASSERT_EQ(all.size(), 12U);
  EXPECT_TRUE(std::ranges::is_sorted(all, {}, &RouteView::prefix));
  EXPECT_EQ(f.rib->routes({}, f.now, 3).size(), 3U);
  EXPECT_EQ(f.rib->routes({.prefix = {}, .address = {}, .peer = f.peer(1)}, f.now).size(), 3U);

  std::set<std::string> walked;
  RouteCursor cursor;
  for (int steps = 0; !cursor.done; ++steps) {
    ASSERT_LT(steps, 100);
    f.rib->walk(cursor, 2, {}, f.now, [&](const RouteView& v) {
      EXPECT_TRUE(walked.insert(to_string(v.prefix)).second);
    });
  }
  EXPECT_EQ(walked.size(), 12U);
}

}  // namespace
}  // namespace lastmile::rib::test
