// What UPDATEs bring: each route becomes a path of the session's source, or one with the reason why
// it is refused, and what is withdrawn goes.
#include <chrono>
#include <utility>

#include "controlplane/bgp/wire/notification.h"
#include "controlplane/rib/rib_state.h"
#include "dataplane/net/format.h"
#include "logging/log.h"

namespace lastmile::rib {
namespace {

std::uint32_t whole_seconds(TimePoint at) {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(at.time_since_epoch()).count());
}

}  // namespace

template <class Address>
void Rib::State::withdraw(Peer& from, const std::vector<bgp::Nlri<Address>>& nlri) {
  FamilyRib<Address>& family = rib<Address>();
  const std::optional<SourceId>& stale = from.stale_source(FamilyRib<Address>::kFamily);
  auto* numbers = from.numbers<Address>();
  for (const bgp::Nlri<Address>& route : nlri) {
    std::uint16_t number = 0;
    if (numbers != nullptr) {
      const auto known = numbers->take_back(route.prefix, route.path_id);
      if (!known) continue;
      number = *known;
    }
    family.remove_path(route.prefix, from.source(FamilyRib<Address>::kFamily), number);
    if (stale) family.remove_path(route.prefix, *stale, number);
  }
}

/// Gives the path its next hop, or the reason why it has none.
void Rib::State::point(Path& path, const Peer& from, const tl::expected<HopKey, Refusal>& hop,
                       std::uint16_t weight) {
  if (!hop) {
    path.refusal = hop.error();
    return;
  }
  HopKey key = *hop;
  key.session = from.incarnation;
  const TargetTable::Wish wish{key, weight};
  lead(path, std::span(&wish, 1));
}

/// What a rule of the import policy makes of the UPDATE's path; made once for all its routes.
const Path& Rib::State::outcome(Incoming& incoming, std::size_t rule) {
  for (const Incoming::Outcome& known : incoming.outcomes) {
    if (known.rule == rule) return known.path;
  }
  const policy::Policy& policy = *incoming.policy;
  Path path = incoming.path;
  if (!policy.accepts(rule)) {
    // As it came, so that the rule can be found again for `show`.
    path.refusal = Refusal::kPolicy;
    path.target = kNoTarget;
    core.attributes.add_reference(path.attributes);
    incoming.outcomes.push_back({rule, path});
    return incoming.outcomes.back().path;
  }
  bgp::PathAttributes attributes = incoming.attributes;
  policy.apply(rule, asn, attributes);
  // Whatever the policy prefers: RFC 8326 section 4.
  if (shuts_down(incoming.attributes, incoming.from.changes)) attributes.local_preference = 0;
  path.attributes = core.attributes.intern(attributes);
  const policy::Set* set = policy.set(rule);
  if (set != nullptr && (set->next_hop || set->weight)) {
    path.target = kNoTarget;
    bgp::NextHop wanted;
    if (set->next_hop) wanted = as_next_hop(*set->next_hop);
    auto hop = set->next_hop ? resolve_next_hop(wanted, incoming.from.import, own)
                             : tl::expected<HopKey, Refusal>{core.hops.key(
                                   core.targets.members(incoming.path.target)[0].hop)};
    point(path, incoming.from, hop, set->weight.value_or(1));
  } else {
    core.targets.add_reference(path.target);
  }
  incoming.outcomes.push_back({rule, path});
  return incoming.outcomes.back().path;
}

void Rib::State::note_too_many_paths(Peer& from, const IpPrefix& prefix) {
  if (std::exchange(from.too_many_paths_said, true)) return;
  log::warn("bgp {}: more than {} paths to {}; the rest is ignored", from.name, kMostPathNumbers,
            to_string(prefix));
}

