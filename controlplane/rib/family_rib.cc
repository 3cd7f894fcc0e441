#include "controlplane/rib/family_rib.h"

#include <algorithm>
#include <cassert>
#include <tuple>
#include <utility>

namespace lastmile::rib {
namespace {

constexpr unsigned index_of(bgp::Family family) {
  return static_cast<unsigned>(family);
}

bool same_content(const Path& a, const Path& b) {
  return a.attributes == b.attributes && a.target == b.target && a.refusal == b.refusal &&
         a.announced == b.announced;
}

/// Sets: the same members in another order are the same group.
void sort_primaries(ForwardingChoice& choice) {
  if (choice.weights.empty()) {
    std::ranges::sort(choice.primaries);
    return;
  }
  std::vector<std::pair<TargetId, std::uint16_t>> members;
  for (std::size_t i = 0; i < choice.primaries.size(); ++i) {
    members.emplace_back(choice.primaries[i], choice.weights[i]);
  }
  std::ranges::sort(members);
  for (std::size_t i = 0; i < members.size(); ++i) {
    std::tie(choice.primaries[i], choice.weights[i]) = members[i];
  }
}

}  // namespace

template <class Address>
FamilyRib<Address>::~FamilyRib() {
  for (std::uint32_t number = 0; number < table_.end(); ++number) {
    Record& record = table_[number];
    if (!record.used) continue;
    uninstall(record);
    while (!record.paths.empty()) drop_path(record, record.paths.size() - 1);
  }
}

// --- paths -------------------------------------------------------------------------------------

template <class Address>
void FamilyRib<Address>::count(const Path& path, int sign) {
  Source& source = core_.sources[path.source];
  const auto delta = static_cast<std::uint32_t>(sign);
  source.held += delta;
  source.received[index_of(kFamily)] += delta;
  if (path.refusal == Refusal::kNone) source.accepted[index_of(kFamily)] += delta;
}

template <class Address>
void FamilyRib<Address>::mark_dirty(std::uint32_t number) {
  Record& record = table_[number];
  if ((record.flags & kDirty) != 0) return;
  record.flags |= kDirty;
  dirty_.push_back(number);
}

template <class Address>
void FamilyRib<Address>::drop_path(Record& record, std::size_t position) {
  const Path path = record.paths.paths(core_.arena)[position];
  count(path, -1);
  core_.attributes.release(path.attributes);
  core_.targets.release(path.target);
  record.paths.remove(core_.arena, position);
}

/// A path goes that its neighbor has not withdrawn: its number is free again, unless a path that
/// has come since has it.
template <class Address>
void FamilyRib<Address>::forget_path(Record& record, std::size_t position) {
  const Path path = record.paths.paths(core_.arena)[position];
  drop_path(record, position);
  const auto& numbers = core_.sources[path.source].path_numbers;
  if (!numbers) return;
  const bool in_use = std::ranges::any_of(record.paths.paths(core_.arena), [&](const Path& other) {
    return other.path_number == path.path_number &&
           core_.sources[other.source].path_numbers == numbers;
  });
  if (!in_use) std::get<PathNumbers<Address>>(*numbers).free(record.prefix, path.path_number);
}

template <class Address>
void FamilyRib<Address>::set_path(const Prefix<Address>& prefix, const Path& path) {
  const auto [number, fresh] = table_.find_or_insert(prefix);
  Record& record = table_[number];
  if (!fresh) {
    for (Path& known : record.paths.paths(core_.arena)) {
      if (known.source != path.source || known.path_number != path.path_number) continue;
      if (same_content(known, path)) return;
      const bool matters = known.refusal == Refusal::kNone || path.refusal == Refusal::kNone;
      // New references before old ones are given up: they may be the same.
      core_.attributes.add_reference(path.attributes);
      if (path.target != kNoTarget) core_.targets.add_reference(path.target);
      count(known, -1);
      core_.attributes.release(known.attributes);
      core_.targets.release(known.target);
      known = path;
      count(path, +1);
      if (matters) mark_dirty(number);
      return;
    }
  }
  core_.attributes.add_reference(path.attributes);
  if (path.target != kNoTarget) core_.targets.add_reference(path.target);
  record.paths.add(core_.arena, path);
  count(path, +1);
  if (path.refusal == Refusal::kNone) mark_dirty(number);
}

template <class Address>
void FamilyRib<Address>::remove_path(const Prefix<Address>& prefix, SourceId source,
                                     std::uint16_t path_number) {
  const std::uint32_t number = table_.find(prefix);
  if (number == PrefixTable<Record>::kNotFound) return;
  Record& record = table_[number];
  const std::span<const Path> paths = record.paths.paths(core_.arena);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (paths[i].source != source || paths[i].path_number != path_number) continue;
    const bool matters = paths[i].refusal == Refusal::kNone;
    drop_path(record, i);
    if (matters) mark_dirty(number);
    erase_if_idle(number);
    return;
  }
}

