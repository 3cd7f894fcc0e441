// The next-hop sets that paths name: for a BGP path one neighbor, for a static route all of its
// next hops with their weights, for a local route the machine itself.
//
// Interned and counted, because half a million paths of a session name one or two of them. A target
// never changes; what changes (link-layer addresses, liveness, who the neighbor of a port is)
// changes behind its hops, in the NextHopTracker.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/rib/next_hop_tracker.h"
#include "controlplane/rib/path.h"

namespace lastmile::rib {

struct TargetMember {
  HopId hop;
  std::uint16_t weight = 1;

  friend auto operator<=>(const TargetMember&, const TargetMember&) = default;
};

class TargetTable {
 public:
  explicit TargetTable(NextHopTracker& hops) : hops_(hops) {}

  struct Wish {
    HopKey hop;
    std::uint16_t weight = 1;
  };
  /// One reference for the caller. `wishes` is not empty. A hop wished twice has the sum of the
  /// weights.
  [[nodiscard]] tl::expected<TargetId, FibError> acquire(std::span<const Wish> wishes);
  void add_reference(TargetId id) { ++targets_[id.value()].references; }
  /// kNoTarget is ignored.
  void release(TargetId id);

  /// Sorted by hop.
  [[nodiscard]] const std::vector<TargetMember>& members(TargetId id) const {
    return targets_[id.value()].members;
  }

 private:
  struct Target {
    std::vector<TargetMember> members;
    std::uint32_t references = 0;
  };

  NextHopTracker& hops_;
  std::vector<Target> targets_ = std::vector<Target>(1);  ///< [0]: kNoTarget
  std::vector<TargetId> free_;
  std::map<std::vector<TargetMember>, TargetId> by_members_;
};

}  // namespace lastmile::rib
