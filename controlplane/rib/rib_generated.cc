// Aggregates and a default route of our own: from the configuration to rules, from rules that come
// true to routes. The route leads nowhere: what is inside it has its own, and packets for the rest
// are dropped here and do not go in circles (RFC 4632 section 5.1). It is announced when the
// forwarding tables have it, like any other.
//
// In host mode the configuration refuses both keys, and FamilyRib::may_announce would not let such
// a route out.
#include "controlplane/rib/rib_state.h"

namespace lastmile::rib {
namespace {

bool same(const AggregateConfig& a, const AggregateConfig& b) {
  return a.prefix == b.prefix && a.summary_only == b.summary_only;
}
bool same(const DefaultOriginateConfig& a, const DefaultOriginateConfig& b) {
  return std::tie(a.ipv4, a.ipv6, a.if_present, a.if_policy) ==
         std::tie(b.ipv4, b.ipv6, b.if_present, b.if_policy);
}

template <class Address>
using Rules = std::vector<typename GeneratedRoutes<Address>::Rule>;

template <class Address>
void add_aggregates(const std::vector<AggregateConfig>& aggregates, Rules<Address>& rules) {
  for (const AggregateConfig& aggregate : aggregates) {
    const auto* prefix = std::get_if<Prefix<Address>>(&aggregate.prefix);
    if (prefix == nullptr) continue;
    typename GeneratedRoutes<Address>::Rule rule;
    rule.prefix = *prefix;
    rule.summary_only = aggregate.summary_only;
    rules.push_back(std::move(rule));
  }
}

template <class Address>
void add_default(const DefaultOriginateConfig& config, std::shared_ptr<const policy::Policy> policy,
                 Rules<Address>& rules) {
  using Rule = typename GeneratedRoutes<Address>::Rule;
  Rule rule;
  rule.kind = SourceKind::kDefault;
  for (const IpPrefix& wanted : config.if_present) {
    if (const auto* prefix = std::get_if<Prefix<Address>>(&wanted))
      rule.prefixes.push_back(*prefix);
  }
  // Only prefixes of the other family: nothing makes it true.
  if (!config.if_present.empty() && rule.prefixes.empty()) return;
  const bool always = config.if_present.empty() && policy == nullptr;
  rule.because = always ? Rule::Because::kAlways : Rule::Because::kPresent;
  rule.policy = std::move(policy);
  rules.push_back(std::move(rule));
}

}  // namespace

void Rib::State::configure_generated(const Config& config) {
  std::optional<policy::Rules> policy;
  for (const policy::Rules& rules : config.policies) {
    if (rules.name == config.bgp.default_originate.if_policy) policy = rules;
  }
  const bool unchanged =
      std::ranges::equal(aggregate_configs, config.bgp.aggregates,
                         [](const auto& a, const auto& b) { return same(a, b); }) &&
      same(default_config, config.bgp.default_originate) && default_policy == policy;
  if (unchanged) return;
  aggregate_configs = config.bgp.aggregates;
  default_config = config.bgp.default_originate;
  default_policy = policy;
  const auto compiled = policy ? std::make_shared<const policy::Policy>(*policy) : nullptr;
  Rules<Ipv4Address> rules4;
  Rules<Ipv6Address> rules6;
  add_aggregates<Ipv4Address>(aggregate_configs, rules4);
  add_aggregates<Ipv6Address>(aggregate_configs, rules6);
  if (default_config.ipv4) add_default<Ipv4Address>(default_config, compiled, rules4);
  if (default_config.ipv6) add_default<Ipv6Address>(default_config, compiled, rules6);
  ipv4.set_generated(std::move(rules4));
  ipv6.set_generated(std::move(rules6));
}

template <class Address>
void Rib::State::apply_generated(FamilyRib<Address>& family) {
  using Generated = GeneratedRoutes<Address>;
  if (!family.generated().has_changes()) return;
  for (const auto& change : family.generated().take_changes()) {
    const SourceId source = change.kind == SourceKind::kDefault ? defaults : aggregates;
    if (change.state == Generated::State::kGone) {
      family.remove_path(change.prefix, source);
      continue;
    }
    HopKey nowhere;
    nowhere.kind = NextHopKind::kBlackhole;
    const TargetTable::Wish wish{nowhere, 1};
    Path path;
    path.source = source;
    bgp::PathAttributes attributes;
    if (change.kind == SourceKind::kAggregate) {
      attributes.atomic_aggregate = true;
      attributes.aggregator = {asn, identifier};
    }
    path.attributes = core.attributes.intern(attributes);
    path.announced = redistributed;
    lead(path, std::span(&wish, 1));
    family.set_path(change.prefix, path);
    core.attributes.release(path.attributes);
    core.targets.release(path.target);
  }
}

void Rib::State::apply_generated() {
  apply_generated(ipv4);
  apply_generated(ipv6);
}

}  // namespace lastmile::rib
