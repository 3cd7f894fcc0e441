// Forwarding groups in use: what the decision chose (targets of the primaries and of the backups)
// made into a group of the forwarding tables, once for all the prefixes that chose the same.
//
// A table of a million routes has a handful of choices, so the cost of making a group is paid a
// handful of times; for all other prefixes it is one comparison with the last choice made. Each
// prefix that uses a group holds one reference.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/rib/forwarding_plane.h"
#include "controlplane/rib/target_table.h"

namespace lastmile::rib {

/// A group in use. 0 is none: no route.
using ForwardingId = StrongId<struct ForwardingTag, std::uint16_t>;
inline constexpr ForwardingId kNotForwarded{0};

/// What a prefix forwards by, best first.
struct ForwardingChoice {
  std::vector<TargetId> primaries;
  /// Of the primaries, one by one, in place of those in their targets; empty: as the targets say.
  std::vector<std::uint16_t> weights;
  std::vector<TargetId> backups;

  friend auto operator<=>(const ForwardingChoice&, const ForwardingChoice&) = default;
};

class ForwardingGroups {
 public:
  ForwardingGroups(ForwardingPlane& plane, NextHopTracker& hops, TargetTable& targets)
      : plane_(plane), hops_(hops), targets_(targets) {}
  ~ForwardingGroups();
  ForwardingGroups(const ForwardingGroups&) = delete;
  ForwardingGroups& operator=(const ForwardingGroups&) = delete;

  /// One reference for the caller. `choice` has at least one primary. `resemble`: what the prefix
  /// forwards by now, so that flows of members in both stay where they are.
  [[nodiscard]] tl::expected<ForwardingId, FibError> acquire(const ForwardingChoice& choice,
                                                             ForwardingId resemble);
  /// kNotForwarded is ignored. True if it was the last reference, so that a group became free.
  bool release(ForwardingId id);

  [[nodiscard]] GroupId group(ForwardingId id) const { return entries_[id.value()].group; }
  [[nodiscard]] std::size_t size() const { return by_choice_.size(); }

 private:
  struct Entry {
    ForwardingChoice choice;
    GroupId group = kNoGroup;
    std::uint32_t references = 0;
    std::vector<HopId> hops;  ///< members of the group
  };
  [[nodiscard]] GroupSpec spec(const ForwardingChoice& choice, std::vector<HopId>& hops) const;
  void drop(ForwardingId id);

  ForwardingPlane& plane_;
  NextHopTracker& hops_;
  TargetTable& targets_;
  std::vector<Entry> entries_ = std::vector<Entry>(1);  ///< [0]: kNotForwarded
  std::vector<ForwardingId> free_;
  std::map<ForwardingChoice, ForwardingId> by_choice_;
  ForwardingId last_ = kNotForwarded;  ///< answer to the last acquire()
};

}  // namespace lastmile::rib
