// Policies and the settings of a neighbor at work: what is taken, what is told, and what no policy
// can change.
#include <gtest/gtest.h>

#include <functional>

#include "tests/rib/fakes.h"

namespace lastmile::rib::test {
namespace {

using policy::Action;

policy::Rule rule(std::string_view within, Action action) {
  policy::Rule r;
  r.name = within;
  r.action = action;
  r.match.any_prefix = false;
  r.match.prefixes = {{prefix(within), 0, 128}};
  return r;
}

policy::Rules policy_of(std::string name, std::vector<policy::Rule> rules, Action otherwise) {
  return {std::move(name), std::move(rules), otherwise};
}

Config with_import(const policy::Rules& rules) {
  Config config = fabric_config();
  config.policies = {rules};
  config.bgp.neighbors[0].import_policy = rules.name;
  return config;
}

std::vector<std::string> told(const FakeOutput::PeerState& peer) {
  std::vector<std::string> result;
  for (const auto& [p, route] : peer.routes) {
    result.push_back(to_string(p) + " " + to_string(route.first.as_path));
  }
  return result;
}

TEST(ImportPolicy, RejectsWithTheRulesNameAndSetsWhatItSays) {
  policy::Rule better = rule("20.0.0.0/8", Action::kAccept);
  better.set.local_preference = 200;
  better.set.weight = 5;
  RibFixture f(
      with_import(policy_of("in", {rule("10.0.0.0/8", Action::kReject), better}, Action::kAccept)));
  f.start(2);
  f.announce(0, {"10.9.0.0/16", "20.1.0.0/16", "30.0.0.0/8"}, f.path({65001}), f.via(0));
  f.settle();
  EXPECT_EQ(f.show("10.9.0.0/16")[0].refusal, "policy in: rule 1 \"10.0.0.0/8\" rejects it");
  EXPECT_EQ(f.show("20.1.0.0/16")[0].local_preference, 200U);
  EXPECT_EQ(f.show("20.1.0.0/16")[0].next_hops[0].weight, 5U);
  EXPECT_EQ(f.show("30.0.0.0/8")[0].local_preference, 100U);
  EXPECT_EQ(f.plane.route("10.9.0.0/16"), "none");
  EXPECT_EQ(f.plane.route("20.1.0.0/16"), "{p0*5}");
  EXPECT_EQ(f.rib->counts(f.peer(0)).received[0], 3U);
  EXPECT_EQ(f.rib->counts(f.peer(0)).accepted[0], 2U);

  f.announce(1, {"10.9.0.0/16"}, f.path({65002}), f.via(1));
  f.settle();
  EXPECT_EQ(f.plane.route("10.9.0.0/16"), "{p1}") << "the other neighbor has no policy";
  f.down(0);
  f.down(1);
  f.settle();
  EXPECT_EQ(f.rib->summary().attribute_sets, 1U) << "only our own is left: nobody is told";
}

TEST(ImportPolicy, LiftsNoGuardOfHostMode) {
  RibFixture f(with_import(policy_of("all", {}, Action::kAccept)));
  f.start(1);
  f.announce(0, {"10.0.1.1/32", "127.0.0.0/8", "192.168.0.250/32", "224.0.0.0/4"}, f.path({65001}),
             f.via(0));
  f.announce(0, "20.0.0.0/8", f.path({65001, 64512}));
  f.settle();
  for (const char* refused :
       {"10.0.1.1/32", "127.0.0.0/8", "192.168.0.250/32", "224.0.0.0/4", "20.0.0.0/8"}) {
    const auto views = f.show(refused);
    EXPECT_FALSE(views.back().refusal.empty()) << refused;
  }
  EXPECT_EQ(f.rib->counts(f.peer(0)).accepted[0], 0U);
}

TEST(ImportPolicy, NextHopIsCheckedLikeAnyOther) {
  policy::Rule there = rule("20.0.0.0/8", Action::kAccept);
  there.set.next_hop = address("192.168.101.20");
  policy::Rule nowhere = rule("30.0.0.0/8", Action::kAccept);
  nowhere.set.next_hop = address("203.0.113.1");
  RibFixture f(with_import(policy_of("in", {there, nowhere}, Action::kReject)));
  f.start(1);
  f.announce(0, {"20.0.0.0/8", "30.0.0.0/8"}, f.path({65001}), f.via(0));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p2?}");
  EXPECT_EQ(f.show("30.0.0.0/8")[0].refusal, to_string(Refusal::kNextHopUnreachable));
}

TEST(Import, GracefulShutdownIsTheLastChoiceWhateverAPolicySays) {
  policy::Rule better = rule("20.0.0.0/8", Action::kAccept);
  better.set.local_preference = 200;
  RibFixture f(with_import(policy_of("in", {better}, Action::kReject)));
  f.start(2);
  bgp::PathAttributes leaving = f.path({65001});
  leaving.communities = {{bgp::kGracefulShutdown}};
  f.announce(0, "20.0.0.0/8", leaving);
  f.announce(1, "20.0.0.0/8", f.path({65002, 7, 8, 9}));
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p1 | p0}");
  EXPECT_EQ(f.show("20.0.0.0/8")[1].local_preference, 0U);
}

