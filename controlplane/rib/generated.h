// Routes that are there because of others (RFC 4271 section 9.2.2.2): aggregates, and a default
// route of our own making.
//
//   generated.configure(rules);
//   generated.there(prefix, facts);      // a route is forwarded, or has changed
//   generated.gone(prefix);              // it is not any more
//   for (const auto& change : generated.take_changes()) ...   // rules that came true, or ceased to
//
// A rule is true while at least one route makes it so. Which they are is kept by prefix, so that
// only what changes is looked at. Control thread only.
#pragma once

#include <memory>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "controlplane/policy/policy.h"
#include "controlplane/rib/show.h"
#include "dataplane/net/ip.h"

namespace lastmile::rib {

template <class Address>
class GeneratedRoutes {
 public:
  struct Rule {
    enum class Because : std::uint8_t {
      kInside,   ///< of a longer prefix inside
      kPresent,  ///< of one of `prefixes`, or of what `policy` accepts, or both if both are given
      kAlways,
    };
    Prefix<Address> prefix;
    SourceKind kind = SourceKind::kAggregate;
    Because because = Because::kInside;
    bool summary_only = false;  ///< what is inside is not announced
    std::vector<Prefix<Address>> prefixes{};
    std::shared_ptr<const policy::Policy> policy{};
  };
  enum class State : std::uint8_t { kGone, kThere };
  struct Change {
    Prefix<Address> prefix;
    SourceKind kind;
    State state;
  };
  /// What a summary-only aggregate keeps from being told.
  enum class Cover : std::uint8_t {
    kNothing,  ///< it is not there, or the forwarding tables can't hold it
    kNews,     ///< it is on its way to them: what has been told of is withdrawn behind it
    kAll,
  };

  /// Forgets what makes the old rules true: those that were get a change to kGone. The caller says
  /// again what is there.
  void configure(std::vector<Rule> rules);
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  /// there() wants facts.
  [[nodiscard]] bool asks_policies() const { return asks_policies_; }

  void there(const Prefix<Address>& prefix, const policy::Facts* facts);
  void gone(const Prefix<Address>& prefix);
  /// Since the last call; a rule that changed twice is there as it is now.
  [[nodiscard]] std::vector<Change> take_changes();
  [[nodiscard]] bool has_changes() const { return changed_; }

  /// A summary-only aggregate that is there covers the prefix.
  [[nodiscard]] bool suppresses(const Prefix<Address>& prefix) const;
  /// The aggregate, if `prefix` is one, covers that from now on.
  void set_cover(const Prefix<Address>& prefix, Cover cover);
  [[nodiscard]] bool has_covered() const { return !covered_.empty(); }
  /// What is covered now, or is not any more, since the last call.
  [[nodiscard]] std::vector<Prefix<Address>> take_covered() { return std::exchange(covered_, {}); }

 private:
  struct Entry {
    Rule rule;
    std::unordered_set<Prefix<Address>> reasons;
    State told = State::kGone;
    Cover cover = Cover::kNothing;

    [[nodiscard]] State state() const {
      const bool there = rule.because == Rule::Because::kAlways || !reasons.empty();
      return there ? State::kThere : State::kGone;
    }
  };
  void tell_covered(const Entry& entry);
  [[nodiscard]] static bool makes_true(const Rule& rule, const Prefix<Address>& prefix,
                                       const policy::Facts* facts);

  std::vector<Entry> entries_;
  std::vector<Change> dropped_;  ///< of rules that are no longer
  std::vector<Prefix<Address>> covered_;
  bool asks_policies_ = false;
  bool suppresses_any_ = false;
  bool changed_ = false;
};

extern template class GeneratedRoutes<Ipv4Address>;
extern template class GeneratedRoutes<Ipv6Address>;

}  // namespace lastmile::rib
