// Which sets of next hops have a group, and how many hold it. One group for each distinct set: a
// table of a million routes has a handful.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <unordered_map>
#include <vector>

#include "dataplane/forwarding/spec.h"

namespace lastmile {

/// Control thread only.
class GroupRegistry {
 public:
  /// `capacity`: of the group table; identifier 0 is never given out.
  explicit GroupRegistry(unsigned capacity);

  /// The group of an equal set.
  [[nodiscard]] std::optional<GroupId> find(const GroupSpec& spec) const;
  /// A new group with one reference; nullopt when no identifier is left.
  [[nodiscard]] std::optional<GroupId> insert(const GroupSpec& spec);
  /// The group in use whose members have most in common with `spec`'s; none for a set of one, or
  /// when nothing is in common.
  [[nodiscard]] std::optional<GroupId> closest(const GroupSpec& spec) const;

  [[nodiscard]] bool contains(GroupId id) const {
    return id.value() < slots_.size() && slots_[id.value()].references != 0;
  }
  /// Of a group in use.
  [[nodiscard]] const GroupSpec& spec(GroupId id) const { return *slots_[id.value()].spec; }

  void add_reference(GroupId id);
  /// True when that was the last one: the set is forgotten, the identifier waits for `recycle`.
  [[nodiscard]] bool drop_reference(GroupId id);
  /// The identifier may be given out again.
  void recycle(GroupId id) { free_.push(id); }

  /// Groups in use.
  [[nodiscard]] std::size_t size() const { return by_spec_.size(); }

 private:
  struct SpecHash {
    std::size_t operator()(const GroupSpec& spec) const noexcept;
  };
  struct Slot {
    const GroupSpec* spec = nullptr;  // the key in by_spec_, which never moves
    std::uint32_t references = 0;
  };

  std::unordered_map<GroupSpec, GroupId, SpecHash> by_spec_;
  std::vector<Slot> slots_;
  std::unordered_map<NextHopId, std::vector<GroupId>> by_member_;  // groups of two and more
  // Lowest first: a FIB answers fastest for the first 254 (fib/entry.h), and sets come and go.
  std::priority_queue<GroupId, std::vector<GroupId>, std::greater<>> free_;
};

}  // namespace lastmile
