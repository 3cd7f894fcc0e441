#include "dataplane/update/fib_writer.h"

#include <pthread.h>
#include <rte_cycles.h>

#include <algorithm>
#include <chrono>

#include "dataplane/forwarding/group_layout.h"
#include "dataplane/net/overloaded.h"

namespace lastmile {
namespace {

// How far ahead of its use the memory of an operation is asked for: far enough for a miss of the
// cache and the page tables, near enough for the lines to be there still.
constexpr std::size_t kPrefetchAhead = 8;

// How often a sleeping writer looks whether readers have moved on: soon at first, because a busy
// worker passes a quiescent state every few microseconds, then less and less.
constexpr std::chrono::microseconds kFirstRestCheck{50};
constexpr std::chrono::microseconds kLastRestCheck{5000};
constexpr std::chrono::microseconds kForever{-1};

}  // namespace

FibWriter::FibWriter(ForwardingTables& tables, FibChannel& channel)
    : tables_(tables), channel_(channel), group_use_(tables.groups.capacity()) {}

FibWriter::~FibWriter() {
  stop();
}

void FibWriter::start() {
  stopping_.store(false, std::memory_order_relaxed);
  thread_ = std::thread{[this] { run(); }};
  pthread_setname_np(thread_.native_handle(), "lm-fib-writer");
}

void FibWriter::stop() {
  if (!thread_.joinable()) return;
  stopping_.store(true, std::memory_order_relaxed);
  channel_.writer_bell.ring();
  thread_.join();
}

void FibWriter::run() {
  std::chrono::microseconds rest_check = kFirstRestCheck;
  while (!stopping_.load(std::memory_order_relaxed)) {
    turns_.add(1);
    if (run_once() != 0) {
      rest_check = kFirstRestCheck;
      continue;
    }
    channel_.writer_bell.arm();
    // Only what was rung before `arm` can be missed by the bell, and only a look can find it.
    if (has_work() || stopping_.load(std::memory_order_relaxed)) continue;
    if (!waits_for_others()) {
      channel_.writer_bell.wait(kForever);
    } else {
      channel_.writer_bell.wait(rest_check);
      rest_check = std::min(2 * rest_check, kLastRestCheck);
    }
  }
}

bool FibWriter::has_work() const {
  return unsent_.empty() && channel_.operations.size() != 0;
}

// Readers end their grace periods without a word, and so does a client that makes room for notices.
bool FibWriter::waits_for_others() const {
  return !resting_.empty() || !unsent_.empty() || waiting_groups() != 0;
}

std::uint64_t FibWriter::waiting_groups() const {
  return tables_.ipv4.stats().second_level_waiting + tables_.ipv6.stats().second_level_waiting;
}

// A route that was refused for want of groups may fit now: the client is told.
void FibWriter::reclaim_groups() {
  const std::uint64_t before = waiting_groups();
  if (before == 0) return;
  tables_.ipv4.reclaim();
  tables_.ipv6.reclaim();
  if (waiting_groups() != before) channel_.client_bell.ring();
}

std::size_t FibWriter::run_once() {
  end_rests();
  if (!send_notices()) return 0;

  const std::span<const FibOperation> batch = channel_.operations.front(kMaxBatch);
  if (batch.empty()) {
    reclaim_groups();
    return 0;
  }

  for (std::size_t i = 0; i < std::min(kPrefetchAhead, batch.size()); ++i) prefetch(batch[i]);
  std::uint64_t before = rte_rdtsc();
  std::uint64_t worst = 0;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    if (i + kPrefetchAhead < batch.size()) prefetch(batch[i + kPrefetchAhead]);
    apply(batch[i]);
    const std::uint64_t after = rte_rdtsc();
    worst = std::max(worst, after - before);
    before = after;
  }

  // One grace period for all that the batch took out of use: it begins after the last store.
  if (!freed_in_batch_.empty()) {
    const RcuToken token = tables_.rcu.start();
    for (const Freed& freed : freed_in_batch_) resting_.push_back({token, freed});
    waiting_.add(freed_in_batch_.size());
    freed_in_batch_.clear();
  }

  const std::size_t count = batch.size();
  // Failures are told before progress is: whoever sees an operation as applied and then asks for
  // failures has that of this operation among them.
  send_notices();
  channel_.applied.store(batch.back().completes, std::memory_order_release);
  channel_.operations.consume(count);
  operations_.add(count);
  batches_.add(1);
  largest_batch_.raise_to(count);
  worst_operation_tsc_.raise_to(worst);
  channel_.client_bell.ring();
  return count;
}

