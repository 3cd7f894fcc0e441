#include "controlplane/policy/policy.h"

#include <fmt/format.h>

#include <algorithm>

namespace lastmile::policy {
namespace {

template <class T>
bool any_of(const std::vector<T>& wanted, const std::vector<T>& have) {
  return wanted.empty() || std::ranges::any_of(wanted, [&](const T& one) {
           return std::ranges::find(have, one) != have.end();
         });
}

/// Sets stay sorted and without repeats (bgp/wire/message.h).
template <class T>
void change(std::vector<T>& set, const std::vector<T>& remove, const std::vector<T>& add) {
  std::erase_if(set, [&](const T& one) { return std::ranges::find(remove, one) != remove.end(); });
  if (add.empty()) return;
  set.insert(set.end(), add.begin(), add.end());
  std::ranges::sort(set);
  set.erase(std::unique(set.begin(), set.end()), set.end());
}

}  // namespace

Policy::Policy(Rules rules) : rules_(std::move(rules)), prefixes_(rules_.rules.size()) {
  for (std::size_t i = 0; i < prefixes_.size(); ++i) {
    for (const PrefixRange& range : rules_.rules[i].match.prefixes) prefixes_[i].add(range);
  }
}

bool Policy::matches(const Match& match, const Facts& facts) {
  const bgp::PathAttributes& attributes = facts.attributes;
  if (match.origin && *match.origin != attributes.origin) return false;
  if (match.source && *match.source != facts.source) return false;
  if (!match.neighbors.empty() &&
      std::ranges::find(match.neighbors, facts.neighbor) == match.neighbors.end()) {
    return false;
  }
  if (!match.next_hops.empty() &&
      (!facts.next_hop || std::ranges::none_of(match.next_hops, [&](const IpPrefix& prefix) {
        return contains(prefix, *facts.next_hop);
      }))) {
    return false;
  }
  if (!any_of(match.communities, attributes.communities) ||
      !any_of(match.large_communities, attributes.large_communities) ||
      !any_of(match.extended_communities, attributes.extended_communities)) {
    return false;
  }
  return match.as_paths.empty() ||
         std::ranges::any_of(match.as_paths, [&](const AsPathPattern& pattern) {
           return pattern.matches(attributes.as_path);
         });
}

template <class Address>
std::size_t Policy::decide(const Prefix<Address>& prefix, const Facts& facts) const {
  for (std::size_t i = 0; i < rules_.rules.size(); ++i) {
    const Match& match = rules_.rules[i].match;
    if (!match.any_prefix && !prefixes_[i].contains(prefix)) continue;
    if (matches(match, facts)) return i;
  }
  return rules_.rules.size();
}
template std::size_t Policy::decide(const Ipv4Prefix&, const Facts&) const;
template std::size_t Policy::decide(const Ipv6Prefix&, const Facts&) const;

bool Policy::accepts(std::size_t rule) const {
  return (rule < rules_.rules.size() ? rules_.rules[rule].action : rules_.otherwise) ==
         Action::kAccept;
}

const Set* Policy::set(std::size_t rule) const {
  return rule < rules_.rules.size() ? &rules_.rules[rule].set : nullptr;
}

void Policy::apply(std::size_t rule, bgp::Asn own, bgp::PathAttributes& attributes) const {
  const Set* set = this->set(rule);
  if (set == nullptr) return;
  if (set->local_preference) attributes.local_preference = set->local_preference;
  if (set->med) attributes.med = set->med;
  if (set->aigp) {
    if (!attributes.aigp) attributes.aigp.emplace();
    attributes.aigp->metric = *set->aigp;
  }
  if (set->origin) attributes.origin = *set->origin;
  if (set->prepend > 0) attributes.as_path.prepend(own, set->prepend);
  if (set->communities) {
    attributes.communities.clear();
    change(attributes.communities, {}, *set->communities);
  }
  change(attributes.communities, set->remove_communities, set->add_communities);
  change(attributes.large_communities, set->remove_large, set->add_large);
  change(attributes.extended_communities, set->remove_extended, set->add_extended);
}

std::string Policy::explain(std::size_t rule) const {
  const bool accepted = accepts(rule);
  if (rule >= rules_.rules.size()) {
    return fmt::format("no rule matches: {} by default", accepted ? "accepted" : "rejected");
  }
  const std::string& given = rules_.rules[rule].name;
  return fmt::format("rule {}{} {} it", rule + 1, given.empty() ? "" : " \"" + given + '"',
                     accepted ? "accepts" : "rejects");
}

}  // namespace lastmile::policy
