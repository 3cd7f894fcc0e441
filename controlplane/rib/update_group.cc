#include "controlplane/rib/update_group.h"

#include <algorithm>
#include <utility>

namespace lastmile::rib {
namespace {

/// Prefixes in one round of UPDATEs.
constexpr std::size_t kBatch = 1024;
/// What it costs to send a round to one member, in prefixes looked at: the system call, and often
/// the way through the kernel to the other end.
constexpr std::size_t kSendCost = 64;
/// Members that a round is sent to at once, whatever it has cost to make it.
constexpr std::size_t kLeastSends = 4;

template <class Address>
bgp::NlriList nlri_list(std::vector<bgp::Nlri<Address>> nlri) {
  return bgp::NlriList{std::move(nlri)};
}

/// With the changes, that is.
template <class Address>
bool is_in_step(const UpdateGroupMember<Address>& member) {
  return !member.behind;
}

/// At a place of a lap.
template <class Address>
struct IsAt {
  std::uint32_t place;
  bool operator()(const UpdateGroupMember<Address>& member) const {
    return member.lap && member.lap->cursor == place;
  }
};

}  // namespace

template <class Address>
UpdateGroup<Address>::UpdateGroup(const GroupContext& context, FamilyRib<Address>& rib,
                                  ExportKind kind, std::uint32_t number)
    : context_(context),
      rib_(rib),
      view_(context.core, context.own_asn, std::move(kind)),
      timer_{TimerKind::kRibWork, number},
      position_(rib.journal().end()) {}

template <class Address>
UpdateGroup<Address>::~UpdateGroup() {
  context_.timers.cancel(timer_);
  for (std::uint32_t i = 0; i < told_.end(); ++i) {
    if (told_[i].used) context_.core.attributes.release(told_[i].attributes);
  }
}

// --- members -------------------------------------------------------------------------------------

template <class Address>
void UpdateGroup<Address>::join(Member newcomer) {
  members_.push_back(std::move(newcomer));
  members_.back().initial = rib_.milestone();
  if (told_.size() != 0) begin_lap(members_.back());
}

template <class Address>
void UpdateGroup<Address>::adopt(Member member) {
  members_.push_back(std::move(member));
  // Records have other numbers here.
  if (members_.back().lap) begin_lap(members_.back());
}

template <class Address>
std::optional<UpdateGroupMember<Address>> UpdateGroup<Address>::leave(bgp::PeerId id) {
  const auto found = std::ranges::find(members_, id, &Member::id);
  if (found == members_.end()) return std::nullopt;
  deliver(SIZE_MAX);  // wherever it goes, it has been told what stands in the Adj-RIB-Out
  Member member = std::move(*found);
  members_.erase(found);
  return member;
}

template <class Address>
bool UpdateGroup<Address>::has(bgp::PeerId id) const {
  return std::ranges::find(members_, id, &Member::id) != members_.end();
}

template <class Address>
void UpdateGroup<Address>::refresh(bgp::PeerId id) {
  const auto member = std::ranges::find(members_, id, &Member::id);
  if (member == members_.end()) return;
  // Before the End-of-RIB there is no marked refresh (RFC 7313 section 4). One that is asked for in
  // the middle of another makes that one longer.
  if (member->marks_refreshes && !member->end_of_rib_due && !member->mark_due) {
    context_.output.send_route_refresh(id, {kFamily, bgp::RouteRefresh::kBegin});
    member->mark_due = true;
  }
  begin_lap(*member);
}

template <class Address>
void UpdateGroup<Address>::on_writable(bgp::PeerId id) {
  const auto member = std::ranges::find(members_, id, &Member::id);
  if (member != members_.end()) member->full_since.reset();
}

// --- the kind ------------------------------------------------------------------------------------

template <class Address>
void UpdateGroup<Address>::change(ExportKind kind) {
  view_.change(std::move(kind));
  walk_again();
}

template <class Address>
std::size_t UpdateGroup<Address>::copy_told(const UpdateGroup& from, std::uint32_t& cursor,
                                            std::size_t limit) {
  std::size_t done = 0;
  for (; done < limit && cursor < from.told_.end(); ++done, ++cursor) {
    const Advertised<Address>& told = from.told_[cursor];
    if (!told.used) continue;
    Advertised<Address>& copy = told_[told_.insert(told.prefix)];
    copy.attributes = told.attributes;
    copy.from = told.from;
    copy.number = told.number;
    context_.core.attributes.add_reference(copy.attributes);
  }
  told_from_ = from.told_from_;
  position_ = from.position_;
  return done;
}

template <class Address>
bool UpdateGroup<Address>::settled() const {
  // What departs is no longer offered, though its prefixes are journaled only as they are swept: a
  // group that has walked knows already, another does not.
  for (std::size_t i = 0; i < context_.core.sources.end(); ++i) {
    const SourceId id{static_cast<std::uint16_t>(i)};
    if (context_.core.sources[id].state == SourceState::kDeparting) return false;
  }
  // Paths change before the decision about them is journaled, and what was held back after our own
  // restart is free before that is: until then two walks may differ.
  return !delivery_ && !changes_due() && rib_.undecided() == 0 && !rib_.has_deferred() &&
         std::ranges::none_of(members_, [](const Member& m) { return m.behind || m.lap; });
}

template <class Address>
AdjRibOut<Address> UpdateGroup<Address>::take_told() {
  told_from_.clear();
  delivery_.reset();
  return std::exchange(told_, {});
}

// --- changes -------------------------------------------------------------------------------------

/// Around the table from where the cursor stands, or from its start.
template <class Address>
void UpdateGroup<Address>::walk_again() {
  if (walk_ != Walk::kTable) cursor_ = 0;
  walk_ = Walk::kTable;
  walk_start_ = cursor_;
  walk_turned_ = false;
}

template <class Address>
bool UpdateGroup<Address>::changes_due() const {
  return walk_ != Walk::kFinished || position_ < rib_.journal().end();
}

template <class Address>
void UpdateGroup<Address>::count(bgp::PeerId from, int sign) {
  if (from == kNobody) return;
  if (from.value() >= told_from_.size()) told_from_.resize(from.value() + std::size_t{1});
  told_from_[from.value()] += static_cast<std::uint32_t>(sign);
}

template <class Address>
void UpdateGroup<Address>::untell(std::uint32_t number, Batch& batch) {
  const Advertised<Address>& told = told_[number];
  batch.withdraw.push_back({route_of(told), {told.from, Audience::Who::kOthers}});
  if (told.from != kNobody) batch.named.push_back(told.from);
  count(told.from, -1);
  context_.core.attributes.release(told.attributes);
  told_.erase(number);
}

/// How a prefix stands now; returns at how many paths it has looked. `path`: the best one.
template <class Address>
std::size_t UpdateGroup<Address>::tell(const Prefix<Address>& prefix, const Path* path,
                                       Batch& batch) {
  if (tells_several()) return tell_paths(prefix, batch);
  tell_best(prefix, path, batch);
  return 1;
}

template <class Address>
void UpdateGroup<Address>::tell_best(const Prefix<Address>& prefix, const Path* path,
                                     Batch& batch) {
  using Who = Audience::Who;
  std::optional<AttributeId> attributes;
  if (path != nullptr) attributes = view_.outgoing(prefix, *path);
  if (!attributes) {
    const std::uint32_t known = told_.find(prefix);
    if (known != HashIndex::kNotFound) untell(known, batch);
    return;
  }
  const Source& source = context_.core.sources[path->source];
  const bgp::PeerId from = source.kind == SourceKind::kBgp ? source.peer : kNobody;
  const auto [number, fresh] = told_.find_or_insert(prefix);
  Advertised<Address>& told = told_[number];
  if (!fresh && told.attributes == *attributes && told.from == from) return;

  const bgp::PeerId before = fresh ? from : told.from;
  const bool other_attributes = fresh || told.attributes != *attributes;
  if (before != from) {
    if (before != kNobody) batch.named.push_back(before);
    // What this one had been told came from elsewhere; now it is its own.
    if (from != kNobody) batch.withdraw.push_back({{prefix, 0}, {from, Who::kAlone}});
  }
  if (from != kNobody) batch.named.push_back(from);
  // With the same attributes only the one that had not been told hears something new.
  if (other_attributes) {
    batch.announce.push_back({*attributes, {prefix, 0}, {from, Who::kOthers}, fresh});
  } else if (before != kNobody) {
    batch.announce.push_back({*attributes, {prefix, 0}, {before, Who::kAlone}, true});
  }
  if (!fresh) count(before, -1);
  count(from, 1);
  context_.core.attributes.add_reference(*attributes);
  if (!fresh) context_.core.attributes.release(told.attributes);
  told.attributes = *attributes;
  told.from = from;
}

// --- several paths (RFC 7911) --------------------------------------------------------------------

/// Fills wanted_: the best of those that may be told; returns how many there are to choose from.
template <class Address>
std::size_t UpdateGroup<Address>::choose_paths(const Prefix<Address>& prefix) {
  rib_.offers(prefix, offers_);
  // Paths of one neighbor may be equal in every rule, and their order in the record is chance: all
  // groups shall choose the same ones.
  std::ranges::sort(offers_, {}, [&](const auto& offer) {
    return name_of(*offer.path, context_.core.sources[offer.path->source]).id();
  });
  wanted_.clear();
  candidates_.clear();
  for (const auto& [path, candidate] : offers_) {
    const auto attributes = view_.outgoing(prefix, *path);
    if (!attributes) continue;
    wanted_.push_back({*attributes, name_of(*path, context_.core.sources[path->source])});
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
std::size_t UpdateGroup<Address>::tell_paths(const Prefix<Address>& prefix, Batch& batch) {
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
void UpdateGroup<Address>::tell_path(const Prefix<Address>& prefix, const Wanted& path,
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
  if (from != kNobody) batch.named.push_back(from);
  context_.core.attributes.add_reference(path.attributes);
  if (!fresh) context_.core.attributes.release(told.attributes);
  told.attributes = path.attributes;
}

template <class Address>
std::uint32_t UpdateGroup<Address>::number_of(const Route& route) const {
  if (!tells_several()) return told_.find(route.prefix);
  std::uint32_t found = HashIndex::kNotFound;
  told_.for_each(route.prefix, [&](std::uint32_t number) {
    if (route_of(told_[number]).path_id == route.path_id) found = number;
  });
  return found;
}

template <class Address>
const Advertised<Address>* UpdateGroup<Address>::find(const Route& route) const {
  const std::uint32_t number = number_of(route);
  return number == HashIndex::kNotFound ? nullptr : &told_[number];
}

template <class Address>
bgp::Nlri<Address> UpdateGroup<Address>::route_of(const Advertised<Address>& told) const {
  return {told.prefix, tells_several() ? path_id(told.from, told.number) : 0};
}

// --- the way through table and journal -----------------------------------------------------------

/// Looks at up to `limit` paths; puts what is to be said into `batch`.
template <class Address>
std::size_t UpdateGroup<Address>::gather(std::size_t limit, Batch& batch) {
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
    const Path* path = rib_.announcement(record);
    done += path == nullptr ? 1 : tell(record.prefix, path, batch);
  }
  for (; done < limit && walk_ == Walk::kTold; ++done) {
    if (cursor_ >= told_.end()) {
      walk_ = Walk::kFinished;
      break;
    }
    const std::uint32_t number = cursor_++;
    if (told_[number].used && rib_.announcement(told_[number].prefix) == nullptr) {
      untell(number, batch);
    }
  }
  while (done < limit && position_ < journal.end()) {
    const Prefix<Address> prefix = journal.entries[position_++ - journal.start];
    done += tell(prefix, rib_.announcement(prefix), batch);
  }
  return done;
}

template <class Address>
std::size_t UpdateGroup<Address>::tell_changes(std::size_t limit, TimePoint now) {
  if (!changes_due()) return 0;
  const Members in_step = members(is_in_step<Address>);
  const Members to = ready(in_step, now);
  if (to.empty() && !in_step.empty()) return 0;
  for (Member* member : in_step) {
    if (!context_.output.writable(member->id)) member->behind = true;
  }
  Batch batch;
  const std::size_t looked_at = gather(std::min(kBatch, limit), batch);
  for (Member& member : members_) {
    if (member.behind) note_missed(batch, member);
  }
  begin_delivery(std::move(batch), to);
  return std::max<std::size_t>(looked_at, 1);
}

// --- laps ----------------------------------------------------------------------------------------

/// A lap tells the Adj-RIB-Out as it stands, so it is right for a member that is behind, too.
template <class Address>
void UpdateGroup<Address>::begin_lap(Member& member) {
  for (auto* missed : {&member.missed, &member.missed_since}) {
    for (auto& [route, was_told] : *missed) was_told = true;  // it will have been
  }
  member.lap.reset();
  const auto other = std::ranges::find_if(members_, [](const Member& m) { return bool(m.lap); });
  const std::uint32_t start = other == members_.end() ? 0 : other->lap->cursor;
  member.lap = {start, start, told_.end(), false};
}

/// Whoever is on a lap goes on, together with those at the same place.
template <class Address>
std::size_t UpdateGroup<Address>::go_round(std::size_t limit, TimePoint now) {
  std::size_t done = 0;
  std::vector<std::uint32_t> places;
  for (const Member& member : members_) {
    if (member.lap) places.push_back(member.lap->cursor);
  }
  std::ranges::sort(places);
  places.erase(std::unique(places.begin(), places.end()), places.end());
  for (const std::uint32_t place : places) {
    if (done >= limit || delivery_) break;
    const Members together = ready(members(IsAt<Address>{place}), now);
    if (!together.empty()) done += go_on(together, limit - done);
  }
  return done;
}

template <class Address>
std::size_t UpdateGroup<Address>::go_on(const Members& together, std::size_t limit) {
  Batch batch;
  std::uint32_t cursor = together.front()->lap->cursor;
  // Who has not turned yet turns with the others; who has stops where it began.
  std::uint32_t end = 0;
  std::uint32_t goal = UINT32_MAX;
  for (const Member* member : together) {
    if (member->lap->turned) {
      goal = std::min(goal, member->lap->start);
    } else {
      end = std::max(end, member->lap->end);
    }
  }
  const bool somebody_turns =
      std::ranges::any_of(together, [](const Member* member) { return !member->lap->turned; });
  if (somebody_turns) goal = std::min(goal, end);
  std::size_t done = 0;
  for (const std::size_t most = std::min(kBatch, limit); done < most && cursor < goal; ++done) {
    const Advertised<Address>& told = told_[cursor++];
    if (!told.used) continue;
    batch.announce.push_back(
        {told.attributes, route_of(told), {told.from, Audience::Who::kOthers}});
    if (told.from != kNobody) batch.named.push_back(told.from);
  }
  begin_delivery(std::move(batch), together);
  for (Member* member : together) {
    if (!member->lap->turned && cursor >= end) {
      member->lap->turned = true;
      advance(*member, 0);
    } else {
      advance(*member, cursor);
    }
  }
  return std::max<std::size_t>(done, 1);
}

template <class Address>
void UpdateGroup<Address>::advance(Member& member, std::uint32_t cursor) {
  member.lap->cursor = cursor;
  if (!member.lap->turned || cursor < member.lap->start) return;
  member.lap.reset();
  if (!std::exchange(member.mark_due, false)) return;
  if (delivery_) return delivery_->refreshed.push_back(member.id);
  context_.output.send_route_refresh(member.id, {kFamily, bgp::RouteRefresh::kEnd});
}

// --- slow members --------------------------------------------------------------------------------

template <class Address>
template <class Which>
auto UpdateGroup<Address>::members(Which which) -> Members {
  Members result;
  for (Member& member : members_) {
    if (which(member)) result.push_back(&member);
  }
  return result;
}

/// Whether somebody who is meant can be sent to, and nobody has to be waited for whose time runs.
template <class Address>
template <class Which>
bool UpdateGroup<Address>::may_go(Which which, TimePoint now) const {
  bool anybody = false;
  bool wait = false;
  for (const Member& member : members_) {
    if (!which(member)) continue;
    if (context_.output.writable(member.id)) {
      anybody = true;
    } else if (member.full_since && now - *member.full_since < kPatience) {
      wait = true;
    }
  }
  return anybody && !wait;
}

/// Those who are to be sent to now; nobody as long as others are waited for. When it is somebody,
/// the rest has kept them waiting for too long.
template <class Address>
auto UpdateGroup<Address>::ready(const Members& members, TimePoint now) -> Members {
  Members to;
  for (Member* member : members) {
    if (!context_.output.writable(member->id)) continue;
    member->full_since.reset();
    to.push_back(member);
  }
  if (to.empty() || to.size() == members.size()) return to;
  bool wait = false;
  for (Member* member : members) {
    if (context_.output.writable(member->id)) continue;
    if (!member->full_since) member->full_since = now;
    wait = wait || now - *member->full_since < kPatience;
  }
  if (!wait) return to;
  context_.timers.arm(timer_, kPatience);
  return {};
}

template <class Address>
void UpdateGroup<Address>::note_missed(const Batch& batch, Member& member) {
  const auto list_for = [&](const Route& route) -> auto& {
    return member.missed.contains(route) ? member.missed : member.missed_since;
  };
  for (const Announce& entry : batch.announce) {
    if (!entry.to.includes(member.id)) continue;
    // A lap may tell of it before its turn here comes.
    list_for(entry.route).try_emplace(entry.route, !entry.fresh || member.lap.has_value());
  }
  for (const Withdraw& entry : batch.withdraw) {
    if (!entry.to.includes(member.id)) continue;
    auto& list = list_for(entry.route);
    const auto [missed, fresh] = list.try_emplace(entry.route, true);
    // It came and went, and the member need not know.
    if (!fresh && !missed->second) list.erase(missed);
  }
}

template <class Address>
std::size_t UpdateGroup<Address>::catch_up(std::size_t limit) {
  std::size_t done = 0;
  for (Member& member : members_) {
    if (done < limit && !delivery_) done += catch_up(member, limit - done);
  }
  return done;
}

/// A member that is behind and reads again is told what it has missed.
template <class Address>
std::size_t UpdateGroup<Address>::catch_up(Member& member, std::size_t limit) {
  if (!member.behind || !context_.output.writable(member.id)) return 0;
  Batch batch;
  std::size_t done = 0;
  for (const std::size_t most = std::min(kBatch, limit); done < most && member.misses_anything();
       ++done) {
    if (member.missed.empty()) begin_round(member);
    const auto [route, was_told] = *member.missed.begin();
    member.missed.erase(member.missed.begin());
    const Advertised<Address>* told = find(route);
    if (told != nullptr && told->from != member.id) {
      batch.announce.push_back({told->attributes, route, {}});
    } else if (was_told) {
      batch.withdraw.push_back({route, {}});
    }
  }
  begin_delivery(std::move(batch), {&member});
  if (member.missed.empty()) begin_round(member);
  member.full_since.reset();
  member.behind = member.misses_anything();
  return std::max<std::size_t>(done, 1);
}

/// What it had missed is told.
template <class Address>
void UpdateGroup<Address>::begin_round(Member& member) {
  std::swap(member.missed, member.missed_since);
  if (member.rounds_to_end.value_or(0) != 0) --*member.rounds_to_end;
}

// --- sending -------------------------------------------------------------------------------------

/// The messages for one member, next hop included.
template <class Address>
bgp::UpdateStream UpdateGroup<Address>::encode(const Batch& batch, const Member& member) const {
  bgp::UpdateStream stream;
  std::vector<bgp::Nlri<Address>> nlri;
  for (const Withdraw& entry : batch.withdraw) {
    if (entry.to.includes(member.id)) nlri.push_back(entry.route);
  }
  if (!nlri.empty()) {
    bgp::Update update;
    update.unreach.push_back({kFamily, nlri_list(std::move(nlri))});
    append(update, member.codec, stream);
  }
  for (auto at = batch.announce.begin(); at != batch.announce.end();) {
    const AttributeId attributes = at->attributes;
    nlri = {};
    for (; at != batch.announce.end() && at->attributes == attributes; ++at) {
      if (at->to.includes(member.id)) nlri.push_back(at->route);
    }
    if (nlri.empty()) continue;
    bgp::Update update;
    update.attributes = context_.core.attributes.attributes(attributes);
    update.reach.push_back({kFamily, member.next_hop, nlri_list(std::move(nlri))});
    append(update, member.codec, stream);
  }
  return stream;
}

/// `to`: members whose queues have room.
template <class Address>
void UpdateGroup<Address>::begin_delivery(Batch batch, const Members& to) {
  if (to.empty() || (batch.withdraw.empty() && batch.announce.empty())) return;
  std::ranges::stable_sort(batch.announce, {}, &Announce::attributes);
  std::ranges::sort(batch.named);
  delivery_.emplace();
  delivery_->batch = std::move(batch);
  for (const Member* member : to) delivery_->to.push_back(member->id);
}

/// Goes on with sending the batch; returns what that has cost.
template <class Address>
std::size_t UpdateGroup<Address>::deliver(std::size_t limit) {
  std::size_t done = 0;
  for (; delivery_ && done < limit; done += kSendCost) {
    const auto member = std::ranges::find(members_, delivery_->to[delivery_->next], &Member::id);
    if (member != members_.end()) send_to(*member);
    if (++delivery_->next < delivery_->to.size()) continue;
    for (const bgp::PeerId id : delivery_->refreshed) {
      context_.output.send_route_refresh(id, {kFamily, bgp::RouteRefresh::kEnd});
    }
    delivery_.reset();
  }
  return done;
}

template <class Address>
void UpdateGroup<Address>::send_to(const Member& member) {
  Delivery& delivery = *delivery_;
  if (std::ranges::binary_search(delivery.batch.named, member.id)) {
    bgp::UpdateStream own = encode(delivery.batch, member);
    if (!own.octets.empty()) context_.output.send_updates(member.id, std::move(own.octets));
    return;
  }
  auto found = std::ranges::find_if(delivery.shared, [&](const auto& shared) {
    return shared.codec == member.codec && same_form(kFamily, shared.next_hop, member.next_hop);
  });
  if (found == delivery.shared.end()) {
    delivery.shared.push_back({member.codec, member.next_hop, encode(delivery.batch, member)});
    found = delivery.shared.end() - 1;
  }
  if (found->stream.octets.empty()) return;
  context_.output.send_updates(member.id, with_next_hop(found->stream, kFamily, member.next_hop));
}

/// What was known when the member came has been told, or was missed by it.
template <class Address>
bool UpdateGroup<Address>::has_passed_initial(const Member& member) const {
  const Milestone initial = rib_.advanced(member.initial);
  return walk_ == Walk::kFinished && !member.lap && initial.stage == Milestone::Stage::kJournaled &&
         position_ >= initial.until;
}

template <class Address>
bool UpdateGroup<Address>::complete(const Member& member) const {
  if (!member.behind) return member.rounds_to_end || has_passed_initial(member);
  return member.rounds_to_end == 0U;
}

template <class Address>
void UpdateGroup<Address>::end_initial_tables() {
  for (Member& member : members_) {
    if (!member.end_of_rib_due) continue;
    member.initial = rib_.advanced(member.initial);
    if (!member.rounds_to_end && has_passed_initial(member)) {
      // What it is being told of, and what comes after that.
      member.rounds_to_end = member.behind ? 2 : 0;
    }
    if (!complete(member) || !context_.output.writable(member.id)) continue;
    member.end_of_rib_due = false;
    context_.output.send_updates(member.id, bgp::encode_end_of_rib(kFamily));
  }
}

// --- work ----------------------------------------------------------------------------------------

template <class Address>
std::size_t UpdateGroup<Address>::work(std::size_t limit, TimePoint now) {
  std::size_t done = deliver(limit);
  if (delivery_) return done;
  view_.tidy();
  end_initial_tables();  // in front of what fills the queues
  // Each kind of work comes first in its turn: one that always has something to do must not use up
  // all slices.
  for (std::size_t before = SIZE_MAX; done < limit && done != before;) {
    before = done;
    for (unsigned i = 0; i < 3 && done < limit; ++i) {
      switch (turn_++ % 3) {
        case 0:
          done += tell_changes(limit - done, now);
          break;
        case 1:
          done += go_round(limit - done, now);
          break;
        default:
          done += catch_up(limit - done);
      }
      done += deliver(std::max(limit - std::min(done, limit), kLeastSends * kSendCost));
      if (delivery_) return done;
    }
  }
  end_initial_tables();
  return done;
}

template <class Address>
bool UpdateGroup<Address>::has_work(TimePoint now) const {
  if (delivery_) return true;
  if (changes_due() &&
      (std::ranges::none_of(members_, is_in_step<Address>) || may_go(is_in_step<Address>, now))) {
    return true;
  }
  return std::ranges::any_of(members_, [&](const Member& m) {
    if (m.lap && may_go(IsAt<Address>{m.lap->cursor}, now)) return true;
    return (m.behind || (m.end_of_rib_due && complete(m))) && context_.output.writable(m.id);
  });
}

// --- for show ------------------------------------------------------------------------------------

template <class Address>
std::vector<const Advertised<Address>*> UpdateGroup<Address>::told(
    bgp::PeerId id, const Prefix<Address>& prefix) const {
  std::vector<const Advertised<Address>*> result;
  told_.for_each(prefix, [&](std::uint32_t number) {
    if (told_[number].from != id) result.push_back(&told_[number]);
  });
  return result;
}

template <class Address>
std::uint32_t UpdateGroup<Address>::advertised(bgp::PeerId id) const {
  const std::uint32_t own = id.value() < told_from_.size() ? told_from_[id.value()] : 0;
  return static_cast<std::uint32_t>(told_.size()) - own;
}

template <class Address>
std::size_t UpdateGroup<Address>::memory_bytes() const {
  std::size_t missed = 0;
  for (const Member& m : members_) missed += m.missed.size() + m.missed_since.size();
  return told_.memory_bytes() + missed * (sizeof(Route) + 4 * sizeof(void*));
}

template class UpdateGroup<Ipv4Address>;
template class UpdateGroup<Ipv6Address>;

// --- what is left of groups ----------------------------------------------------------------------

template <class Address>
std::size_t Remains<Address>::work(std::size_t limit) {
  std::size_t done = 0;
  while (!told_.empty() && done < limit) {
    AdjRibOut<Address>& told = told_.front();
    for (; cursor_ < told.end() && done < limit; ++cursor_, ++done) {
      if (told[cursor_].used) core_.attributes.release(told[cursor_].attributes);
    }
    if (cursor_ < told.end()) break;
    told_.pop_front();
    cursor_ = 0;
  }
  return done;
}

template <class Address>
std::size_t Remains<Address>::memory_bytes() const {
  std::size_t bytes = 0;
  for (const AdjRibOut<Address>& told : told_) bytes += told.memory_bytes();
  return bytes;
}

template class Remains<Ipv4Address>;
template class Remains<Ipv6Address>;

}  // namespace lastmile::rib