template <class Address>
bool FamilyRib<Address>::set_announced(const Prefix<Address>& prefix, SourceId source,
                                       Announced announced, AttributeId attributes) {
  const std::uint32_t number = table_.find(prefix);
  if (number == PrefixTable<Record>::kNotFound) return false;
  for (Path& path : table_[number].paths.paths(core_.arena)) {
    if (path.source != source) continue;
    Path wanted = path;
    wanted.announced = announced;
    wanted.attributes = attributes;
    set_path(prefix, wanted);
    return true;
  }
  return false;
}

template <class Address>
void FamilyRib<Address>::erase_if_idle(std::uint32_t number) {
  const Record& record = table_[number];
  if (record.paths.empty() && record.forwarding == kNotForwarded && (record.flags & kDirty) == 0) {
    if ((record.flags & kFibFailed) != 0) failed_.erase(record.prefix);
    table_.erase(number);
  }
}

// --- work --------------------------------------------------------------------------------------

template <class Address>
std::size_t FamilyRib<Address>::decide_dirty(std::size_t limit) {
  std::size_t done = 0;
  for (; done < limit && !dirty_.empty(); ++done) {
    const std::uint32_t number = dirty_.front();
    dirty_.pop_front();
    decide_record(number);
  }
  decided_ += done;
  return done;
}

template <class Address>
std::size_t FamilyRib<Address>::sweep(std::uint32_t& cursor, std::size_t limit) {
  std::size_t done = 0;
  for (; done < limit && cursor < table_.end(); ++done, ++cursor) {
    Record& record = table_[cursor];
    if (!record.used || !purge(record)) continue;
    // A record in the queue is decided in its turn, sooner than the sweep would come back.
    if ((record.flags & kDirty) == 0) decide_record(cursor);
  }
  return done;
}

/// False if the path must not outlive its neighbor for so long.
template <class Address>
bool FamilyRib<Address>::age_path(Path& path) {
  bgp::PathAttributes attributes = core_.attributes.attributes(path.attributes);
  const auto marked = [&](std::uint32_t community) {
    return std::ranges::binary_search(attributes.communities, bgp::Community{community});
  };
  if (marked(bgp::kNoLongLived)) return false;
  if (marked(bgp::kLongLivedStale)) return true;
  attributes.communities.push_back({bgp::kLongLivedStale});
  std::ranges::sort(attributes.communities);
  const AttributeId aged = core_.attributes.intern(attributes);
  core_.attributes.release(path.attributes);
  path.attributes = aged;
  return true;
}

template <class Address>
std::size_t FamilyRib<Address>::age(std::uint32_t& cursor, SourceId source, std::size_t limit) {
  std::size_t done = 0;
  for (; done < limit && cursor < table_.end(); ++done, ++cursor) {
    Record& record = table_[cursor];
    if (!record.used) continue;
    bool any = false;
    for (std::size_t i = record.paths.size(); i-- > 0;) {
      Path& path = record.paths.paths(core_.arena)[i];
      if (path.source != source) continue;
      any = true;
      if (!age_path(path)) forget_path(record, i);
    }
    if (!any) continue;
    mark_dirty(cursor);
  }
  return done;
}

