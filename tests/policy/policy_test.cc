#include "controlplane/policy/policy.h"

#include <gtest/gtest.h>

namespace lastmile::policy {
namespace {

Ipv4Prefix v4(std::string_view text) {
  return Ipv4Prefix::parse(text).value();
}
PrefixRange range(std::string_view text, std::uint8_t least, std::uint8_t most) {
  return {parse_ip_prefix(text).value(), least, most};
}
bgp::PathAttributes attributes(const std::vector<std::uint32_t>& path) {
  bgp::PathAttributes a;
  for (auto asn = path.rbegin(); asn != path.rend(); ++asn) a.as_path.prepend(bgp::Asn{*asn});
  return a;
}

TEST(PrefixSet, LengthsCount) {
  PrefixSet set;
  EXPECT_TRUE(set.empty());
  set.add(range("10.0.0.0/8", 16, 24));
  set.add(range("10.0.0.0/8", 30, 30));
  set.add(range("0.0.0.0/0", 0, 0));
  set.add(range("2001:db8::/32", 48, 64));
  for (const char* in : {"10.1.0.0/16", "10.1.2.0/24", "10.255.0.0/30", "0.0.0.0/0"}) {
    EXPECT_TRUE(set.contains(v4(in))) << in;
  }
  for (const char* out : {"10.0.0.0/8", "10.0.0.0/15", "10.1.2.0/25", "11.0.0.0/16", "0.0.0.0/1"}) {
    EXPECT_FALSE(set.contains(v4(out))) << out;
  }
  EXPECT_TRUE(set.contains(Ipv6Prefix::parse("2001:db8:7::/48").value()));
  EXPECT_FALSE(set.contains(Ipv6Prefix::parse("2001:db8::/32").value()));
  EXPECT_FALSE(set.contains(Ipv6Prefix::parse("2001:db9::/48").value()));
}

TEST(Policy, TheFirstRuleThatMatchesDecides) {
  Rules rules;
  rules.name = "in";
  Rule bogons;
  bogons.name = "bogons";
  bogons.action = Action::kReject;
  bogons.match.any_prefix = false;
  bogons.match.prefixes = {range("10.0.0.0/8", 8, 32)};
  Rule customers;
  customers.match.as_paths = {*AsPathPattern::parse("^65001")};
  customers.set.local_preference = 200;
  rules.rules = {bogons, customers};
  const Policy policy{rules};

  const auto from_attributes = attributes({65001, 7});
  const auto other_attributes = attributes({65002});
  const Facts from{from_attributes, Source::kBgp, "", {}};
  const Facts other{other_attributes, Source::kBgp, "", {}};
  EXPECT_EQ(policy.decide(v4("10.1.0.0/16"), from), 0U);
  EXPECT_EQ(policy.decide(v4("20.0.0.0/8"), from), 1U);
  EXPECT_EQ(policy.decide(v4("20.0.0.0/8"), other), 2U);
  EXPECT_FALSE(policy.accepts(0));
  EXPECT_TRUE(policy.accepts(1));
  EXPECT_FALSE(policy.accepts(2)) << "what nobody speaks of is rejected";
  EXPECT_EQ(policy.explain(0), "rule 1 \"bogons\" rejects it");
  EXPECT_EQ(policy.explain(1), "rule 2 accepts it");
  EXPECT_EQ(policy.explain(2), "no rule matches: rejected by default");
}

TEST(Policy, EveryMatcherHasToAgree) {
  bgp::PathAttributes a = attributes({65001});
  a.communities = {{0xfde90001}, {0xfde90002}};
  a.large_communities = {{65001, 1, 2}};
  a.extended_communities = {{0x0002fde900000001}};
  a.origin = bgp::Origin::kEgp;
  const Facts facts{a, Source::kBgp, "up1", parse_ip_address("fe80::1")};

  const auto matches = [&](auto change) {
    Rules rules;
    Rule rule;
    change(rule.match);
    rules.rules = {rule};
    return Policy{rules}.decide(v4("20.0.0.0/8"), facts) == 0;
  };
  EXPECT_TRUE(matches([](Match&) {}));
  EXPECT_TRUE(matches([](Match& m) { m.communities = {{1}, {0xfde90002}}; }));
  EXPECT_FALSE(matches([](Match& m) { m.communities = {{1}}; }));
  EXPECT_TRUE(matches([](Match& m) { m.large_communities = {{65001, 1, 2}}; }));
  EXPECT_FALSE(matches([](Match& m) { m.large_communities = {{65001, 1, 3}}; }));
  EXPECT_TRUE(matches([](Match& m) { m.extended_communities = {{0x0002fde900000001}}; }));
  EXPECT_FALSE(matches([](Match& m) { m.extended_communities = {{1}}; }));
  EXPECT_TRUE(matches([](Match& m) { m.neighbors = {"up2", "up1"}; }));
  EXPECT_FALSE(matches([](Match& m) { m.neighbors = {"up2"}; }));
  EXPECT_TRUE(matches([](Match& m) { m.next_hops = {parse_ip_prefix("fe80::/10").value()}; }));
  EXPECT_FALSE(matches([](Match& m) { m.next_hops = {parse_ip_prefix("10.0.0.0/8").value()}; }));
  EXPECT_TRUE(matches([](Match& m) { m.origin = bgp::Origin::kEgp; }));
  EXPECT_FALSE(matches([](Match& m) { m.origin = bgp::Origin::kIgp; }));
  EXPECT_FALSE(matches([](Match& m) { m.source = Source::kStatic; }));
  EXPECT_FALSE(matches([](Match& m) { m.any_prefix = false; })) << "an empty prefix list";
  EXPECT_FALSE(matches([](Match& m) {
    m.origin = bgp::Origin::kEgp;
    m.neighbors = {"up2"};
  }));
}

TEST(Policy, WhatARuleSets) {
  Rules rules;
  Rule rule;
  rule.set.local_preference = 300;
  rule.set.med = 7;
  rule.set.origin = bgp::Origin::kIncomplete;
  rule.set.prepend = 2;
  rule.set.remove_communities = {{1}};
  rule.set.add_communities = {{9}, {2}};
  rule.set.add_large = {{1, 2, 3}};
  rule.set.remove_extended = {{5}};
  rules.rules = {rule};
  bgp::PathAttributes a = attributes({65001});
  a.communities = {{1}, {2}, {3}};
  a.extended_communities = {{5}, {6}};
  Policy{rules}.apply(0, bgp::Asn{64512}, a);
  EXPECT_EQ(a.local_preference, 300U);
  EXPECT_EQ(a.med, 7U);
  EXPECT_EQ(a.origin, bgp::Origin::kIncomplete);
  EXPECT_EQ(to_string(a.as_path), "64512 64512 65001");
  EXPECT_EQ(a.communities, (std::vector<bgp::Community>{{2}, {3}, {9}}));
  EXPECT_EQ(a.large_communities, (std::vector<bgp::LargeCommunity>{{1, 2, 3}}));
  EXPECT_EQ(a.extended_communities, (std::vector<bgp::ExtendedCommunity>{{6}}));

  rules.rules[0].set.communities.emplace(std::vector<bgp::Community>{{8}, {7}});
  Policy{rules}.apply(0, bgp::Asn{64512}, a);
  EXPECT_EQ(a.communities, (std::vector<bgp::Community>{{2}, {7}, {8}, {9}}))
      << "in place of all, then added to";
  const bgp::PathAttributes before = a;
  Policy{rules}.apply(1, bgp::Asn{64512}, a);
  EXPECT_EQ(a, before) << "the default sets nothing";
}

}  // namespace
}  // namespace lastmile::policy
