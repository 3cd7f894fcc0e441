#include "dataplane/update/fib_client.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <deque>

#include "dataplane/forwarding/tables.h"
#include "dataplane/update/fib_channel.h"
#include "dataplane/update/group_registry.h"
#include "dataplane/update/operation_backlog.h"

namespace lastmile {
namespace {

// The writer hears of new operations at least this often, so that it works while a large batch is
// still being made.
constexpr std::size_t kPublishEvery = 64;

// Waiting operations that are handed over at a time, a millisecond's work at most: the control
// thread has more to do than that, and the writer rings when it is through with these.
constexpr std::size_t kHandOver = 2048;
// While new ones come in: faster than they do.
constexpr std::size_t kHandOverBeside = 2 * kPublishEvery;

bool strictly_sorted(const GroupSpec& spec) {
  const auto by_next_hop = [](const GroupMember& a, const GroupMember& b) {
    return !(a.next_hop < b.next_hop);
  };
  const auto not_less = [](NextHopId a, NextHopId b) { return !(a < b); };
  return std::adjacent_find(spec.primaries.begin(), spec.primaries.end(), by_next_hop) ==
             spec.primaries.end() &&
         std::adjacent_find(spec.backups.begin(), spec.backups.end(), not_less) ==
             spec.backups.end();
}

}  // namespace

struct FibClient::State {
  struct NextHop {
    bool in_use = false;
    bool released = false;     // by its owner; groups may hold it still
    std::uint32_t groups = 0;  // groups that hold it
  };

  State(ForwardingTables& its_tables, FibChannel& its_channel)
      : tables(its_tables),
        channel(its_channel),
        next_hops(tables.next_hops.capacity()),
        groups(tables.groups.capacity()) {
    for (unsigned id = 1; id < next_hops.size(); ++id) {
      free_next_hops.push_back(NextHopId{static_cast<NextHopId::Representation>(id)});
    }
  }

  [[nodiscard]] bool knows(NextHopId id) const {
    return id.value() < next_hops.size() && next_hops[id.value()].in_use &&
           !next_hops[id.value()].released;
  }
  [[nodiscard]] bool is_valid(const GroupSpec& spec) const {
    return !spec.primaries.empty() && spec.primaries.size() <= kMaxGroupMembers &&
           spec.backups.size() <= kMaxGroupBackups && strictly_sorted(spec) &&
           std::all_of(
               spec.primaries.begin(), spec.primaries.end(),
               [this](const GroupMember& m) { return knows(m.next_hop) && m.weight > 0; }) &&
           std::all_of(spec.backups.begin(), spec.backups.end(),
                       [this](NextHopId id) { return knows(id); });
  }

  FibSequence submit(const FibAction& action);
  void flush(std::size_t most);
  void publish();
  void take_notices();
  void let_go(NextHopId id);

  ForwardingTables& tables;
  FibChannel& channel;

  std::vector<NextHop> next_hops;
  std::deque<NextHopId> free_next_hops;  // oldest first
  GroupRegistry groups;

