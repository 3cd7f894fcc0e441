// Everything that decides where a packet goes, in one place: what workers read and the FIB writer
// writes.
//
//   destination ──> ipv4 / ipv6 ──> GroupId ──> groups (+ flow hash) ──> NextHopId ──> next_hops
//                                                                                       │
//                                                                             ports <───┘
//
// A worker is an RcuReader of `rcu`, online while it holds anything that it read here. Only
// next_hops' liveness and `ports` are written by others than the FIB writer; the headers of the
// parts say by whom.
#pragma once

#include <cstdint>

#include "dataplane/fib/fib.h"
#include "dataplane/forwarding/group_table.h"
#include "dataplane/forwarding/next_hop_table.h"
#include "dataplane/forwarding/port_table.h"
#include "dataplane/rcu/rcu.h"

namespace lastmile {

/// Fixed when the tables are made.
struct ForwardingLimits {
  unsigned readers = 8;  ///< RcuReaders: workers, and whoever else looks inside
  unsigned next_hops = NextHopTable::kMaxCapacity;
  unsigned groups = GroupTable::kMaxCapacity;
  FibLimits ipv4{.max_routes = 1U << 20, .second_level_groups = 1U << 15};
  FibLimits ipv6{.max_routes = 1U << 18, .second_level_groups = 1U << 18};
};

struct ForwardingTables {
  /// Throws what the parts throw: std::invalid_argument for limits out of range, std::system_error
  /// or std::bad_alloc when there is no memory.
  explicit ForwardingTables(const ForwardingLimits& limits = {})
      : rcu(limits.readers),
        ipv4(rcu, limits.ipv4),
        ipv6(rcu, limits.ipv6),
        groups(limits.groups),
        next_hops(limits.next_hops) {}

  RcuDomain rcu;  // first: the FIBs refer to it
  Ipv4Fib ipv4;
  Ipv6Fib ipv6;
  GroupTable groups;
  NextHopTable next_hops;
  PortTable ports;
};

}  // namespace lastmile
