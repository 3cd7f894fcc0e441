#include <algorithm>

#include "controlplane/rib/rib_state.h"

namespace lastmile::rib {
namespace {

/// Records that a walk may look at and not show, before it lets others have their turn.
constexpr std::size_t kMostPassedOver = 16384;

/// Goes through both families; `step` tells whether the end of one is reached.
template <class Step>
void in_both_families(RouteCursor& cursor, Step&& step) {
  if (cursor.done) return;
  if (cursor.family == bgp::Family::kIpv4Unicast) {
    if (!step(cursor.family)) return;
    cursor.family = bgp::Family::kIpv6Unicast;
    cursor.index = 0;
  }
  cursor.done = step(cursor.family);
}

/// "best by shorter AS path", "as good as the best", "lost by lower MED".
std::string explain(const std::vector<Candidate>& candidates, const Decision& decision,
                    std::size_t of) {
  const auto is_in = [&](const std::vector<std::uint16_t>& list) {
    return std::ranges::find(list, of) != list.end();
  };
  const std::size_t best = decision.primaries.front();
  if (of != best) {
    const Rule rule = lost_by(candidates[best], candidates[of]);
    if (is_in(decision.primaries)) {
      return std::string("equal to the best path; would lose by ") + to_string(rule);
    }
    return std::string("lost: the best path has ") + to_string(rule);
  }
  if (candidates.size() == 1) return "only path";
  // The rule that decided against the next-best path: the first backup if there is one.
  const std::size_t second =
      decision.backups.empty() ? decision.primaries[1] : decision.backups.front();
  const Rule rule = lost_by(candidates[best], candidates[second]);
  return decision.primaries.size() > 1 && decision.backups.empty()
             ? std::string("best of equals by ") + to_string(rule)
             : std::string("best by ") + to_string(rule);
}

}  // namespace

/// The rule of the import policy that refused a route, found again from the route as it came.
template <class Address>
std::string Rib::State::explain_refusal(const Prefix<Address>& prefix, const Path& path,
                                        const Source& source) const {
  const Peer& from = peers[source.peer.value()];
  const policy::Policy* policy = from.import_policy.get();
  if (policy == nullptr) return to_string(path.refusal);
  const bgp::PathAttributes attributes = core.attributes.attributes(path.attributes);
  const std::size_t rule = policy->decide(
      prefix, {attributes, policy::Source::kBgp, from.name, from.import.peer.address});
  return "policy " + policy->name() + ": " + policy->explain(rule);
}

bool Rib::State::passes(const Path& path, const PathFilter& filter) const {
  const Source& source = core.sources[path.source];
  if (!source.counts()) return false;  // about to be swept
  if (filter.paths == PathFilter::Paths::kAccepted && path.refusal != Refusal::kNone) return false;
  return !filter.peer || (source.kind == SourceKind::kBgp && source.peer == *filter.peer);
}

template <class Address>
void Rib::State::append_views(const FamilyRib<Address>& family, const RouteRecord<Address>& record,
                              const PathFilter& filter, TimePoint now,
                              std::vector<RouteView>& views) const {
  const std::span<const Path> paths = record.paths.paths(const_cast<PathArena&>(core.arena));
  const CandidatePaths among(core, paths);
  const auto& [candidates, positions] = among;
  Decision decision;
  decide(candidates, core.options, core.attributes, decision);

  const std::size_t first = views.size();
  std::vector<std::uint16_t> standbys;
  if (!decision.backups.empty()) find_standbys(paths, among, decision, standbys);
  std::vector<std::uint16_t> shares;
  if (decision.primaries.size() > 1) {
    shares = bandwidth_shares(core, paths, among, decision);
  }
  const bool all_applied = core.plane.applied() >= core.submitted;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    const Path& path = paths[i];
    const Source& source = core.sources[path.source];
    if (!passes(path, filter)) continue;

    RouteView view;
    view.prefix = record.prefix;
    view.source = source.kind;
    if (source.kind == SourceKind::kBgp) {
      view.peer = source.peer;
      view.peer_name = peers[source.peer.value()].name;
      view.attributes = core.attributes.attributes(path.attributes);
    }
    view.local_preference = core.attributes.facts(path.attributes).local_preference;
    view.link_bandwidth = core.attributes.facts(path.attributes).bandwidth;
    view.stale = source.state == SourceState::kStale;
    view.refusal = to_string(path.refusal);
    if (path.refusal == Refusal::kPolicy) {
      view.refusal = explain_refusal(record.prefix, path, source);
    }
    if (source.kind == SourceKind::kBgp) {
      const TimePoint since{std::chrono::seconds{path.received_s}};
      view.age = std::max(Duration{0}, now - since);
    }
    if (path.target != kNoTarget) {
      for (const TargetMember& member : core.targets.members(path.target)) {
        view.next_hops.push_back(core.hops.view(member.hop, member.weight));
      }
    }

    const auto position = std::ranges::find(positions, i);
    if (position != positions.end()) {
      const auto candidate = static_cast<std::uint16_t>(position - positions.begin());
      const auto is_in = [&](const std::vector<std::uint16_t>& list) {
        return std::ranges::find(list, candidate) != list.end();
      };
      view.best = decision.primaries.front() == candidate;
      view.multipath = is_in(decision.primaries);
      for (std::size_t p = 0; p < shares.size(); ++p) {
        if (decision.primaries[p] != candidate) continue;
        for (NextHopView& hop : view.next_hops) hop.weight = shares[p];
      }
      view.backup = is_in(standbys);
      view.why = explain(candidates, decision, candidate);
    }
    view.installed = record.forwarding != kNotForwarded;
    if (view.installed) view.group = core.groups.group(record.forwarding);
    view.forwarding = view.installed && ((record.flags & kConfirmed) != 0 || all_applied);
    if (const FibError* error = family.fib_error(record.prefix)) view.fib_error = to_string(*error);
    view.advertised_to = exporter.told(record.prefix, name_of(path, source));
    if (view.best) {
      const auto others = exporter.told(record.prefix);
      view.advertised_to.insert(view.advertised_to.end(), others.begin(), others.end());
      std::ranges::sort(view.advertised_to);
    }
    views.push_back(std::move(view));
  }
  std::stable_sort(views.begin() + static_cast<std::ptrdiff_t>(first), views.end(),
                   [](const RouteView& a, const RouteView& b) {
                     const auto rank = [](const RouteView& v) {
                       if (v.best) return 0;
                       if (v.multipath) return 1;
                       if (v.backup) return 2;
                       return v.refusal.empty() ? 3 : 4;
                     };
                     return rank(a) < rank(b);
                   });
}

