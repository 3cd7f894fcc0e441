// Operations that found the queue full. They wait here, at most one for each prefix.
//
// Three lines, so that coalescing can't break what operations rely on:
//
//   additions   new next hops and groups, changes of next hops     always first
//   frees       next hops and groups that went out of use          after every older route
//   routes      newest operation of each prefix, at the place of its oldest waiting one
//
// Additions may overtake: what they fill, nobody refers to yet. A newer operation for a prefix may
// take the older one's place: the group it needs is among the additions, and a group that it leaves
// is freed after that place. An identifier is added or freed once before it comes back through the
// writer, so all three lines are bounded: by identifiers, identifiers, and distinct prefixes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "dataplane/net/hash_index.h"
#include "dataplane/update/fib_operation.h"

namespace lastmile {

/// Control thread only.
class OperationBacklog {
 public:
  [[nodiscard]] bool empty() const { return size() == 0; }
  [[nodiscard]] std::size_t size() const {
    return additions_.size() + frees_.size() + routes_.size();
  }
  /// Operations that a newer one made needless.
  [[nodiscard]] std::uint64_t coalesced() const { return coalesced_; }

  void push(const FibOperation& operation);

  /// The next operation for the queue; `completes` is filled in. `newest`: the last sequence given
  /// out. Must not be empty.
  [[nodiscard]] FibOperation front(FibSequence newest) const;
  void pop();

 private:
  enum class Line : std::uint8_t { kAdditions, kFrees, kRoutes };

  struct Waiting {
    FibSequence since;  // of the oldest operation that this one stands for
    FibOperation operation;
  };

  // A line that finds an item by key. Keys lead to places counted from the beginning of time, so
  // that popping renumbers nothing; they wrap, but never within one line.
  template <class Key>
  class KeyedLine {
   public:
    [[nodiscard]] Waiting* find(const Key& key);
    void append(const Key& key, const FibOperation& operation);
    /// An operation that nobody looks for.
    void append(const FibOperation& operation);
    void pop();
    [[nodiscard]] const Waiting& front() const { return items_.front(); }
    /// The oldest sequence that waits behind the first `skip`, or the largest number.
    [[nodiscard]] FibSequence oldest_behind(std::size_t skip) const;
    [[nodiscard]] std::size_t size() const { return items_.size(); }

   private:
    static constexpr std::uint32_t kPlaces = 0x7FFF'FFFF;  // a mask

    [[nodiscard]] std::uint32_t place_behind(std::size_t items) const {
      return (popped_ + static_cast<std::uint32_t>(items)) & kPlaces;
    }

    std::deque<Waiting> items_;
    std::uint32_t popped_ = 0;  // modulo kPlaces + 1
    HashIndex places_;
  };

  void push_route(const IpPrefix& prefix, const FibOperation& operation);
  void push_change(const ChangeNextHop& change, const FibOperation& operation);
  [[nodiscard]] Line next_line() const;

  KeyedLine<NextHopId> additions_;  // groups are appended without a key
  std::deque<FibOperation> frees_;
  KeyedLine<IpPrefix> routes_;
  std::uint64_t coalesced_ = 0;
};

}  // namespace lastmile