TEST(Import, AsSetsAreRefusedUnlessAllowed) {
  bgp::PathAttributes aggregated = RibFixture::path({65001});
  aggregated.as_path.segments.push_back({bgp::AsPath::SegmentType::kSet, {bgp::Asn{7}}});
  RibFixture f;
  f.start(1);
  f.announce(0, "20.0.0.0/8", aggregated);
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/8")[0].refusal, to_string(Refusal::kAsSet));
  Config config = fabric_config();
  config.bgp.reject_as_sets = false;
  RibFixture lenient(config);
  lenient.start(1);
  lenient.announce(0, "20.0.0.0/8", aggregated);
  lenient.settle();
  EXPECT_EQ(lenient.plane.route("20.0.0.0/8"), "{p0}");
}

TEST(Import, LocalAsIsPartOfThePathUnlessItSaysNo) {
  Config config = fabric_config();
  config.bgp.neighbors[0].local_as.asn = bgp::Asn{65100};
  config.bgp.neighbors[1].local_as = {bgp::Asn{65100}, true, true};
  RibFixture f(config);
  for (unsigned n = 0; n < 2; ++n) {
    f.resolve(n);
    bgp::Negotiated s = f.session(n);
    s.local_asn = bgp::Asn{65100};
    f.up(n, s);
    f.announce(n, n == 0 ? "20.0.0.0/8" : "21.0.0.0/8", f.path({65001 + n}));
  }
  f.announce(0, "22.0.0.0/8", f.path({65001, 65100}));
  f.settle();
  EXPECT_EQ(to_string(f.show("20.0.0.0/8")[0].attributes.as_path), "65100 65001");
  EXPECT_EQ(to_string(f.show("21.0.0.0/8")[0].attributes.as_path), "65002");
  EXPECT_EQ(f.show("22.0.0.0/8")[0].refusal, to_string(Refusal::kOwnAsInPath));
  EXPECT_EQ(to_string(f.told(0).routes[prefix("10.0.1.1/32")].first.as_path), "65100 64512");
  EXPECT_EQ(to_string(f.told(1).routes[prefix("10.0.1.1/32")].first.as_path), "65100");
}

TEST(Import, FirstAsMayBeAnothersWhereTheConfigurationSaysSo) {
  Config config = fabric_config();
  config.bgp.neighbors[0].enforce_first_as = false;
  RibFixture f(config);
  f.start(2);
  f.announce(0, "20.0.0.0/8", f.path({65009}));
  f.announce(1, "21.0.0.0/8", f.path({65009}));
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/8")[0].refusal, "");
  EXPECT_EQ(f.show("21.0.0.0/8")[0].refusal, to_string(Refusal::kWrongFirstAs));
}

