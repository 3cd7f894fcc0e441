// What travels between the control plane and the FIB writer: operations one way, notices the other.
// All are plain values of a fixed size, copied into a ring.
#pragma once

#include <type_traits>
#include <variant>

#include "dataplane/fib/fib_error.h"
#include "dataplane/forwarding/spec.h"
#include "dataplane/net/ip.h"
#include "dataplane/update/fib_client.h"

namespace lastmile {

struct SetRoute {
  IpPrefix prefix;
  GroupId group;
};
struct RemoveRoute {
  IpPrefix prefix;
};
struct AddNextHop {
  NextHopId id;
  NextHopSpec spec;
};
struct ChangeNextHop {
  NextHopId id;
  NextHopSpec spec;
};
struct FreeNextHop {
  NextHopId id;
};
/// What to build lies in the channel's plan for `id`.
struct AddGroup {
  GroupId id;
};
struct FreeGroup {
  GroupId id;
};

using FibAction = std::variant<SetRoute, RemoveRoute, AddNextHop, ChangeNextHop, FreeNextHop,
                               AddGroup, FreeGroup>;

struct FibOperation {
  FibSequence sequence = 0;
  /// Once this operation is applied, all operations up to this one are visible to workers. Equal to
  /// `sequence` unless operations had to wait in the client and were reordered there.
  FibSequence completes = 0;
  FibAction action;
};
static_assert(sizeof(FibOperation) <= 48 && std::is_trivially_copyable_v<FibOperation>);

/// A next hop or group that no reader can see any more: its identifier may be given out again.
struct NextHopFreed {
  NextHopId id;
};
struct GroupFreed {
  GroupId id;
};

using FibNotice = std::variant<FibFailure, NextHopFreed, GroupFreed>;
static_assert(sizeof(FibNotice) <= 48 && std::is_trivially_copyable_v<FibNotice>);

}  // namespace lastmile