template <class Address>
void Rib::State::announce(Incoming& incoming, const std::vector<bgp::Nlri<Address>>& nlri) {
  FamilyRib<Address>& family = rib<Address>();
  const std::optional<SourceId>& stale = incoming.from.stale_source(FamilyRib<Address>::kFamily);
  auto* numbers = incoming.from.numbers<Address>();
  constexpr std::size_t kAhead = 8;  // index slots asked of memory before they are needed
  const policy::Facts facts{incoming.attributes, policy::Source::kBgp, incoming.from.name,
                            incoming.next_hop};
  for (std::size_t i = 0; i < nlri.size(); ++i) {
    if (i + kAhead < nlri.size()) family.prefetch(nlri[i + kAhead].prefix);
    Path path = incoming.path;
    if (path.refusal == Refusal::kNone) {
      path.refusal = check_prefix(nlri[i].prefix, incoming.from.import, own);
      if (path.refusal != Refusal::kNone) {
        path.target = kNoTarget;
      } else if (incoming.policy != nullptr) {
        path = outcome(incoming, incoming.policy->decide(nlri[i].prefix, facts));
      }
    }
    if (numbers != nullptr) {
      const auto number = numbers->give(nlri[i].prefix, nlri[i].path_id);
      if (!number) {
        note_too_many_paths(incoming.from, nlri[i].prefix);
        continue;
      }
      path.path_number = *number;
    }
    family.set_path(nlri[i].prefix, path);
    if (stale) family.remove_path(nlri[i].prefix, *stale, path.path_number);
  }
}

void Rib::State::reach(Peer& from, const bgp::Update::Reach& reach,
                       const bgp::PathAttributes& attributes, Refusal refusal, TimePoint now) {
  const policy::Policy* policy = from.import_policy.get();
  Incoming incoming{from, policy, attributes, announced_address(reach.next_hop), {}, {}};
  Path& path = incoming.path;
  path.source = from.source(reach.family);
  path.attributes = core.attributes.intern(attributes);
  path.received_s = whole_seconds(now);
  path.refusal = refusal;
  if (refusal == Refusal::kNone) {
    if (!incoming.next_hop) incoming.next_hop = from.import.peer.address;
    point(path, from, resolve_next_hop(reach.next_hop, from.import, own), 1);
  }
  std::visit([&](const auto& nlri) { announce(incoming, nlri); }, reach.nlri);
  for (const Incoming::Outcome& outcome : incoming.outcomes) {
    core.attributes.release(outcome.path.attributes);
    core.targets.release(outcome.path.target);
  }
  core.attributes.release(path.attributes);
  core.targets.release(path.target);
}

/// RFC 4486 section 4. Without a limit in the configuration there is one all the same, because what
/// a peer sends takes memory here even if the forwarding tables refuse it.
void Rib::State::check_limit(bgp::PeerId id, TimePoint now) {
  Peer& peer = this->peer(id);
  std::uint64_t count = 0;
  for (const bgp::Family f : kFamilies) count += core.sources[peer.source(f)].held;
  MaxPrefixes max = config_of(peer).max_prefixes;
  if (max.limit == 0) {
    if (count <= memory_guard) return;
    max.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(memory_guard, UINT32_MAX));
    max.action = MaxPrefixes::Action::kRestart;
  }
  if (count * 100 < std::uint64_t{max.limit} * max.warn_at) return;
  const bool over = count > max.limit;
  if (!over || max.action == MaxPrefixes::Action::kWarning) {
    if (!std::exchange(peer.near_limit_said, true)) {
      log::warn("bgp {}: {} prefixes, {} are allowed", peer.name, count, max.limit);
    }
    return;
  }
  const bool comes_back = max.action == MaxPrefixes::Action::kRestart;
  log::error("bgp {}: {} prefixes are more than the {} allowed; the session ends{}", peer.name,
             count, max.limit, comes_back ? " for a while" : "");
  sessions.suspend(id, bgp::notification(bgp::CeaseReason::kMaximumPrefixes),
                   comes_back ? std::optional<Duration>{max.restart_after} : std::nullopt, now);
}

void Rib::on_update(bgp::PeerId id, bgp::Update& update, TimePoint now) {
  State& s = *state_;
  State::Peer& peer = s.peer(id);
  if (!peer.up()) return;
  for (const bgp::Update::Unreach& unreach : update.unreach) {
    std::visit([&](const auto& nlri) { s.withdraw(peer, nlri); }, unreach.nlri);
  }
  if (update.end_of_rib) s.end_of_rib(id, *update.end_of_rib);
  if (update.reach.empty()) return;
  const Refusal refusal = check_attributes(update.attributes, peer.import);
  if (needs_changes(update.attributes, peer.changes)) rib::apply(peer.changes, update.attributes);
  for (const bgp::Update::Reach& reach : update.reach) {
    s.reach(peer, reach, update.attributes, refusal, now);
  }
  s.check_limit(id, now);
}

}  // namespace lastmile::rib
