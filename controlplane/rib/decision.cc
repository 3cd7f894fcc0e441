#include "controlplane/rib/decision.h"

#include <algorithm>
#include <array>
#include <cassert>

namespace lastmile::rib {
namespace {

template <class T>
int lower_wins(const T& a, const T& b) {
  if (a == b) return 0;
  return a < b ? -1 : 1;
}

// Each rule in the RFC's words, then as code. A rule says which of two paths it prefers: negative
// for the first, positive for the second, 0 if it can't tell.

// Ours, not the RFC's: what the operator or the interface says wins over what a protocol says.
int by_source(const Candidate& a, const Candidate& b) {
  return lower_wins(a.kind, b.kind);
}

// RFC 9494 section 4.3: "MUST be treated as the least preferred … when compared to any route that
// is
//    not … stale"
int by_long_lived_stale(const Candidate& a, const Candidate& b) {
  return lower_wins(a.facts.long_lived_stale, b.facts.long_lived_stale);
}

// "The local speaker SHALL then … select … the route with the highest degree of preference"
int by_local_preference(const Candidate& a, const Candidate& b) {
  return lower_wins(b.facts.local_preference, a.facts.local_preference);
}

// RFC 7311 section 4: where one route has an AIGP metric, those that have none are out; of the
// others
//    those stay whose metric and cost to the next hop are the lowest in sum. No metric counts as
//    the largest, so one comparison does both.
int by_aigp(const Candidate& a, const Candidate& b) {
  const auto cost = [](const Candidate& c) {
    return std::min(c.facts.aigp, bgp::Aigp::kUnusable - c.igp_cost) + c.igp_cost;
  };
  return lower_wins(cost(a), cost(b));
}

// a) "Remove from consideration all routes that are not tied for having the smallest number of AS
//    numbers present in their AS_PATH attributes. Note that when counting this number, an AS_SET
//    counts as 1, no matter how many ASes are in the set."
int by_as_path_length(const Candidate& a, const Candidate& b) {
  return lower_wins(a.facts.path_length, b.facts.path_length);
}

// b) "Remove from consideration all routes that are not tied for having the lowest Origin number in
//    their Origin attribute."
int by_origin(const Candidate& a, const Candidate& b) {
  return lower_wins(a.facts.origin, b.facts.origin);
}

// c) "Remove from consideration routes with less-preferred MULTI_EXIT_DISC attributes.
//    MULTI_EXIT_DISC is only comparable between routes learned from the same neighboring AS (the
//    neighboring AS is determined from the AS_PATH attribute). Routes that do not have the
//    MULTI_EXIT_DISC attribute are considered to have the lowest possible MULTI_EXIT_DISC value."
int by_med(const Candidate& a, const Candidate& b) {
  if (a.facts.neighbor != b.facts.neighbor) return 0;
  return lower_wins(a.facts.med, b.facts.med);
}

// d) "If at least one of the candidate routes was received via EBGP, remove from consideration all
//    routes that were received via IBGP."
int by_external(const Candidate& a, const Candidate& b) {
  return lower_wins(b.external, a.external);
}

// e) "Remove from consideration any routes with less-preferred interior cost."
int by_igp_cost(const Candidate& a, const Candidate& b) {
  return lower_wins(a.igp_cost, b.igp_cost);
}

// f) "Remove from consideration all routes other than the route that was advertised by the BGP
//    speaker with the lowest BGP Identifier value." With RFC 4456: "If a route carries the
//    ORIGINATOR_ID attribute, then in Step f) the ORIGINATOR_ID SHOULD be treated as the BGP
//    Identifier of the BGP speaker that has advertised the route."
int by_router_id(const Candidate& a, const Candidate& b) {
  return lower_wins(a.router_id, b.router_id);
}

// RFC 4456: "… inserted between Steps f) and g): a BGP Speaker SHOULD prefer a route with the
//    shorter CLUSTER_LIST length. The CLUSTER_LIST length is zero if a route does not carry the
//    CLUSTER_LIST attribute."
int by_cluster_length(const Candidate& a, const Candidate& b) {
  return lower_wins(a.facts.cluster_length, b.facts.cluster_length);
}

// g) "Prefer the route received from the lowest peer address."
int by_peer_address(const Candidate& a, const Candidate& b) {
  return lower_wins(a.peer_address, b.peer_address);
}

struct RuleEntry {
  int (*prefers)(const Candidate&, const Candidate&);
  const char* text;
};
constexpr std::array kRules = {
    RuleEntry{by_source, "preferred source"},
    RuleEntry{by_long_lived_stale, "no LLGR_STALE"},
    RuleEntry{by_local_preference, "higher local preference"},
    RuleEntry{by_aigp, "lower AIGP metric"},
    RuleEntry{by_as_path_length, "shorter AS path"},
    RuleEntry{by_origin, "lower origin"},
    RuleEntry{by_med, "lower MED"},
    RuleEntry{by_external, "eBGP over iBGP"},
    RuleEntry{by_igp_cost, "lower IGP cost"},
    RuleEntry{by_router_id, "lower router id"},
    RuleEntry{by_cluster_length, "shorter cluster list"},
    RuleEntry{by_peer_address, "lower peer address"},
};
static_assert(kRules.size() == static_cast<std::size_t>(Rule::kSame));

Verdict apply(Rule from, Rule to, const Candidate& a, const Candidate& b) {
  for (auto i = static_cast<std::size_t>(from); i < static_cast<std::size_t>(to); ++i) {
    const int sign = kRules[i].prefers(a, b);
    if (sign != 0) return {sign, static_cast<Rule>(i)};
  }
  return {0, Rule::kSame};
}

/// Keeps of `positions` those that no rule from `from` up to and without `to` removes. Between
/// those two there must be no MED, so that the rules order all paths.
void keep_best(std::span<const Candidate> all, Rule from, Rule to,
               std::vector<std::uint16_t>& positions) {
  const auto best = *std::ranges::min_element(positions, [&](std::uint16_t x, std::uint16_t y) {
    return apply(from, to, all[x], all[y]).sign < 0;
  });
  std::erase_if(positions,
                [&](std::uint16_t x) { return apply(from, to, all[best], all[x]).sign < 0; });
}

/// Rule c: within each neighbor AS only the lowest MED stays.
void keep_lowest_med(std::span<const Candidate> all, std::vector<std::uint16_t>& positions) {
  if (positions.size() < 2) return;
  const auto neighbor_of = [&](std::uint16_t x) { return all[x].facts.neighbor; };
  // Of each neighbor AS the lowest comes first.
  std::vector<std::uint16_t> sorted = positions;
  std::ranges::sort(sorted, [&](std::uint16_t x, std::uint16_t y) {
    if (neighbor_of(x) != neighbor_of(y)) return neighbor_of(x) < neighbor_of(y);
    return by_med(all[x], all[y]) < 0;
  });
  std::erase_if(positions, [&](std::uint16_t x) {
    const auto lowest = std::ranges::lower_bound(sorted, neighbor_of(x), {}, neighbor_of);
    return by_med(all[*lowest], all[x]) < 0;
  });
}

/// The RFC's procedure up to the tie-breaks, then the survivors in the order of the tie-breaks.
/// `positions` is sorted on entry.
void eliminate(std::span<const Candidate> all, std::vector<std::uint16_t>& positions) {
  keep_best(all, Rule::kSource, Rule::kMed, positions);
  keep_lowest_med(all, positions);
  keep_best(all, Rule::kExternal, kFirstTieBreak, positions);
  std::ranges::stable_sort(positions, [&](std::uint16_t x, std::uint16_t y) {
    return apply(kFirstTieBreak, Rule::kSame, all[x], all[y]).sign < 0;
  });
}

bool usable_together(const Candidate& best, const Candidate& other, const DecisionOptions& options,
                     const AttributePool& pool) {
  if (best.kind != SourceKind::kBgp) return false;  // one static route names all its next hops
  return options.multipath_relax || pool.same_as_path(best.attributes, other.attributes);
}

/// Most prefixes on a server have one path or two: those need no lists.
void decide_two(std::span<const Candidate> all, const DecisionOptions& options,
                const AttributePool& pool, Decision& result) {
  const Verdict verdict = compare(all[0], all[1]);
  const std::uint16_t best = verdict.sign <= 0 ? 0 : 1;
  const auto other = static_cast<std::uint16_t>(1 - best);
  result.primaries.push_back(best);
  const bool both = verdict.equal_cost() && options.max_paths > 1 &&
                    usable_together(all[best], all[other], options, pool);
  (both ? result.primaries : result.backups).push_back(other);
}

}  // namespace

const char* to_string(Rule rule) {
  if (rule == Rule::kSame) return "nothing tells them apart";
  return kRules[static_cast<std::size_t>(rule)].text;
}

Verdict compare(const Candidate& a, const Candidate& b) {
  return apply(Rule::kSource, Rule::kSame, a, b);
}

Rule lost_by(const Candidate& best, const Candidate& loser) {
  const Verdict verdict = compare(best, loser);
  return verdict.sign <= 0 ? verdict.rule : Rule::kMed;
}

void keep_best(std::span<const Candidate> candidates, std::vector<std::uint16_t>& positions) {
  if (positions.size() > 1) eliminate(candidates, positions);
}

std::vector<std::uint16_t> best_of(std::span<const Candidate> candidates, std::size_t count) {
  std::vector<std::uint16_t> left(candidates.size());
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = static_cast<std::uint16_t>(i);
  std::vector<std::uint16_t> best;
  while (!left.empty() && best.size() < count) {
    std::vector<std::uint16_t> tied = left;
    eliminate(candidates, tied);
    for (const std::uint16_t x : tied) {
      if (best.size() < count) best.push_back(x);
    }
    std::erase_if(left, [&](std::uint16_t x) { return std::ranges::find(tied, x) != tied.end(); });
  }
  return best;
}

void decide(std::span<const Candidate> candidates, const DecisionOptions& options,
            const AttributePool& pool, Decision& result) {
  assert(options.max_paths >= 1 && candidates.size() <= UINT16_MAX);
  result.primaries.clear();
  result.backups.clear();
  if (candidates.empty()) return;
  if (candidates.size() == 1) {
    result.primaries.push_back(0);
    return;
  }
  if (candidates.size() == 2) {
    decide_two(candidates, options, pool, result);
    return;
  }

  std::vector<std::uint16_t> left(candidates.size());
  for (std::size_t i = 0; i < left.size(); ++i) left[i] = static_cast<std::uint16_t>(i);
  std::vector<std::uint16_t> tied = left;
  eliminate(candidates, tied);
  for (const std::uint16_t x : tied) {
    if (x == tied.front() ||
        (result.primaries.size() < options.max_paths &&
         usable_together(candidates[tied.front()], candidates[x], options, pool))) {
      result.primaries.push_back(x);
    }
  }
  std::erase_if(left, [&](std::uint16_t x) {
    return std::ranges::find(result.primaries, x) != result.primaries.end();
  });
  if (left.empty()) return;
  eliminate(candidates, left);
  result.backups = left;
}

}  // namespace lastmile::rib
