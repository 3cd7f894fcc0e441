#include "controlplane/rib/family_rib.h"

#include <algorithm>
#include <utility>

namespace lastmile::rib {
namespace {

constexpr std::size_t kPathsAtTheCostOfOne = 8;

}  // namespace

template <class Address>
FamilyRib<Address>::~FamilyRib() {
  for (std::uint32_t number = 0; number < table_.end(); ++number) {
    Record& record = table_[number];
    if (!record.used) continue;
    uninstall(record);
    while (!record.paths.empty()) paths_of(record).drop(record.paths.size() - 1);
  }
}

// --- paths -------------------------------------------------------------------------------------

template <class Address>
void FamilyRib<Address>::mark_dirty(std::uint32_t number) {
  Record& record = table_[number];
  if ((record.flags & kDirty) != 0) return;
  record.flags |= kDirty;
  dirty_.push_back(number);
}

template <class Address>
void FamilyRib<Address>::set_path(const Prefix<Address>& prefix, const Path& path) {
  const auto [number, fresh] = table_.find_or_insert(prefix);
  if (paths_of(table_[number]).set(path)) mark_dirty(number);
}

template <class Address>
void FamilyRib<Address>::remove_path(const Prefix<Address>& prefix, SourceId source,
                                     std::uint16_t path_number) {
  const std::uint32_t number = table_.find(prefix);
  if (number == PrefixTable<Record>::kNotFound) return;
  RecordPaths<Address> paths = paths_of(table_[number]);
  const auto position = paths.find(source, path_number);
  if (!position) return;
  if (paths.drop(*position)) mark_dirty(number);
  erase_if_idle(number);
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
  for (; done < limit && !dirty_.empty(); ++decided_) {
    const std::uint32_t number = dirty_.front();
    dirty_.pop_front();
    // Of many paths each costs something.
    done += 1 + table_[number].paths.size() / kPathsAtTheCostOfOne;
    decide_record(number);
  }
  return std::min(done, limit);
}

template <class Address>
std::size_t FamilyRib<Address>::sweep(std::uint32_t& cursor, std::size_t limit) {
  std::size_t done = 0;
  for (; done < limit && cursor < table_.end(); ++done, ++cursor) {
    Record& record = table_[cursor];
    if (!record.used || !paths_of(record).purge()) continue;
    // A record in the queue is decided in its turn, sooner than the sweep would come back.
    if ((record.flags & kDirty) == 0) decide_record(cursor);
  }
  return done;
}

template <class Address>
std::size_t FamilyRib<Address>::age(std::uint32_t& cursor, SourceId source, std::size_t limit) {
  std::size_t done = 0;
  for (; done < limit && cursor < table_.end(); ++done, ++cursor) {
    Record& record = table_[cursor];
    if (record.used && paths_of(record).age(source)) mark_dirty(cursor);
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

template <class Address>
void FamilyRib<Address>::decide_record(std::uint32_t number) {
  Record& record = table_[number];
  record.flags &= static_cast<std::uint8_t>(~kDirty);
  paths_of(record).purge();
  if (choice_.choose(record.paths.paths(core_.arena))) {
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
  const ForwardingChoice& choice = choice_.forwarding();
  auto wanted = core_.groups.acquire(choice, record.forwarding);
  if (!wanted && choice.primaries.size() + choice.backups.size() > 1) {
    // Better one next hop than none.
    const TargetId best = record.paths.paths(core_.arena).front().target;
    wanted = core_.groups.acquire({{best}, {}, {}}, record.forwarding);
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
  if ((record.flags & kUnconfirmed) != 0) unconfirmed_.end(record.prefix);
  record.flags &= static_cast<std::uint8_t>(~(kConfirmed | kUnconfirmed));
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
    // It may wait already, from when it was exportable before.
    if ((record.flags & kUnconfirmed) == 0) unconfirmed_.add(record.prefix, core_.submitted);
    record.flags |= kExportable | kUnconfirmed;
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
    const auto prefix = unconfirmed_.take();
    if (!prefix) continue;
    const std::uint32_t number = table_.find(*prefix);
    if (number == PrefixTable<Record>::kNotFound) continue;
    Record& record = table_[number];
    if (record.forwarding == kNotForwarded) continue;
    record.flags = static_cast<std::uint8_t>((record.flags & ~unsigned{kUnconfirmed}) | kConfirmed);
    journal_.entries.push_back(*prefix);
    note_cover(record);
  }
  return done;
}

template <class Address>
Milestone FamilyRib<Address>::advanced(Milestone milestone) const {
  using Stage = Milestone::Stage;
  if (milestone.stage == Stage::kDeciding) {
    if (deferral_ != Deferral::kNone || decided_ < milestone.until) return milestone;
    milestone = {Stage::kConfirming, core_.submitted};
  }
  if (milestone.stage == Stage::kConfirming) {
    if (unconfirmed_.is_due(milestone.until)) return milestone;
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
  const Record* record = find(prefix);
  return record == nullptr ? nullptr : announcement(*record);
}

template <class Address>
const RouteRecord<Address>* FamilyRib<Address>::find(const Prefix<Address>& prefix) const {
  const std::uint32_t number = table_.find(prefix);
  return number == PrefixTable<Record>::kNotFound ? nullptr : &table_[number];
}

template <class Address>
void FamilyRib<Address>::offers(const Prefix<Address>& prefix, std::vector<Offer>& offers) const {
  offers.clear();
  const Record* record = find(prefix);
  if (record == nullptr || announcement(*record) == nullptr) return;
  const std::span<const Path> paths = record->paths.paths(core_.arena);
  const CandidatePaths among(core_, paths);
  for (std::size_t i = 0; i < among.candidates.size(); ++i) {
    const Path& path = paths[among.positions[i]];
    if (may_announce(path)) offers.push_back({&path, among.candidates[i]});
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
         unconfirmed_.memory_bytes() + journal_.entries.size() * sizeof(Prefix<Address>);
}

template class FamilyRib<Ipv4Address>;
template class FamilyRib<Ipv6Address>;

}  // namespace lastmile::rib
