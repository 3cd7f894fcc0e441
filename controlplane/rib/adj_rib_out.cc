#include "controlplane/rib/adj_rib_out.h"

#include <algorithm>
#include <utility>

namespace lastmile::rib {

template <class Address>
AdjRibOut<Address>::AdjRibOut(RibCore& core, const FamilyRib<Address>& rib, bgp::Asn own_asn,
                              ExportKind kind)
    : core_(core),
      rib_(rib),
      view_(core, own_asn, std::move(kind)),
      position_(rib.journal().end()) {}

template <class Address>
AdjRibOut<Address>::~AdjRibOut() {
  for (std::uint32_t i = 0; i < told_.end(); ++i) {
    if (told_[i].used) core_.attributes.release(told_[i].attributes);
  }
}

template <class Address>
void AdjRibOut<Address>::change(ExportKind kind) {
  view_.change(std::move(kind));
  walk_again();
}

// --- the way through table and journal -----------------------------------------------------------

/// Around the table from where the cursor stands, or from its start.
template <class Address>
void AdjRibOut<Address>::walk_again() {
  if (walk_ != Walk::kTable) cursor_ = 0;
  walk_ = Walk::kTable;
  walk_start_ = cursor_;
  walk_turned_ = false;
}

template <class Address>
bool AdjRibOut<Address>::changes_due() const {
  return walk_ != Walk::kFinished || position_ < rib_.journal().end();
}

template <class Address>
std::size_t AdjRibOut<Address>::gather(std::size_t limit, Batch& batch) {
  const auto& journal = rib_.journal();
  if (position_ < journal.start) {  // it did not wait for us
    position_ = journal.end();
    walk_again();
  }
  std::size_t done = 0;
  while (done < limit && walk_ == Walk::kTable) {
    const auto is_around = [this] { return walk_turned_ && cursor_ >= walk_start_; };
    if (cursor_ >= rib_.table().end() && !is_around()) {
      cursor_ = 0;
      walk_turned_ = true;
    }
    if (is_around()) {
      walk_ = Walk::kTold;
      cursor_ = 0;
      break;
    }
    const auto& record = rib_.table()[cursor_++];
    const Path* path = rib_.is_undecided(record) ? nullptr : rib_.announcement(record);
    done += path == nullptr ? 1 : tell(record.prefix, path, batch);
  }
  for (; done < limit && walk_ == Walk::kTold; ++done) {
    if (cursor_ >= told_.end()) {
      walk_ = Walk::kFinished;
      break;
    }
    const std::uint32_t number = cursor_++;
    if (!told_[number].used) continue;
    const auto* record = rib_.find(told_[number].prefix);
    if (record != nullptr &&
        (rib_.is_undecided(*record) || rib_.announcement(*record) != nullptr)) {
      continue;
    }
    untell(number, batch);
  }
  while (done < limit && position_ < journal.end()) {
    const Prefix<Address> prefix = journal.entries[position_++ - journal.start];
    const auto* record = rib_.find(prefix);
    if (record != nullptr && rib_.is_undecided(*record)) {
      ++done;  // it comes again
    } else {
      done += tell(prefix, record == nullptr ? nullptr : rib_.announcement(*record), batch);
    }
  }
  return done;
}

// --- what differs --------------------------------------------------------------------------------

/// How a prefix stands now; returns at how many paths it has looked. `path`: the best one.
template <class Address>
std::size_t AdjRibOut<Address>::tell(const Prefix<Address>& prefix, const Path* path,
                                     Batch& batch) {
  if (tells_several()) return tell_paths(prefix, batch);
  tell_best(prefix, path, batch);
  return 1;
}

template <class Address>
void AdjRibOut<Address>::tell_best(const Prefix<Address>& prefix, const Path* path, Batch& batch) {
  using Who = Audience::Who;
  std::optional<AttributeId> attributes;
  if (path != nullptr) attributes = view_.outgoing(prefix, *path);
  if (!attributes) {
    const std::uint32_t known = told_.find(prefix);
    if (known != HashIndex::kNotFound) untell(known, batch);
    return;
  }
  const Source& source = core_.sources[path->source];
  const bgp::PeerId from = source.kind == SourceKind::kBgp ? source.peer : kNobody;
  const auto [number, fresh] = told_.find_or_insert(prefix);
  Advertised<Address>& told = told_[number];
  if (!fresh && told.attributes == *attributes && told.from == from) return;

  const bgp::PeerId before = fresh ? from : told.from;
  const bool other_attributes = fresh || told.attributes != *attributes;
  if (before != from) {
    batch.name(before);
    // What this one had been told came from elsewhere; now it is its own.
    if (from != kNobody) batch.withdraw.push_back({{prefix, 0}, {from, Who::kAlone}});
  }
  batch.name(from);
  // With the same attributes only the one that had not been told hears something new.
  if (other_attributes) {
    batch.announce.push_back({*attributes, {prefix, 0}, {from, Who::kOthers}, fresh});
  } else if (before != kNobody) {
    batch.announce.push_back({*attributes, {prefix, 0}, {before, Who::kAlone}, true});
  }
  if (!fresh) count(before, -1);
  count(from, 1);
  core_.attributes.add_reference(*attributes);
  if (!fresh) core_.attributes.release(told.attributes);
  told.attributes = *attributes;
  told.from = from;
}

template <class Address>
void AdjRibOut<Address>::untell(std::uint32_t number, Batch& batch) {
  const Advertised<Address>& told = told_[number];
  batch.withdraw.push_back({route_of(told), {told.from, Audience::Who::kOthers}});
  batch.name(told.from);
  count(told.from, -1);
  core_.attributes.release(told.attributes);
  told_.erase(number);
}

template <class Address>
void AdjRibOut<Address>::count(bgp::PeerId from, int sign) {
  if (from == kNobody) return;
  if (from.value() >= told_from_.size()) told_from_.resize(from.value() + std::size_t{1});
  told_from_[from.value()] += static_cast<std::uint32_t>(sign);
}

// --- several paths (RFC 7911) --------------------------------------------------------------------

/// Fills wanted_: the best of those that may be told; returns how many there are to choose from.
template <class Address>
std::size_t AdjRibOut<Address>::choose_paths(const Prefix<Address>& prefix) {
  rib_.offers(prefix, offers_);
  // Paths of one neighbor may be equal in every rule, and their order in the record is chance: all
  // groups shall choose the same ones.
  std::ranges::sort(offers_, {}, [&](const auto& offer) {
    return name_of(*offer.path, core_.sources[offer.path->source]).id();
  });
  wanted_.clear();
  candidates_.clear();
  for (const auto& [path, candidate] : offers_) {
    const auto attributes = view_.outgoing(prefix, *path);
    if (!attributes) continue;
    wanted_.push_back({*attributes, name_of(*path, core_.sources[path->source])});
    candidates_.push_back(candidate);
  }
  if (wanted_.size() > kind().paths) {
    std::vector<Wanted> best;
    for (const std::uint16_t i : best_of(candidates_, kind().paths)) best.push_back(wanted_[i]);
    wanted_ = std::move(best);
  }
  return offers_.size();
}

template <class Address>
std::size_t AdjRibOut<Address>::tell_paths(const Prefix<Address>& prefix, Batch& batch) {
  const std::size_t offered = choose_paths(prefix);
  std::vector<std::uint32_t> gone;
  told_.for_each(prefix, [&](std::uint32_t number) {
    const PathName name{told_[number].from, told_[number].number};
    if (std::ranges::find(wanted_, name, &Wanted::name) == wanted_.end()) gone.push_back(number);
  });
  for (const std::uint32_t number : gone) untell(number, batch);
  for (const Wanted& path : wanted_) tell_path(prefix, path, batch);
  return std::max<std::size_t>(offered + gone.size(), 1);
}

template <class Address>
void AdjRibOut<Address>::tell_path(const Prefix<Address>& prefix, const Wanted& path,
                                   Batch& batch) {
  const auto [from, of_those] = path.name;
  std::uint32_t number = number_of({prefix, path.name.id()});
  const bool fresh = number == HashIndex::kNotFound;
  if (fresh) {
    number = told_.insert(prefix);
    told_[number].from = from;
    told_[number].number = of_those;
    count(from, 1);
  }
  Advertised<Address>& told = told_[number];
  if (!fresh && told.attributes == path.attributes) return;
  batch.announce.push_back(
      {path.attributes, route_of(told), {from, Audience::Who::kOthers}, fresh});
  batch.name(from);
  core_.attributes.add_reference(path.attributes);
  if (!fresh) core_.attributes.release(told.attributes);
  told.attributes = path.attributes;
}

// --- records -------------------------------------------------------------------------------------

template <class Address>
std::uint32_t AdjRibOut<Address>::number_of(const Route& route) const {
  if (!tells_several()) return told_.find(route.prefix);
  std::uint32_t found = HashIndex::kNotFound;
  told_.for_each(route.prefix, [&](std::uint32_t number) {
    if (route_of(told_[number]).path_id == route.path_id) found = number;
  });
  return found;
}

template <class Address>
const Advertised<Address>* AdjRibOut<Address>::find(const Route& route) const {
  const std::uint32_t number = number_of(route);
  return number == HashIndex::kNotFound ? nullptr : &told_[number];
}

template <class Address>
std::vector<const Advertised<Address>*> AdjRibOut<Address>::told_to(
    bgp::PeerId id, const Prefix<Address>& prefix) const {
  std::vector<const Advertised<Address>*> result;
  told_.for_each(prefix, [&](std::uint32_t number) {
    if (told_[number].from != id) result.push_back(&told_[number]);
  });
  return result;
}

template <class Address>
std::uint32_t AdjRibOut<Address>::count_told_to(bgp::PeerId id) const {
  const std::uint32_t own = id.value() < told_from_.size() ? told_from_[id.value()] : 0;
  return static_cast<std::uint32_t>(told_.size()) - own;
}

template <class Address>
std::size_t AdjRibOut<Address>::copy(const AdjRibOut& from, std::uint32_t& cursor,
                                     std::size_t limit) {
  std::size_t done = 0;
  for (; done < limit && cursor < from.told_.end(); ++done, ++cursor) {
    const Advertised<Address>& told = from.told_[cursor];
    if (!told.used) continue;
    Advertised<Address>& copy = told_[told_.insert(told.prefix)];
    copy.attributes = told.attributes;
    copy.from = told.from;
    copy.number = told.number;
    core_.attributes.add_reference(copy.attributes);
  }
  told_from_ = from.told_from_;
  position_ = from.position_;
  return done;
}

template <class Address>
AdvertisedTable<Address> AdjRibOut<Address>::take() {
  told_from_.clear();
  return std::exchange(told_, {});
}

template class AdjRibOut<Ipv4Address>;
template class AdjRibOut<Ipv6Address>;

}  // namespace lastmile::rib
