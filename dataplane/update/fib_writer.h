// The one thread that writes the forwarding tables.
//
//   FibWriter writer{tables, channel};
//   writer.start();      // a thread of its own, asleep when there is nothing to do
//
// It takes operations from the channel in order, in batches, and touches the memory of a whole
// batch ahead of its use, because a table of a million routes is never in the cache. After a batch
// it publishes how far the tables are (`FibChannel::applied`) and wakes the client.
//
// Next hops and groups that go out of use rest until a grace period has passed; meanwhile the
// writer goes on. A group rests until the last route has left it, too: the writer counts the routes
// of each group, so that no order of operations can leave a route with a group that is gone.
//
// When the client does not take its notices the writer stops taking operations: the client then
// coalesces by prefix, and nothing grows without bound.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <thread>
#include <variant>
#include <vector>

#include "dataplane/forwarding/tables.h"
#include "dataplane/net/single_writer.h"
#include "dataplane/update/fib_channel.h"
#include "dataplane/update/fib_operation.h"

namespace lastmile {

/// A snapshot of the writer's counters.
struct FibWriterStats {
  std::uint64_t operations;  ///< applied, failures included
  std::uint64_t failures;
  std::uint64_t batches;
  std::uint64_t largest_batch;        ///< operations
  std::uint64_t worst_operation_tsc;  ///< the slowest operation, in ticks of the time-stamp counter
  std::uint64_t waiting_for_readers;  ///< next hops and groups in their grace period now
};

class FibWriter {
 public:
  /// Most operations that are applied before `applied` moves.
  static constexpr std::size_t kMaxBatch = 256;

  /// Both must outlive the writer. There is one writer for a set of tables.
  FibWriter(ForwardingTables& tables, FibChannel& channel);
  /// Stops the thread.
  ~FibWriter();
  FibWriter(const FibWriter&) = delete;
  FibWriter& operator=(const FibWriter&) = delete;

  /// Starts the thread. Throws std::system_error.
  void start();
  /// Ends the thread after the batch in hand; what is in the queue stays there. May be started
  /// again.
  void stop();

  /// Wakes the thread for one turn, though there is nothing to do. Any thread.
  void nudge() { channel_.writer_bell.ring(); }
  /// Grows with each turn of the thread. Any thread.
  [[nodiscard]] std::uint64_t turns() const { return turns_.read(); }

  /// One batch on the caller's thread; for tests, and never while the thread runs. Returns how many
  /// operations were applied.
  std::size_t run_once();

  /// Any thread.
  [[nodiscard]] FibWriterStats stats() const;

 private:
  using Freed = std::variant<NextHopId, GroupId>;
  struct Resting {
    RcuToken token;
    Freed freed;
  };
  struct GroupUse {
    std::uint32_t routes = 0;
    bool released = false;  // by the client
  };

  void run();
  [[nodiscard]] bool has_work() const;
  [[nodiscard]] bool waits_for_others() const;
  [[nodiscard]] std::uint64_t waiting_groups() const;
  void reclaim_groups();

  void prefetch(const FibOperation& operation);
  void apply(const FibOperation& operation);
  void set_route(const FibOperation& operation, const SetRoute& set);
  void remove_route(const RemoveRoute& remove);
  void add_group(GroupId id);
  void route_left(GroupId group);

  void end_rests();
  bool send_notices();

  ForwardingTables& tables_;
  FibChannel& channel_;

  std::vector<GroupUse> group_use_;    // by GroupId
  std::vector<Freed> freed_in_batch_;  // out of use; their grace period starts with the batch's end
  std::deque<Resting> resting_;        // oldest first
  std::deque<FibNotice> unsent_;       // found the way back full

  std::thread thread_;
  std::atomic<bool> stopping_{false};  // stop(): writes; thread: reads

  // writer thread: writes; any thread: reads
  SingleWriter turns_;
  SingleWriter operations_;
  SingleWriter failures_;
  SingleWriter batches_;
  SingleWriter largest_batch_;
  SingleWriter worst_operation_tsc_;
  SingleWriter waiting_;
};

}  // namespace lastmile