template <class Address>
void FamilyRib<Address>::release() {
  if (deferral_ != Deferral::kDeferred) return;
  deferral_ = Deferral::kTelling;
  tell_cursor_ = 0;
}

template <class Address>
std::size_t FamilyRib<Address>::tell_deferred(std::size_t limit) {
  if (deferral_ != Deferral::kTelling) return 0;
  std::size_t done = 0;
  for (; done < limit && tell_cursor_ < table_.end(); ++done, ++tell_cursor_) {
    Record& record = table_[tell_cursor_];
    // What waits for a decision is told of by that.
    if (!record.used || record.forwarding == kNotForwarded || (record.flags & kDirty) != 0)
      continue;
    note_export(record);
  }
  if (tell_cursor_ >= table_.end()) deferral_ = Deferral::kNone;
  return done;
}

/// True if a path was removed.
template <class Address>
bool FamilyRib<Address>::purge(Record& record) {
  bool any = false;
  for (std::size_t i = record.paths.size(); i-- > 0;) {
    const Path& path = record.paths.paths(core_.arena)[i];
    if (core_.sources[path.source].state != SourceState::kDeparting) continue;
    forget_path(record, i);
    any = true;
  }
  return any;
}

template <class Address>
void FamilyRib<Address>::candidates(const Record& record, std::vector<Candidate>& candidates,
                                    std::vector<std::uint16_t>& positions) const {
  candidates.clear();
  positions.clear();
  const std::span<const Path> paths = record.paths.paths(core_.arena);
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (paths[i].refusal != Refusal::kNone) continue;
    const Source& source = core_.sources[paths[i].source];
    if (!source.counts()) continue;
    Candidate candidate;
    candidate.kind = source.kind;
    candidate.external = source.external;
    candidate.facts = core_.attributes.facts(paths[i].attributes);
    candidate.router_id =
        candidate.facts.originator != 0 ? candidate.facts.originator : source.identifier.value();
    candidate.peer_address = source.address;
    candidate.attributes = paths[i].attributes;
    candidates.push_back(candidate);
    positions.push_back(static_cast<std::uint16_t>(i));
  }
}

template <class Address>
std::vector<std::uint16_t> FamilyRib<Address>::bandwidth_shares(
    std::span<const Path> paths, std::span<const Candidate> candidates,
    std::span<const std::uint16_t> positions, const Decision& decision) const {
  if (core_.options.link_bandwidth == LinkBandwidth::kIgnore) return {};
  std::vector<float> bandwidths;
  for (const std::uint16_t i : decision.primaries) {
    // What a policy has set stands above what a neighbor says.
    const auto& members = core_.targets.members(paths[positions[i]].target);
    if (candidates[i].facts.bandwidth == 0 || members.size() != 1 || members[0].weight != 1) {
      return {};
    }
    bandwidths.push_back(candidates[i].facts.bandwidth);
  }
  return bandwidth_weights(bandwidths);
}

/// Fills choice_ and puts the best path first. False if there is no candidate.
template <class Address>
bool FamilyRib<Address>::choose(Record& record) {
  candidates(record, candidates_, positions_);
  if (candidates_.empty()) return false;
  decide(candidates_, core_.options, core_.attributes, decision_);

  const std::span<Path> paths = record.paths.paths(core_.arena);
  choice_.primaries.clear();
  choice_.weights.clear();
  choice_.backups.clear();
  for (const std::uint16_t i : decision_.primaries) {
    choice_.primaries.push_back(paths[positions_[i]].target);
  }
  const SourceKind kind = candidates_[decision_.primaries.front()].kind;
  // What is ours, or on our own wire, is reached no other way.
  if (kind != SourceKind::kLocal && kind != SourceKind::kConnected) {
    for (const std::uint16_t i : decision_.backups) {
      if (is_generated(candidates_[i].kind)) continue;  // it leads nowhere
      choice_.backups.push_back(paths[positions_[i]].target);
    }
  }
  if (choice_.primaries.size() > 1) {
    choice_.weights = bandwidth_shares(paths, candidates_, positions_, decision_);
    sort_primaries(choice_);
  }
  if (choice_.backups.size() > 1) std::ranges::sort(choice_.backups);
  std::swap(paths.front(), paths[positions_[decision_.primaries.front()]]);
  return true;
}

