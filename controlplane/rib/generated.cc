#include "controlplane/rib/generated.h"

#include <algorithm>
#include <utility>

namespace lastmile::rib {
namespace {

template <class Address>
bool is_inside(const Prefix<Address>& inner, const Prefix<Address>& outer) {
  return inner.length() > outer.length() && outer.contains(inner.address());
}

}  // namespace

template <class Address>
void GeneratedRoutes<Address>::configure(std::vector<Rule> rules) {
  for (Entry& entry : entries_) {
    if (entry.told != State::kThere) continue;
    dropped_.push_back({entry.rule.prefix, entry.rule.kind, State::kGone});
    if (entry.cover != Cover::kNothing) tell_covered(entry);
  }
  entries_.clear();
  asks_policies_ = suppresses_any_ = false;
  for (Rule& rule : rules) {
    asks_policies_ = asks_policies_ || rule.policy != nullptr;
    suppresses_any_ = suppresses_any_ || rule.summary_only;
    entries_.push_back({std::move(rule), {}, State::kGone, Cover::kNothing});
  }
  changed_ = true;
}

template <class Address>
bool GeneratedRoutes<Address>::makes_true(const Rule& rule, const Prefix<Address>& prefix,
                                          const policy::Facts* facts) {
  switch (rule.because) {
    case Rule::Because::kInside:
      return is_inside(prefix, rule.prefix);
    case Rule::Because::kPresent:
      if (!rule.prefixes.empty() &&
          std::ranges::find(rule.prefixes, prefix) == rule.prefixes.end()) {
        return false;
      }
      return rule.policy == nullptr ||
             (facts != nullptr && rule.policy->accepts(rule.policy->decide(prefix, *facts)));
    case Rule::Because::kAlways:
      return false;
  }
  return false;
}

template <class Address>
void GeneratedRoutes<Address>::there(const Prefix<Address>& prefix, const policy::Facts* facts) {
  for (Entry& entry : entries_) {
    if (makes_true(entry.rule, prefix, facts)) {
      entry.reasons.insert(prefix);
    } else {
      entry.reasons.erase(prefix);
    }
    changed_ = changed_ || entry.state() != entry.told;
  }
}

template <class Address>
void GeneratedRoutes<Address>::gone(const Prefix<Address>& prefix) {
  for (Entry& entry : entries_) {
    if (entry.reasons.erase(prefix) != 0) changed_ = changed_ || entry.state() != entry.told;
  }
}

template <class Address>
auto GeneratedRoutes<Address>::take_changes() -> std::vector<Change> {
  std::vector<Change> changes = std::exchange(dropped_, {});
  for (Entry& entry : entries_) {
    if (entry.state() == entry.told) continue;
    entry.told = entry.state();
    changes.push_back({entry.rule.prefix, entry.rule.kind, entry.told});
    const bool covers = entry.rule.summary_only && entry.told == State::kThere;
    entry.cover = covers ? Cover::kNews : Cover::kNothing;
  }
  changed_ = false;
  return changes;
}

template <class Address>
bool GeneratedRoutes<Address>::suppresses(const Prefix<Address>& prefix) const {
  if (!suppresses_any_) return false;
  return std::ranges::any_of(entries_, [&](const Entry& entry) {
    return entry.cover != Cover::kNothing && is_inside(prefix, entry.rule.prefix);
  });
}

template <class Address>
void GeneratedRoutes<Address>::set_cover(const Prefix<Address>& prefix, Cover cover) {
  if (!suppresses_any_) return;
  for (Entry& entry : entries_) {
    if (!entry.rule.summary_only || entry.rule.prefix != prefix) continue;
    if (entry.told != State::kThere || entry.cover == cover) continue;
    entry.cover = cover;
    tell_covered(entry);
  }
}

template <class Address>
void GeneratedRoutes<Address>::tell_covered(const Entry& entry) {
  covered_.insert(covered_.end(), entry.reasons.begin(), entry.reasons.end());
  // Other aggregates are no reasons.
  for (const Entry& other : entries_) {
    if (is_inside(other.rule.prefix, entry.rule.prefix)) covered_.push_back(other.rule.prefix);
  }
}

template class GeneratedRoutes<Ipv4Address>;
template class GeneratedRoutes<Ipv6Address>;

}  // namespace lastmile::rib
