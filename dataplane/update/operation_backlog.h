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
#include <unordered_map>

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

  // A line that finds an item by key. Keys map to positions counted from the beginning of time, so
  // that popping renumbers nothing.
  template <class Key>
  struct KeyedLine {
    std::deque<Waiting> items;
    std::uint64_t popped = 0;
    std::unordered_map<Key, std::uint64_t> position;

    [[nodiscard]] Waiting* find(const Key& key) {
      const auto at = position.find(key);
      return at == position.end() ? nullptr : &items[at->second - popped];
    }
    void append(const Key& key, const FibOperation& operation) {
      position[key] = popped + items.size();
      items.push_back({operation.sequence, operation});
    }
    [[nodiscard]] std::size_t size() const { return items.size(); }
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