TEST(MaxPrefixes, EndsTheSessionWithCease) {
  Config config = fabric_config();
  config.bgp.neighbors[0].max_prefixes.limit = 2;
  config.bgp.neighbors[1].max_prefixes = {1, MaxPrefixes::Action::kWarning};
  RibFixture f(config);
  f.start(2);
  f.announce(0, {"20.0.0.0/8", "21.0.0.0/8"}, f.path({65001}), f.via(0));
  f.announce(1, {"20.0.0.0/8", "21.0.0.0/8"}, f.path({65002}), f.via(1));
  EXPECT_TRUE(f.output.suspended.empty());
  f.announce(0, "21.0.0.0/8", f.path({65001, 7}));
  EXPECT_TRUE(f.output.suspended.empty()) << "the same prefix again";
  f.announce(0, "22.0.0.0/8", f.path({65001}));
  ASSERT_EQ(f.output.suspended.size(), 1U);
  EXPECT_EQ(f.output.suspended[0].peer, f.peer(0));
  EXPECT_EQ(to_string(f.output.suspended[0].notification),
            "Cease/Maximum Number of Prefixes Reached");
  EXPECT_FALSE(f.output.suspended[0].pause);
}

TEST(MaxPrefixes, WithoutALimitMemoryIsGuarded) {
  Config config = fabric_config();
  config.dataplane.max_routes_ipv4 = 1;
  config.dataplane.max_routes_ipv6 = 0;
  RibFixture f(config);
  f.start(1);
  f.announce(0, {"20.0.0.0/8", "21.0.0.0/8", "22.0.0.0/8"}, f.path({65001}), f.via(0));
  ASSERT_EQ(f.output.suspended.size(), 1U);
  EXPECT_EQ(f.output.suspended[0].pause, Duration{std::chrono::seconds{300}});
}

TEST(ExportPolicy, HostModeChangesAndDropsOwnRoutesAndAddsNone) {
  Config config = fabric_config();
  policy::Rule marked = rule("10.0.1.1/32", Action::kAccept);
  marked.set.med = 50;
  marked.set.prepend = 1;
  marked.set.add_communities = {{0xfc000001}};
  config.policies = {
      policy_of("out", {marked, rule("192.168.0.0/16", Action::kReject)}, Action::kAccept)};
  config.bgp.neighbors[0].export_policy = "out";
  RibFixture f(config);
  f.start(2);
  f.announce(1, "20.0.0.0/8", f.path({65002}));
  f.settle();
  EXPECT_EQ(told(f.told(0)),
            (std::vector<std::string>{"10.0.1.1/32 64512 64512", "2001:db8:1::1/128 64512"}));
  const auto& attributes = f.told(0).routes[prefix("10.0.1.1/32")].first;
  EXPECT_EQ(attributes.med, 50U);
  EXPECT_EQ(attributes.communities, (std::vector<bgp::Community>{{0xfc000001}}));
  EXPECT_EQ(told(f.told(1)).size(), 3U);
}

struct Transit : RibFixture {
  explicit Transit(const std::function<void(Config&)>& change = [](Config&) {})
      : RibFixture(config(change)) {
    start(2);
  }
  static Config config(const std::function<void(Config&)>& change) {
    Config config = fabric_config();
    config.router.mode = RouterMode::kTransit;
    config.policies = {policy_of("all", {}, Action::kAccept)};
    for (auto& neighbor : config.bgp.neighbors) {
      neighbor.import_policy = neighbor.export_policy = "all";
    }
    change(config);
    return config;
  }
};

TEST(TransitMode, PassesOnWhatItLearnsButNotBack) {
  Transit f;
  f.announce(0, "20.0.0.0/8", f.path({65001, 7}));
  f.settle();
  EXPECT_EQ(f.told(0).routes.count(prefix("20.0.0.0/8")), 0U);
  EXPECT_EQ(to_string(f.told(1).routes.at(prefix("20.0.0.0/8")).first.as_path), "64512 65001 7");
  EXPECT_EQ(f.told(1).routes.count(prefix("192.168.101.0/24")), 1U) << "connected";
  EXPECT_EQ(f.told(1).routes.count(prefix("192.168.101.254/32")), 0U) << "a port's own address";
  f.withdraw(0, "20.0.0.0/8");
  f.settle();
  EXPECT_EQ(f.told(1).routes.count(prefix("20.0.0.0/8")), 0U);
}