template <class Address>
std::optional<std::uint32_t> Rib::State::longest_match(const FamilyRib<Address>& family,
                                                       const Address& address) const {
  for (unsigned length = Address::kBits + 1; length-- > 0;) {
    const std::uint32_t number = family.table().find(Prefix<Address>(address, length));
    // A prefix whose every path is refused routes nothing.
    if (number != HashIndex::kNotFound && family.table()[number].forwarding != kNotForwarded) {
      return number;
    }
  }
  return std::nullopt;
}

std::vector<RouteView> Rib::routes(const RouteQuery& query, TimePoint now,
                                   std::size_t limit) const {
  const State& s = *state_;
  const PathFilter filter{query.peer, query.paths};
  std::vector<RouteView> views;
  if (query.prefix) {
    std::visit(
        [&]<class Address>(const Prefix<Address>& prefix) {
          const FamilyRib<Address>& family = s.rib<Address>();
          const std::uint32_t number = family.table().find(prefix);
          if (number == HashIndex::kNotFound) return;
          s.append_views(family, family.table()[number], filter, now, views);
        },
        *query.prefix);
  } else if (query.address) {
    std::visit(
        [&]<class Address>(const Address& address) {
          const FamilyRib<Address>& family = s.rib<Address>();
          if (const auto number = s.longest_match(family, address)) {
            s.append_views(family, family.table()[*number], filter, now, views);
          }
        },
        *query.address);
  } else {
    const auto all = [&]<class Address>(const FamilyRib<Address>& family) {
      std::vector<std::uint32_t> numbers;
      numbers.reserve(family.table().size());
      for (std::uint32_t i = 0; i < family.table().end(); ++i) {
        if (family.table()[i].used) numbers.push_back(i);
      }
      std::ranges::sort(numbers, {}, [&](std::uint32_t i) { return family.table()[i].prefix; });
      for (const std::uint32_t i : numbers) {
        if (views.size() >= limit) return;
        s.append_views(family, family.table()[i], filter, now, views);
      }
    };
    all(s.ipv4);
    all(s.ipv6);
  }
  if (views.size() > limit) views.resize(limit);
  return views;
}

void Rib::walk(RouteCursor& cursor, std::size_t prefixes, const PathFilter& filter, TimePoint now,
               const std::function<void(const RouteView&)>& visit) const {
  const State& s = *state_;
  std::vector<RouteView> views;
  std::size_t passed_over = 0;
  in_both_families(cursor, [&](bgp::Family which) {
    const auto step = [&](const auto& family) {
      for (; prefixes > 0 && cursor.index < family.table().end(); ++cursor.index) {
        const auto& record = family.table()[cursor.index];
        if (!record.used || !s.passes(record, filter)) {
          if (++passed_over < kMostPassedOver) continue;
          ++cursor.index;
          return false;
        }
        --prefixes;
        views.clear();
        s.append_views(family, record, filter, now, views);
        for (const RouteView& view : views) visit(view);
      }
      return cursor.index >= family.table().end();
    };
    return which == bgp::Family::kIpv4Unicast ? step(s.ipv4) : step(s.ipv6);
  });
}

// --- Adj-RIB-Out ---------------------------------------------------------------------------------