  FibSequence submitted = 0;
  FibSequence applied = 0;  // as of the last poll
  OperationBacklog backlog;
  std::vector<FibFailure> failures;
};

FibSequence FibClient::State::submit(const FibAction& action) {
  const FibSequence sequence = ++submitted;
  const FibOperation operation{.sequence = sequence, .completes = sequence, .action = action};
  if (!backlog.empty() || !channel.operations.stage(operation)) backlog.push(operation);
  // With a backlog this also looks whether the writer has made room meanwhile.
  if (sequence % kPublishEvery == 0) flush(kHandOverBeside);
  return sequence;
}

void FibClient::State::flush(std::size_t most) {
  for (std::size_t n = 0; n < most && !backlog.empty(); ++n) {
    if (!channel.operations.stage(backlog.front(submitted))) break;
    backlog.pop();
  }
  if (channel.operations.staged() == 0) return;
  channel.operations.publish();
  channel.writer_bell.ring();
}

void FibClient::State::take_notices() {
  std::array<FibNotice, 64> notices;
  while (const std::size_t count = channel.notices.pop(notices)) {
    for (std::size_t i = 0; i < count; ++i) {
      if (const auto* failure = std::get_if<FibFailure>(&notices[i])) {
        failures.push_back(*failure);
      } else if (const auto* group = std::get_if<GroupFreed>(&notices[i])) {
        groups.recycle(group->id);
      } else {
        const NextHopId id = std::get<NextHopFreed>(notices[i]).id;
        next_hops[id.value()] = {};
        free_next_hops.push_back(id);
      }
    }
  }
}

// Frees a next hop when neither its owner nor a group holds it.
void FibClient::State::let_go(NextHopId id) {
  const NextHop& hop = next_hops[id.value()];
  if (hop.released && hop.groups == 0) submit(FreeNextHop{id});
}

FibClient::FibClient(ForwardingTables& tables, FibChannel& channel)
    : state_(std::make_unique<State>(tables, channel)) {
  channel.client_bell.arm();
}

FibClient::~FibClient() = default;

tl::expected<NextHopId, FibError> FibClient::add_next_hop(const NextHopSpec& spec) {
  if (state_->free_next_hops.empty()) return tl::unexpected(FibError::kTooManyNextHops);
  const NextHopId id = state_->free_next_hops.front();
  state_->free_next_hops.pop_front();
  state_->next_hops[id.value()] = {.in_use = true};
  state_->tables.next_hops.reset_liveness(id);
  state_->submit(AddNextHop{id, spec});
  return id;
}

void FibClient::update_next_hop(NextHopId id, const NextHopSpec& spec) {
  assert(state_->knows(id));
  state_->submit(ChangeNextHop{id, spec});
}

void FibClient::release_next_hop(NextHopId id) {
  assert(state_->knows(id));
  state_->next_hops[id.value()].released = true;
  state_->let_go(id);
}

tl::expected<GroupId, FibError> FibClient::acquire_group(const GroupSpec& spec,
                                                         std::optional<GroupId> resemble) {
  if (const auto existing = state_->groups.find(spec)) {
    state_->groups.add_reference(*existing);
    return *existing;
  }
  if (!state_->is_valid(spec)) return tl::unexpected(FibError::kBadGroup);
  if (resemble && !state_->groups.contains(*resemble)) resemble.reset();
  if (!resemble) resemble = state_->groups.closest(spec);

  const auto id = state_->groups.insert(spec);
  if (!id) return tl::unexpected(FibError::kTooManyGroups);
  for (const GroupMember& member : spec.primaries) {
    ++state_->next_hops[member.next_hop.value()].groups;
  }
  for (const NextHopId backup : spec.backups) ++state_->next_hops[backup.value()].groups;
  state_->channel.plans[id->value()] =
      std::make_unique<const GroupPlan>(GroupPlan{.spec = spec, .resemble = resemble});
  state_->submit(AddGroup{*id});
  return *id;
}

void FibClient::add_reference(GroupId id) {
  state_->groups.add_reference(id);
}

void FibClient::release_group(GroupId id) {
  const GroupSpec spec = state_->groups.spec(id);
  if (!state_->groups.drop_reference(id)) return;
  state_->submit(FreeGroup{id});
  const auto drop = [this](NextHopId next_hop) {
    --state_->next_hops[next_hop.value()].groups;
    state_->let_go(next_hop);
  };
  for (const GroupMember& member : spec.primaries) drop(member.next_hop);
  for (const NextHopId backup : spec.backups) drop(backup);
}

FibSequence FibClient::set_route(const IpPrefix& prefix, GroupId group) {
  assert(state_->groups.contains(group));
  return state_->submit(SetRoute{prefix, group});
}

FibSequence FibClient::remove_route(const IpPrefix& prefix) {
  return state_->submit(RemoveRoute{prefix});
}

void FibClient::set_down(NextHopId id, DownCause cause) {
  state_->tables.next_hops.set_down(id, cause);
}

void FibClient::clear_down(NextHopId id, DownCause cause) {
  state_->tables.next_hops.clear_down(id, cause);
}

std::vector<NextHopId> FibClient::next_hops() const {
  std::vector<NextHopId> ids;
  for (unsigned id = 1; id < state_->next_hops.size(); ++id) {
    if (state_->next_hops[id].in_use) {
      ids.push_back(NextHopId{static_cast<NextHopId::Representation>(id)});
    }
  }
  return ids;
}

bool FibClient::is_alive(NextHopId id) const {
  return state_->tables.next_hops.is_alive(id);
}

void FibClient::poll() {
  state_->channel.client_bell.arm();  // before looking: what comes later rings again
  // In front of the notices: the writer sends an operation's failure before it says how far it is.
  state_->applied = state_->channel.applied.load(std::memory_order_acquire);
  state_->take_notices();
  flush();
}

void FibClient::flush() {
  state_->flush(kHandOver);
}

FibSequence FibClient::submitted() const {
  return state_->submitted;
}

FibSequence FibClient::applied() const {
  return state_->applied;
}

std::vector<FibFailure> FibClient::take_failures() {
  return std::exchange(state_->failures, {});
}

FibQueueStatus FibClient::queue_status() const {
  const FibChannel& channel = state_->channel;
  return {.depth = channel.operations.size() + channel.operations.staged() + state_->backlog.size(),
          .applied = channel.applied.load(std::memory_order_acquire),
          .coalesced = state_->backlog.coalesced()};
}

}  // namespace lastmile