template <class Address>
void FamilyRib<Address>::decide_record(std::uint32_t number) {
  Record& record = table_[number];
  record.flags &= static_cast<std::uint8_t>(~kDirty);
  purge(record);
  if (choose(record)) {
    install(record);
  } else {
    uninstall(record);
  }
  note_export(record);
  note_cover(record);
  note_generated(record);
  erase_if_idle(number);
}

template <class Address>
void FamilyRib<Address>::note_generated(const Record& record) {
  if (generated_.empty()) return;
  if (record.forwarding == kNotForwarded || record.paths.empty()) {
    return generated_.gone(record.prefix);
  }
  const Path& best = record.paths.paths(core_.arena).front();
  const SourceKind kind = core_.sources[best.source].kind;
  if (is_generated(kind)) return generated_.gone(record.prefix);
  if (!generated_.asks_policies()) return generated_.there(record.prefix, nullptr);
  const bgp::PathAttributes attributes = core_.attributes.attributes(best.attributes);
  const policy::Facts facts{attributes, static_cast<policy::Source>(kind),
                            core_.sources[best.source].name, std::nullopt};
  generated_.there(record.prefix, &facts);
}

template <class Address>
void FamilyRib<Address>::set_generated(std::vector<typename GeneratedRoutes<Address>::Rule> rules) {
  generated_.configure(std::move(rules));
  for (std::uint32_t number = 0; !generated_.empty() && number < table_.end(); ++number) {
    if (table_[number].used) note_generated(table_[number]);
  }
}

template <class Address>
void FamilyRib<Address>::tell_covered() {
  const auto covered = generated_.take_covered();
  journal_.entries.insert(journal_.entries.end(), covered.begin(), covered.end());
}

/// If the prefix is an aggregate: what is inside is told of as long as it is not announced itself.
template <class Address>
void FamilyRib<Address>::note_cover(const Record& record) {
  using Cover = typename GeneratedRoutes<Address>::Cover;
  if (generated_.empty()) return;
  if (announcement(record) != nullptr) {
    generated_.set_cover(record.prefix, Cover::kAll);
  } else if ((record.flags & kFibFailed) != 0) {
    generated_.set_cover(record.prefix, Cover::kNothing);
  }
}

template <class Address>
void FamilyRib<Address>::install(Record& record) {
  auto wanted = core_.groups.acquire(choice_, record.forwarding);
  if (!wanted && choice_.primaries.size() + choice_.backups.size() > 1) {
    // Better one next hop than none.
    choice_.primaries = {record.paths.paths(core_.arena).front().target};
    choice_.weights.clear();
    choice_.backups.clear();
    wanted = core_.groups.acquire(choice_, record.forwarding);
  }
  if (!wanted) {
    fail(record, wanted.error());
    return;
  }
  if ((record.flags & kFibFailed) != 0) {
    record.flags &= static_cast<std::uint8_t>(~kFibFailed);
    failed_.erase(record.prefix);
  }
  const ForwardingId before = record.forwarding;
  record.forwarding = *wanted;
  if (before == kNotForwarded || core_.groups.group(before) != core_.groups.group(*wanted)) {
    core_.submitted = core_.plane.set_route(record.prefix, core_.groups.group(*wanted));
  }
  if (before == kNotForwarded) ++installed_;
  if (core_.groups.release(before)) ++core_.retry_credit;
}

