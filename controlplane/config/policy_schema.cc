#include "controlplane/config/schema_by_subject.h"

#include "controlplane/bgp/wire/message.h"
#include "controlplane/config/address_types.h"
#include "controlplane/config/name_types.h"
#include "controlplane/config/policy_types.h"

namespace lastmile::config {
namespace {

using policy::Action;
using policy::Match;
using policy::Rule;
using policy::Rules;
using policy::Set;

constexpr std::size_t kMostItems = 256;

Type<Action> action() {
  return one_of<Action>({{"accept", Action::kAccept}, {"reject", Action::kReject}});
}
Type<bgp::Origin> origin() {
  return one_of<bgp::Origin>({{"igp", bgp::Origin::kIgp},
                              {"egp", bgp::Origin::kEgp},
                              {"incomplete", bgp::Origin::kIncomplete}});
}

/// A list whose items are prefixes: once it is there, not every prefix matches.
KeyOf<Match> prefixes_key() {
  KeyOf<Match> row = list("prefixes", &Match::prefixes, prefix_range(), 65536);
  row.key.store = [read = prefix_range().read](void* owner, std::string_view text,
                                               const Scope& scope) -> tl::expected<void, Fault> {
    auto range = read(text, scope);
    if (!range) return tl::unexpected(std::move(range.error()));
    auto& match = *static_cast<Match*>(owner);
    match.prefixes.push_back(*range);
    match.any_prefix = false;
    return {};
  };
  return row;
}
KeyOf<Match> prefix_lists_reference() {
  KeyOf<Match> row = list("prefix-lists", &Match::neighbors, word(), kMostItems);
  row.key.type = "the name of a prefix list";
  row.key.store = [](void* owner, std::string_view text,
                     const Scope& scope) -> tl::expected<void, Fault> {
    auto found = find_prefix_list(text, scope);
    if (!found) return tl::unexpected(std::move(found.error()));
    auto& match = *static_cast<Match*>(owner);
    // The reader says why it ends.
    if (scope.budget != nullptr && !scope.budget->take((*found)->prefixes.size())) return {};
    match.prefixes.insert(match.prefixes.end(), (*found)->prefixes.begin(),
                          (*found)->prefixes.end());
    match.any_prefix = false;
    return {};
  };
  return row;
}

KeysOf<Match> match_keys() {
  using policy::Source;
  return {
      prefixes_key().not_empty().help("Prefixes, alone or with the lengths of more specific ones."),
      prefix_lists_reference().not_empty().help("Names of prefix lists."),
      list("as-path", &Match::as_paths, as_path_pattern(), kMostItems)
          .not_empty()
          .help("Patterns: AS numbers, ranges 64512-65534, alternatives 65001|65002, '.' for any; "
                "behind each '*', '+' or '?'; '^' and '$' for start and end."),
      list("communities", &Match::communities, community(), kMostItems)
          .not_empty()
          .help("Communities."),
      list("large-communities", &Match::large_communities, large_community(), kMostItems)
          .not_empty()
          .help("Large communities (RFC 8092)."),
      list("extended-communities", &Match::extended_communities, extended_community(), kMostItems)
          .not_empty()
          .help("Extended communities (RFC 4360)."),
      list("neighbor", &Match::neighbors, text("the name of a neighbor", 64), kMostItems)
          .not_empty()
          .help("Whom the route comes from (import) or goes to (export), as `show bgp` names it."),
      list("next-hops", &Match::next_hops, prefix(), kMostItems)
          .not_empty()
          .help("Prefixes that the route's next hop is in; import only."),
      key("origin", &Match::origin, origin()).help("ORIGIN."),
      key("source", &Match::source,
          one_of<Source>({{"local", Source::kLocal},
                          {"connected", Source::kConnected},
                          {"static", Source::kStatic},
                          {"aggregate", Source::kAggregate},
                          {"bgp", Source::kBgp},
                          {"default", Source::kDefault}}))
          .help("Where the route comes from; export only, all that is imported is from bgp."),
  };
}

/// A list that stands in place of what there was, even if it is empty.
KeyOf<Set> communities_key() {
  KeyOf<Set> row = list("communities", &Set::add_communities, community(), kMostItems);
  row.key.store = [read = community().read](void* owner, std::string_view text,
                                            const Scope& scope) -> tl::expected<void, Fault> {
    auto value = read(text, scope);
    if (!value) return tl::unexpected(std::move(value.error()));
    static_cast<Set*>(owner)->communities->push_back(*value);
    return {};
  };
  row.key.begin_list = [](void* owner) { static_cast<Set*>(owner)->communities.emplace(); };
  return row;
}

KeysOf<Set> set_keys() {
  return {
      key("local-preference", &Set::local_preference, number<std::uint32_t>(0, UINT32_MAX))
          .help("LOCAL_PREF: higher is better; 100 where nothing else is set."),
      key("med", &Set::med, number<std::uint32_t>(0, UINT32_MAX)).help("MULTI_EXIT_DISC."),
      key("aigp", &Set::aigp, number<std::uint64_t>(0, bgp::Aigp::kUnusable - 1))
          .help("Accumulated IGP metric (RFC 7311): lower is better. Sent to neighbors with aigp."),
      key("origin", &Set::origin, origin()).help("ORIGIN."),
      key("prepend", &Set::prepend, number<std::uint8_t>(1, 20))
          .help("How often our own AS number is put in front of the path, beyond the once."),
      communities_key().help("In place of all communities; an empty list takes all away."),
      list("add-communities", &Set::add_communities, community(), kMostItems)
          .help("Added to those that are there."),
      list("remove-communities", &Set::remove_communities, community(), kMostItems)
          .help("Taken away."),
      list("add-large-communities", &Set::add_large, large_community(), kMostItems).help("Added."),
      list("remove-large-communities", &Set::remove_large, large_community(), kMostItems)
          .help("Taken away."),
      list("add-extended-communities", &Set::add_extended, extended_community(), kMostItems)
          .help("Added."),
      list("remove-extended-communities", &Set::remove_extended, extended_community(), kMostItems)
          .help("Taken away."),
      key("next-hop", &Set::next_hop, address())
          .help("Where packets go; import only. It must be on a link, as any next hop."),
      key("weight", &Set::weight, number<std::uint16_t>(1, 65535))
          .help("Share of the flows, relative to equally good paths; import only."),
  };
}

KeysOf<Rule> rule_keys() {
  return {
      key("name", &Rule::name, text("a name", 64))
          .when_absent("the rule's number")
          .help("For people: `show routes` and `policy test` name the rule that decided."),
      section("match", &Rule::match, match_keys())
          .when_absent("every route")
          .help("All keys that are there have to match; of a list any item is enough."),
      section("set", &Rule::set, set_keys()).help("What an accepted route is changed to."),
      key("action", &Rule::action, action()).when_absent("accept").help("What becomes of it."),
  };
}

Rules& add_policy(Config& config, std::string_view name, Scope& scope) {
  Rules& rules = config.policies.emplace_back();
  rules.name = name;
  scope.policies = &config.policies;
  return rules;
}

PrefixListConfig& add_prefix_list(Config& config, std::string_view name, Scope& scope) {
  PrefixListConfig& list = config.prefix_lists.emplace_back();
  list.name = name;
  scope.prefix_lists = &config.prefix_lists;
  return list;
}

}  // namespace

KeyOf<Config> prefix_lists_key() {
  return named_sections<Config, PrefixListConfig>(
             "prefix-lists", "NAME", add_prefix_list, 1024, word(),
             {list("prefixes", &PrefixListConfig::prefixes, prefix_range(), 65536)
                  .help("Prefixes, alone or with the lengths of more specific ones.")})
      .help("Prefixes under a name, for policies.");
}

KeyOf<Config> policies_key() {
  return named_sections<Config, Rules>("policies", "NAME", add_policy, 1024, word(),
                                       {sections("rules", &Rules::rules, 4096, rule_keys())
                                            .help("In order: the first that matches decides."),
                                        key("default", &Rules::otherwise, action())
                                            .when_absent("reject")
                                            .help("For routes that no rule matches.")})
      .help(
          "Rules for routes, used by a neighbor's import and export. No rule lifts the guards of "
          "host mode.");
}

}  // namespace lastmile::config
