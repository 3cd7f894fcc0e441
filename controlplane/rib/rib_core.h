// What the parts of the RIB share: the pools that paths point into and the way to the tables.
#pragma once

#include <cstdint>

#include "controlplane/config/config.h"
#include "controlplane/rib/attribute_pool.h"
#include "controlplane/rib/decision.h"
#include "controlplane/rib/forwarding_groups.h"
#include "controlplane/rib/forwarding_plane.h"
#include "controlplane/rib/next_hop_tracker.h"
#include "controlplane/rib/path_list.h"
#include "controlplane/rib/source.h"
#include "controlplane/rib/target_table.h"

namespace lastmile::rib {

struct RibCore {
  RibCore(RouterMode router_mode, const DecisionOptions& decision_options,
          ForwardingPlane& forwarding_plane, Neighborhood& neighborhood, Timers& timers)
      : mode(router_mode),
        options(decision_options),
        plane(forwarding_plane),
        hops(forwarding_plane, neighborhood, timers),
        targets(hops),
        groups(forwarding_plane, hops, targets) {}

  RouterMode mode;
  DecisionOptions options;
  ForwardingPlane& plane;
  AttributePool attributes;
  PathArena arena;
  SourceTable sources;
  NextHopTracker hops;
  TargetTable targets;
  ForwardingGroups groups;
  FibSequence submitted = 0;       ///< of the last route operation
  std::uint64_t retry_credit = 0;  ///< room that has become free in the tables since a failure
};

}  // namespace lastmile::rib