template <class Address>
void FamilyRib<Address>::uninstall(Record& record) {
  if ((record.flags & kFibFailed) != 0) {
    record.flags &= static_cast<std::uint8_t>(~kFibFailed);
    failed_.erase(record.prefix);
  }
  if ((record.flags & (kExportable | kConfirmed)) == kExportable) {
    // Its confirmation is still to come, and would be taken for that of a later route.
    assert(!unconfirmed_.empty());
    const FibSequence with_the_last = unconfirmed_.back().sequence;
    unconfirmed_.push_back({with_the_last, record.prefix, Unconfirmed::Kind::kEnd});
    ++ends_[record.prefix];
  }
  record.flags &= static_cast<std::uint8_t>(~kConfirmed);
  if (record.forwarding == kNotForwarded) return;
  core_.submitted = core_.plane.remove_route(record.prefix);
  core_.groups.release(record.forwarding);
  record.forwarding = kNotForwarded;
  --installed_;
  ++core_.retry_credit;
}

/// The prefix is not forwarded, and says why.
template <class Address>
void FamilyRib<Address>::fail(Record& record, FibError error) {
  uninstall(record);
  record.flags |= kFibFailed;
  failed_[record.prefix] = error;
}

/// In host mode our own addresses, our guests', and nothing else, whatever a policy says. In
/// transit mode what the configuration marks and what BGP brought; what of it each peer is told the
/// exporter decides.
template <class Address>
bool FamilyRib<Address>::may_announce(const Path& path) const {
  const SourceKind kind = core_.sources[path.source].kind;
  if (kind == SourceKind::kBgp && deferral_ == Deferral::kDeferred) return false;
  if (core_.mode != RouterMode::kHost && kind == SourceKind::kBgp) return true;
  return path.announced == Announced::kYes &&
         (kind == SourceKind::kLocal || kind == SourceKind::kStatic ||
          core_.mode != RouterMode::kHost);
}

/// Notes a change of what may be announced.
template <class Address>
void FamilyRib<Address>::note_export(Record& record) {
  const bool before = (record.flags & kExportable) != 0;
  const bool now =
      record.forwarding != kNotForwarded && may_announce(record.paths.paths(core_.arena).front());
  if (now && !before && (record.flags & kConfirmed) == 0) {
    record.flags |= kExportable;
    unconfirmed_.push_back({core_.submitted, record.prefix});
    return;  // announced by on_applied()
  }
  if (now != before) {
    record.flags = static_cast<std::uint8_t>(now ? record.flags | kExportable
                                                 : record.flags & ~unsigned{kExportable});
  }
  if (now || before) journal_.entries.push_back(record.prefix);
}

// --- the forwarding tables' answers --------------------------------------------------------------

template <class Address>
void FamilyRib<Address>::on_failure(const Prefix<Address>& prefix, FibError error) {
  const std::uint32_t number = table_.find(prefix);
  if (number == PrefixTable<Record>::kNotFound) return;
  Record& record = table_[number];
  if (record.forwarding == kNotForwarded) return;
  // The removal is needed in case a later operation for the same prefix did succeed: the group's
  // reference may only be given up when the tables have no route with it.
  const std::uint64_t credit = core_.retry_credit;
  fail(record, error);
  core_.retry_credit = credit;  // nothing has become free
  note_export(record);
  note_cover(record);
  note_generated(record);
}

template <class Address>
std::size_t FamilyRib<Address>::on_applied(FibSequence applied, std::size_t limit) {
  std::size_t done = 0;
  for (; done < limit && is_confirmed(applied); ++done) {
    const auto [sequence, prefix, kind] = unconfirmed_.front();
    unconfirmed_.pop_front();
    if (const auto end = ends_.find(prefix); end != ends_.end()) {
      if (kind == Unconfirmed::Kind::kEnd && --end->second == 0) ends_.erase(end);
      continue;
    }
    const std::uint32_t number = table_.find(prefix);
    if (number == PrefixTable<Record>::kNotFound) continue;
    Record& record = table_[number];
    if (record.forwarding == kNotForwarded) continue;
    record.flags |= kConfirmed;
    journal_.entries.push_back(prefix);
    note_cover(record);
  }
  return done;
}

