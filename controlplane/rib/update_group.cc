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
      told_(context.core, rib, context.own_asn, std::move(kind)),
      timer_{TimerKind::kRibWork, number} {}

template <class Address>
UpdateGroup<Address>::~UpdateGroup() {
  context_.timers.cancel(timer_);
}

// --- members -------------------------------------------------------------------------------------

template <class Address>
void UpdateGroup<Address>::join(Member newcomer) {
  members_.push_back(std::move(newcomer));
  members_.back().initial = rib_.milestone();
  if (told_.table().size() != 0) begin_lap(members_.back());
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
  // Wherever it goes, it has been told what stands in the Adj-RIB-Out; the others are sent to in
  // their time.
  if (delivery_) {
    delivery_->send_ahead(*found);
    if (delivery_->finished()) delivery_.reset();
  }
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
  // the middle of another makes that one longer: also when only its end is still on its way, which
  // would come behind the beginning of the next.
  if (delivery_ && delivery_->forget_end_of_refresh(id)) member->mark_due = true;
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
  return !delivery_ && !told_.changes_due() && rib_.undecided() == 0 && !rib_.has_deferred() &&
         std::ranges::none_of(members_, [](const Member& m) { return m.behind || m.lap; });
}

template <class Address>
AdvertisedTable<Address> UpdateGroup<Address>::take_told() {
  delivery_.reset();
  return told_.take();
}

// --- changes -------------------------------------------------------------------------------------

template <class Address>
std::size_t UpdateGroup<Address>::tell_changes(std::size_t limit, TimePoint now) {
  if (!told_.changes_due()) return 0;
  const Members in_step = members(is_in_step<Address>);
  const Members to = ready(in_step, now);
  if (to.empty() && !in_step.empty()) return 0;
  for (Member* member : in_step) {
    if (!context_.output.writable(member->id)) member->behind = true;
  }
  Batch batch;
  const std::size_t looked_at = told_.gather(std::min(kBatch, limit), batch);
  using Lap = typename MissedRoutes<Address>::Lap;
  for (Member& member : members_) {
    if (!member.behind) continue;
    member.missed.note(batch, member.id, member.lap ? Lap::kUnderWay : Lap::kNone);
  }
  begin_delivery(std::move(batch), to);
  return std::max<std::size_t>(looked_at, 1);
}

// --- laps ----------------------------------------------------------------------------------------

/// A lap tells the Adj-RIB-Out as it stands, so it is right for a member that is behind, too.
template <class Address>
void UpdateGroup<Address>::begin_lap(Member& member) {
  member.missed.lap_begins();
  member.lap.reset();
  const auto other = std::ranges::find_if(members_, [](const Member& m) { return bool(m.lap); });
  const std::uint32_t start = other == members_.end() ? 0 : other->lap->cursor;
  member.lap = {start, start, told_.table().end(), false};
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
    const Advertised<Address>& told = told_.table()[cursor++];
    if (!told.used) continue;
    batch.announce.push_back(
        {told.attributes, told_.route_of(told), {told.from, Audience::Who::kOthers}});
    batch.name(told.from);
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
  if (delivery_) return delivery_->end_refresh(member.id);
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
  for (const std::size_t most = std::min(kBatch, limit); done < most && !member.missed.empty();
       ++done) {
    const auto [route, was_told] = member.missed.take();
    const Advertised<Address>* told = told_.find(route);
    if (told != nullptr && told->from != member.id) {
      batch.announce.push_back({told->attributes, route, {}});
    } else if (was_told) {
      batch.withdraw.push_back({route, {}});
    }
  }
  begin_delivery(std::move(batch), {&member});
  member.missed.go_on();
  member.full_since.reset();
  member.behind = !member.missed.empty();
  return std::max<std::size_t>(done, 1);
}

// --- sending -------------------------------------------------------------------------------------

/// `to`: members whose queues have room.
template <class Address>
void UpdateGroup<Address>::begin_delivery(Batch batch, const Members& to) {
  if (to.empty() || batch.empty()) return;
  std::vector<bgp::PeerId> ids;
  for (const Member* member : to) ids.push_back(member->id);
  delivery_.emplace(context_.core.attributes, context_.output, std::move(batch), std::move(ids));
}

/// Goes on with sending the batch; returns what that has cost.
template <class Address>
std::size_t UpdateGroup<Address>::deliver(std::size_t limit) {
  std::size_t done = 0;
  for (; delivery_ && done < limit; done += kSendCost) {
    delivery_->send_next(members_);
    if (delivery_->finished()) delivery_.reset();
  }
  return done;
}

// --- the end of the initial table ---------------------------------------------------------------

/// What was known when the member came has been told, or was missed by it.
template <class Address>
bool UpdateGroup<Address>::has_passed_initial(const Member& member) const {
  const Milestone initial = rib_.advanced(member.initial);
  return told_.has_walked() && !member.lap && initial.stage == Milestone::Stage::kJournaled &&
         told_.position() >= initial.until;
}

template <class Address>
bool UpdateGroup<Address>::complete(const Member& member) const {
  if (!member.behind) return member.round_of_end || has_passed_initial(member);
  return member.round_of_end && member.missed.rounds() >= *member.round_of_end;
}

template <class Address>
void UpdateGroup<Address>::end_initial_tables() {
  for (Member& member : members_) {
    if (!member.end_of_rib_due) continue;
    member.initial = rib_.advanced(member.initial);
    if (!member.round_of_end && has_passed_initial(member)) {
      // With what it is being told of, and what comes after that.
      member.round_of_end = member.missed.rounds() + (member.behind ? 2 : 0);
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
  told_.tidy();
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
  if (told_.changes_due() &&
      (std::ranges::none_of(members_, is_in_step<Address>) || may_go(is_in_step<Address>, now))) {
    return true;
  }
  return std::ranges::any_of(members_, [&](const Member& m) {
    if (m.lap && may_go(IsAt<Address>{m.lap->cursor}, now)) return true;
    return (m.behind || (m.end_of_rib_due && complete(m))) && context_.output.writable(m.id);
  });
}

template <class Address>
std::size_t UpdateGroup<Address>::memory_bytes() const {
  std::size_t bytes = told_.table().memory_bytes();
  for (const Member& member : members_) bytes += member.missed.memory_bytes();
  return bytes;
}

template class UpdateGroup<Ipv4Address>;
template class UpdateGroup<Ipv6Address>;

}  // namespace lastmile::rib