TEST(TransitMode, WithoutPolicyNothingComesInAndNothingGoesOut) {
  Transit f([](Config& config) {
    config.bgp.neighbors[0].import_policy.clear();
    config.bgp.neighbors[1].export_policy.clear();
  });
  f.announce(0, "20.0.0.0/8", f.path({65001}));
  f.announce(1, "21.0.0.0/8", f.path({65002}));
  f.settle();
  EXPECT_EQ(f.show("20.0.0.0/8")[0].refusal, to_string(Refusal::kNoPolicy));
  EXPECT_TRUE(f.told(1).routes.empty());
  EXPECT_EQ(f.told(0).routes.count(prefix("21.0.0.0/8")), 1U);
}

TEST(TransitMode, WellKnownCommunitiesAreHonored) {
  Transit f;
  const auto announce = [&](std::string_view text, std::uint32_t community) {
    bgp::PathAttributes a = f.path({65001});
    a.communities = {{community}};
    f.announce(0, text, a);
  };
  announce("20.0.0.0/8", bgp::kNoExport);
  announce("21.0.0.0/8", bgp::kNoAdvertise);
  announce("22.0.0.0/8", bgp::kNoExportSubconfed);
  announce("23.0.0.0/8", 0xfde90001);
  f.settle();
  for (const char* kept : {"20.0.0.0/8", "21.0.0.0/8", "22.0.0.0/8"}) {
    EXPECT_EQ(f.told(1).routes.count(prefix(kept)), 0U) << kept;
  }
  EXPECT_EQ(f.told(1).routes.count(prefix("23.0.0.0/8")), 1U);
}

TEST(TransitMode, AsOverrideAndPrivateNumbers) {
  Transit f([](Config& config) {
    config.bgp.neighbors[0].as_override = true;
    config.bgp.neighbors[1].remove_private_as = true;
  });
  f.announce(1, "20.0.0.0/8", f.path({65002, 65001, 7}));
  f.announce(0, "21.0.0.0/8", f.path({65001, 7, 4200000000}));
  f.settle();
  EXPECT_EQ(to_string(f.told(0).routes.at(prefix("20.0.0.0/8")).first.as_path),
            "64512 65002 64512 7");
  EXPECT_EQ(to_string(f.told(1).routes.at(prefix("21.0.0.0/8")).first.as_path), "64512 7");
}

/// Where local-as stands in place of router.asn, as-override does not tell of that either.
TEST(TransitMode, AsOverrideWithReplacedAs) {
  Transit f([](Config& config) {
    config.bgp.neighbors[0].as_override = true;
    config.bgp.neighbors[0].local_as.asn = bgp::Asn{65100};
    config.bgp.neighbors[0].local_as.replace_as = true;
  });
  f.announce(1, "20.0.0.0/8", f.path({65002, 65001, 7}));
  f.settle();
  EXPECT_EQ(to_string(f.told(0).routes.at(prefix("20.0.0.0/8")).first.as_path),
            "65100 65002 65100 7");
}

TEST(TransitMode, APolicyPrependsTheAsThatThePeerSees) {
  Transit f([](Config& config) {
    config.bgp.neighbors[0].local_as.asn = bgp::Asn{65100};
    config.bgp.neighbors[0].local_as.replace_as = true;
    policy::Rule rule;
    rule.set.prepend = 2;
    config.policies.push_back(
        {.name = "twice", .rules = {rule}, .otherwise = policy::Action::kReject});
    config.bgp.neighbors[0].export_policy = "twice";
  });
  f.announce(1, "20.0.0.0/8", f.path({65002, 7}));
  f.settle();
  EXPECT_EQ(to_string(f.told(0).routes.at(prefix("20.0.0.0/8")).first.as_path),
            "65100 65100 65100 65002 7");
}

TEST(TransitMode, InternalPeersDoNotHearOfEachOther) {
  Transit f;
  for (unsigned n = 0; n < 2; ++n) {
    bgp::Negotiated s = f.session(n);
    s.external = false;
    s.remote_asn = bgp::Asn{64512};
    s.codec.external_peer = false;
    f.down(n);
    f.up(n, s);
  }
  bgp::PathAttributes a = f.path({7});
  a.local_preference = 100;
  f.announce(0, "20.0.0.0/8", a);
  f.settle();
  EXPECT_EQ(f.plane.route("20.0.0.0/8"), "{p0}");
  EXPECT_EQ(f.told(1).routes.count(prefix("20.0.0.0/8")), 0U);
}

}  // namespace
}  // namespace lastmile::rib::test
