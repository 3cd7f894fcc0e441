// Second-level groups: 256 entries that readers walk, and the writer's shadow of each.
//
// A group that is no longer linked may still be under a reader's feet. It is retired with a token
// of the grace period that began when it was unlinked, waits in a queue (oldest first), and is used
// again only when all readers have passed. The queue is worked off when groups are needed and when
// the writer has nothing else to do; nothing ever waits for a reader.
//
// FIB writer only, except `entries()` (readers) and the counters (any thread).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/fib/entry.h"
#include "dataplane/fib/mapped_memory.h"
#include "dataplane/fib/prefix_node.h"
#include "dataplane/rcu/rcu.h"

namespace lastmile {

/// A counter that one thread writes and any thread reads.
class SingleWriterCounter {
 public:
  void add(std::int64_t delta) {
    value_.store(value_.load(std::memory_order_relaxed) + static_cast<std::uint64_t>(delta),
                 std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// `GracePeriods` has the `start` and `check` of RcuDomain.
template <FibEntry Entry, class GracePeriods>
class SecondLevel {
 public:
  using Index = std::uint32_t;

  SecondLevel(GracePeriods& grace_periods, std::uint32_t groups)
      : grace_periods_(grace_periods),
        total_(groups),
        entries_(std::size_t{groups} * kGroupEntries, PageSize::kHuge),
        nodes_(groups, PageSize::kOrdinary),
        links_(groups, PageSize::kOrdinary) {}

  /// First entry of group 0; group i starts at entry 256 i.
  [[nodiscard]] Entry* entries() const { return entries_.data(); }
  [[nodiscard]] Entry* entries(Index group) const {
    return entries_.data() + std::size_t{group} * kGroupEntries;
  }
  [[nodiscard]] PrefixNode& node(Index group) const { return nodes_[group]; }

  /// True if `count` groups can be taken now; reclaims what may be reclaimed if that is needed.
  [[nodiscard]] bool can_take(unsigned count) {
    if (available() < count) reclaim();
    return available() >= count;
  }

  /// A group with an empty node. `can_take` said yes before.
  [[nodiscard]] Index take() {
    used_.add(1);
    if (free_ != 0) {
      const Index group = free_ - 1;
      free_ = links_[group].next;
      --free_count_;
      return group;
    }
    return fresh_++;
  }

  /// Gives back a group that readers can no longer find but may still hold. Its node is empty.
  void retire(Index group) {
    links_[group] = {grace_periods_.start(), 0};
    (retired_last_ == 0 ? retired_first_ : links_[retired_last_ - 1].next) = group + 1;
    retired_last_ = group + 1;
    used_.add(-1);
    waiting_.add(1);
  }

  /// Frees the retired groups whose grace period is over. Never blocks.
  void reclaim() {
    while (retired_first_ != 0) {
      const Index group = retired_first_ - 1;
      if (!grace_periods_.check(links_[group].token)) return;
      retired_first_ = links_[group].next;
      if (retired_first_ == 0) retired_last_ = 0;
      links_[group].next = free_;
      free_ = group + 1;
      ++free_count_;
      waiting_.add(-1);
    }
  }

  [[nodiscard]] std::uint64_t used() const { return used_.get(); }
  [[nodiscard]] std::uint64_t waiting() const { return waiting_.get(); }
  [[nodiscard]] std::uint64_t total() const { return total_; }

 private:
  // Lists are threaded through the groups themselves; a link is 1 + index, 0 ends the list.
  struct Link {
    RcuToken token;
    std::uint32_t next;
  };

  [[nodiscard]] std::uint32_t available() const { return free_count_ + (total_ - fresh_); }

  GracePeriods& grace_periods_;
  const std::uint32_t total_;
  MappedArray<Entry> entries_;
  MappedArray<PrefixNode> nodes_;
  MappedArray<Link> links_;
  std::uint32_t fresh_ = 0;  // groups from here on were never used
  std::uint32_t free_ = 0;
  std::uint32_t free_count_ = 0;
  std::uint32_t retired_first_ = 0;
  std::uint32_t retired_last_ = 0;
  SingleWriterCounter used_;
  SingleWriterCounter waiting_;
};

}  // namespace lastmile
