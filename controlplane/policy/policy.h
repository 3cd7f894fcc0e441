// A policy, compiled: which rule decides about a route, and what it makes of it.
//
//   const Policy policy(rules);
//   const std::size_t rule = policy.decide(prefix, facts);     // rules().size(): the default
//   if (policy.accepts(rule)) policy.apply(rule, own_asn, attributes);
//   policy.explain(rule);                                      // `rule 2 "bogons" rejects it`
//
// Deciding and applying are apart because many routes share attributes: a caller applies a rule
// once for all routes of an UPDATE that it decided about.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/policy/rules.h"

namespace lastmile::policy {

/// What rules look at besides the prefix.
struct Facts {
  const bgp::PathAttributes& attributes;
  Source source = Source::kBgp;
  std::string_view neighbor;  ///< whom the route comes from (import) or goes to (export)
  std::optional<IpAddress> next_hop;
};

class Policy {
 public:
  explicit Policy(Rules rules);

  /// The number of the first rule that matches; rules().size() if none does.
  template <class Address>
  [[nodiscard]] std::size_t decide(const Prefix<Address>& prefix, const Facts& facts) const;
  [[nodiscard]] bool accepts(std::size_t rule) const;
  /// Changes `attributes` as the rule says; `own` is what it prepends.
  void apply(std::size_t rule, bgp::Asn own, bgp::PathAttributes& attributes) const;
  /// Null for the default.
  [[nodiscard]] const Set* set(std::size_t rule) const;
  /// `rule 2 "bogons" rejects it`, `no rule matches: rejected by default`.
  [[nodiscard]] std::string explain(std::size_t rule) const;

  [[nodiscard]] const std::string& name() const { return rules_.name; }
  [[nodiscard]] const Rules& rules() const { return rules_; }

 private:
  [[nodiscard]] static bool matches(const Match& match, const Facts& facts);

  Rules rules_;
  std::vector<PrefixSet> prefixes_;  ///< by rule
};

extern template std::size_t Policy::decide(const Ipv4Prefix&, const Facts&) const;
extern template std::size_t Policy::decide(const Ipv6Prefix&, const Facts&) const;

}  // namespace lastmile::policy