template <class Address>
auto FamilyRib<Address>::advanced(Milestone milestone) const -> Milestone {
  using Stage = typename Milestone::Stage;
  if (milestone.stage == Stage::kDeciding) {
    if (deferral_ != Deferral::kNone || decided_ < milestone.until) return milestone;
    milestone = {Stage::kConfirming, core_.submitted};
  }
  if (milestone.stage == Stage::kConfirming) {
    if (!unconfirmed_.empty() && unconfirmed_.front().sequence <= milestone.until) {
      return milestone;
    }
    milestone = {Stage::kJournaled, journal_.end()};
  }
  return milestone;
}

template <class Address>
void FamilyRib<Address>::retry_failed(std::size_t limit) {
  if (undecided() != 0) return;  // these may be among them, and the tables may refuse them again
  std::size_t most = std::min<std::uint64_t>(core_.retry_credit, limit);
  core_.retry_credit -= std::min<std::uint64_t>(most, failed_.size());
  for (auto it = failed_.begin(); it != failed_.end() && most > 0; ++it, --most) {
    mark_dirty(table_.find(it->first));
  }
}

// --- for export and show -------------------------------------------------------------------------

template <class Address>
const Path* FamilyRib<Address>::announcement(const Record& record) const {
  constexpr unsigned kBoth = kConfirmed | kExportable;
  if (!record.used || (record.flags & kBoth) != kBoth || record.paths.empty()) return nullptr;
  // Asked again of the path itself: paths may have changed since the decision that set the flags,
  // and this is the guard that keeps a host from announcing what it has learned.
  const Path& best = record.paths.paths(core_.arena).front();
  if (generated_.suppresses(record.prefix)) return nullptr;
  return may_announce(best) ? &best : nullptr;
}

template <class Address>
const Path* FamilyRib<Address>::announcement(const Prefix<Address>& prefix) const {
  const std::uint32_t number = table_.find(prefix);
  return number == PrefixTable<Record>::kNotFound ? nullptr : announcement(table_[number]);
}

template <class Address>
void FamilyRib<Address>::offers(const Prefix<Address>& prefix, std::vector<Offer>& offers) const {
  offers.clear();
  const std::uint32_t number = table_.find(prefix);
  if (number == PrefixTable<Record>::kNotFound || announcement(table_[number]) == nullptr) return;
  const Record& record = table_[number];
  std::vector<Candidate> candidates;
  std::vector<std::uint16_t> positions;
  this->candidates(record, candidates, positions);
  const std::span<const Path> paths = record.paths.paths(core_.arena);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const Path& path = paths[positions[i]];
    if (may_announce(path)) offers.push_back({&path, candidates[i]});
  }
}

template <class Address>
const FibError* FamilyRib<Address>::fib_error(const Prefix<Address>& prefix) const {
  const auto found = failed_.find(prefix);
  return found == failed_.end() ? nullptr : &found->second;
}

template <class Address>
std::size_t FamilyRib<Address>::memory_bytes() const {
  return table_.memory_bytes() + dirty_.size() * sizeof(std::uint32_t) +
         unconfirmed_.size() * sizeof(Unconfirmed) +
         journal_.entries.size() * sizeof(Prefix<Address>);
}

template <class Address>
void FamilyRib<Address>::Journal::trim(std::uint64_t position) {
  const auto gone = static_cast<std::ptrdiff_t>(std::min(position, end()) - start);
  if (gone <= 0) return;
  entries.erase(entries.begin(), entries.begin() + gone);
  start += static_cast<std::uint64_t>(gone);
}

template class FamilyRib<Ipv4Address>;
template class FamilyRib<Ipv6Address>;

}  // namespace lastmile::rib