void FibWriter::prefetch(const FibOperation& operation) {
  const auto touch = [this](const IpPrefix& prefix) {
    std::visit(Overloaded{[this](const Ipv4Prefix& p) { tables_.ipv4.prefetch(p); },
                          [this](const Ipv6Prefix& p) { tables_.ipv6.prefetch(p); }},
               prefix);
  };
  if (const auto* set = std::get_if<SetRoute>(&operation.action)) {
    touch(set->prefix);
  } else if (const auto* remove = std::get_if<RemoveRoute>(&operation.action)) {
    touch(remove->prefix);
  }
}

void FibWriter::apply(const FibOperation& operation) {
  std::visit(Overloaded{
                 [&](const SetRoute& set) { set_route(operation, set); },
                 [&](const RemoveRoute& remove) { remove_route(remove); },
                 [&](const AddNextHop& add) {
                   tables_.next_hops.set(add.id, add.spec, tables_.ports.mac(add.spec.port));
                 },
                 [&](const ChangeNextHop& change) {
                   tables_.next_hops.change(change.id, change.spec.kind, change.spec.destination);
                 },
                 [&](const FreeNextHop& free) { freed_in_batch_.emplace_back(free.id); },
                 [&](const AddGroup& add) { add_group(add.id); },
                 [&](const FreeGroup& free) {
                   GroupUse& use = group_use_[free.id.value()];
                   use.released = true;
                   if (use.routes == 0) freed_in_batch_.emplace_back(free.id);
                 },
             },
             operation.action);
}

void FibWriter::set_route(const FibOperation& operation, const SetRoute& set) {
  const auto replaced =
      std::visit(Overloaded{[&](const Ipv4Prefix& p) { return tables_.ipv4.set(p, set.group); },
                            [&](const Ipv6Prefix& p) { return tables_.ipv6.set(p, set.group); }},
                 set.prefix);
  if (!replaced) {
    failures_.add(1);
    unsent_.emplace_back(FibFailure{operation.sequence, set.prefix, replaced.error()});
    return;
  }
  ++group_use_[set.group.value()].routes;
  if (*replaced) route_left(**replaced);
}

void FibWriter::remove_route(const RemoveRoute& remove) {
  const auto removed =
      std::visit(Overloaded{[&](const Ipv4Prefix& p) { return tables_.ipv4.remove(p); },
                            [&](const Ipv6Prefix& p) { return tables_.ipv6.remove(p); }},
                 remove.prefix);
  if (removed) route_left(*removed);
}

void FibWriter::route_left(GroupId group) {
  GroupUse& use = group_use_[group.value()];
  if (--use.routes == 0 && use.released) freed_in_batch_.emplace_back(group);
}

void FibWriter::add_group(GroupId id) {
  const std::unique_ptr<const GroupPlan> plan = std::move(channel_.plans[id.value()]);
  const auto resemble =
      plan->resemble ? tables_.groups.view(*plan->resemble).buckets : std::span<const NextHopId>{};
  tables_.groups.publish(id, lay_out(plan->spec, resemble));
}

void FibWriter::end_rests() {
  while (!resting_.empty() && tables_.rcu.check(resting_.front().token)) {
    std::visit(Overloaded{[this](NextHopId id) { unsent_.emplace_back(NextHopFreed{id}); },
                          [this](GroupId id) {
                            tables_.groups.reclaim(id);
                            group_use_[id.value()] = {};
                            unsent_.emplace_back(GroupFreed{id});
                          }},
               resting_.front().freed);
    resting_.pop_front();
    waiting_.add(~std::uint64_t{0});  // one less
  }
}

bool FibWriter::send_notices() {
  if (unsent_.empty()) return true;
  while (!unsent_.empty() && channel_.notices.stage(unsent_.front())) unsent_.pop_front();
  channel_.notices.publish();
  channel_.client_bell.ring();
  return unsent_.empty();
}

FibWriterStats FibWriter::stats() const {
  return {.operations = operations_.read(),
          .failures = failures_.read(),
          .batches = batches_.read(),
          .largest_batch = largest_batch_.read(),
          .worst_operation_tsc = worst_operation_tsc_.read(),
          .waiting_for_readers = waiting_.read()};
}

}  // namespace lastmile