template <class Address>
AdvertisedView Rib::State::advertised_view(const Prefix<Address>& prefix,
                                           const Exporter::Told& told) const {
  AdvertisedView view;
  view.prefix = prefix;
  view.next_hop = told.next_hop;
  view.attributes = core.attributes.attributes(told.attributes);
  view.path_id = told.path_id;
  const Path* path = rib<Address>().announcement(prefix);
  if (told.path_id) {
    std::vector<typename FamilyRib<Address>::Offer> offers;
    rib<Address>().offers(prefix, offers);
    const auto known = std::ranges::find_if(offers, [&](const auto& offer) {
      return name_of(*offer.path, core.sources[offer.path->source]).id() == *told.path_id;
    });
    path = known == offers.end() ? nullptr : known->path;
  }
  if (path == nullptr) return view;
  const Source& source = core.sources[path->source];
  view.source = source.kind;
  if (source.kind == SourceKind::kBgp) view.peer_name = peers[source.peer.value()].name;
  return view;
}

void Rib::walk_advertised(RouteCursor& cursor, std::size_t records, bgp::PeerId peer,
                          const std::function<void(const AdvertisedView&)>& visit) const {
  const State& s = *state_;
  const auto step = [&]<class Address>(const FamilyRib<Address>&) {
    return s.exporter.walk_told<Address>(
        peer, cursor.index, records,
        [&](const Prefix<Address>& prefix, const Exporter::Told& told) {
          visit(s.advertised_view(prefix, told));
        });
  };
  in_both_families(cursor, [&](bgp::Family which) {
    return which == bgp::Family::kIpv4Unicast ? step(s.ipv4) : step(s.ipv6);
  });
}

std::vector<AdvertisedView> Rib::advertised(bgp::PeerId peer, const RouteQuery& query) const {
  const State& s = *state_;
  const auto exactly =
      [&]<class Address>(const Prefix<Address>& prefix) -> std::vector<AdvertisedView> {
    std::vector<AdvertisedView> views;
    for (const Exporter::Told& told : s.exporter.told(peer, prefix)) {
      views.push_back(s.advertised_view(prefix, told));
    }
    std::ranges::sort(views, {}, &AdvertisedView::path_id);
    return views;
  };
  if (query.prefix) return std::visit(exactly, *query.prefix);
  if (!query.address) return {};
  return std::visit(
      [&]<class Address>(const Address& address) -> std::vector<AdvertisedView> {
        for (unsigned length = Address::kBits + 1; length-- > 0;) {
          if (auto views = exactly(Prefix<Address>(address, length)); !views.empty()) return views;
        }
        return {};
      },
      *query.address);
}

PeerCounts Rib::counts(bgp::PeerId peer) const {
  PeerCounts counts;
  const auto add = [](PathCounts& to, const PathCounts& from) {
    for (unsigned f = 0; f < bgp::kFamilyCount; ++f) to[f] += from[f];
  };
  const std::size_t number = peer.value();
  for (unsigned f = 0; f < bgp::kFamilyCount && number < state_->peers.size(); ++f) {
    const State::Peer& p = state_->peers[number];
    for (const std::optional<SourceId>& id : {p.sources[f], p.stale[f]}) {
      if (!id) continue;
      const Source& source = state_->core.sources[*id];
      add(counts.received, source.received);
      add(counts.accepted, source.accepted);
      if (id == p.stale[f]) add(counts.stale, source.received);
    }
  }
  counts.advertised = state_->exporter.advertised(peer);
  return counts;
}

FibSequence Rib::submitted() const {
  return state_->core.submitted;
}

FibSequence Rib::applied() const {
  return state_->applied;
}

RibSummary Rib::summary() const {
  const State& s = *state_;
  RibSummary summary;
  summary.prefixes = {static_cast<std::uint32_t>(s.ipv4.table().size()),
                      static_cast<std::uint32_t>(s.ipv6.table().size())};
  for (std::size_t i = 0; i < s.core.sources.end(); ++i) {
    const Source& source = s.core.sources[SourceId{static_cast<std::uint16_t>(i)}];
    for (unsigned f = 0; f < bgp::kFamilyCount; ++f) summary.paths[f] += source.received[f];
  }
  summary.installed = {s.ipv4.installed(), s.ipv6.installed()};
  summary.attribute_sets = static_cast<std::uint32_t>(s.core.attributes.size());
  summary.next_hops = static_cast<std::uint32_t>(s.core.hops.size());
  summary.groups = static_cast<std::uint32_t>(s.core.groups.size());
  summary.fib_failures = static_cast<std::uint32_t>(s.ipv4.failures() + s.ipv6.failures());
  summary.undecided = static_cast<std::uint32_t>(s.ipv4.undecided() + s.ipv6.undecided());
  summary.memory_bytes = s.core.attributes.memory_bytes() + s.core.arena.memory_bytes() +
                         s.ipv4.memory_bytes() + s.ipv6.memory_bytes() + s.exporter.memory_bytes();
  return summary;
}

}  // namespace lastmile::rib
