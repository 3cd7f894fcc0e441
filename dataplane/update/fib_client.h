// The control plane's only door to the forwarding tables.
//
// The client gives out identifiers, keeps one group for each set of next hops, and sends operations
// through a lock-free single-producer queue to the FIB writer, which applies them in order:
//
//   control thread ── FibClient ──> queue ──> FibWriter thread ──> tables <── workers
//                        ▲───────── applied sequence, freed ids, failures ────┘
//
// The client never blocks. When the queue is full, operations wait in the client, coalesced by
// prefix (newest wins), so memory stays bounded by the number of distinct prefixes.
//
// Liveness does not go through the queue: it is one store that every worker sees with its next
// packet, and no prefix or group is touched.
//
// All functions: control thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "dataplane/fib/fib_error.h"
#include "dataplane/forwarding/spec.h"
#include "dataplane/net/ip.h"

namespace lastmile {

struct ForwardingTables;
class FibChannel;

/// Position of an operation in the stream that a client sent; starts at 1, never wraps.
using FibSequence = std::uint64_t;

/// An operation that the writer could not carry out; nothing changed in the tables.
struct FibFailure {
  FibSequence sequence;
  IpPrefix prefix;
  FibError error;
};

/// What `show fib` tells of the queue.
struct FibQueueStatus {
  std::uint64_t depth;      ///< operations submitted and not yet applied
  FibSequence applied;      ///< all operations up to and including this one are visible to workers
  std::uint64_t coalesced;  ///< operations that a newer one for the same prefix made needless
};

class FibClient {
 public:
  /// `channel` (queue and way back) is shared with the FibWriter; see fib_writer.h. Both must
  /// outlive the client.
  FibClient(ForwardingTables& tables, FibChannel& channel);
  ~FibClient();
  FibClient(const FibClient&) = delete;
  FibClient& operator=(const FibClient&) = delete;

  // Next hops. The caller owns the identifier until it releases it. Groups may still hold it then:
  // it is freed when the last of them is.
  /// The port's facts must be known (PortTable). Error: kTooManyNextHops.
  [[nodiscard]] tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec& spec);
  /// Changes kind or link-layer address in place; workers see the old or the new one, never a mix.
  /// The port may not change.
  void update_next_hop(NextHopId id, const NextHopSpec& spec);
  void release_next_hop(NextHopId id);

  // Groups, interned and counted: equal specs give the same identifier.
  /// One reference for the caller. `resemble`: a group whose flows should stay where they are as
  /// far as the new member set allows (resilience); without it the client looks for the closest
  /// one. Acquire the new group before you release the old one: a group that nobody holds is
  /// forgotten. Errors: kBadGroup, kTooManyGroups.
  [[nodiscard]] tl::expected<GroupId, FibError> acquire_group(
      const GroupSpec& spec, std::optional<GroupId> resemble = std::nullopt);
  void add_reference(GroupId id);
  /// The identifier is reused only after the writer has seen a grace period.
  void release_group(GroupId id);

  // Routes. Adding over an existing route replaces it, atomically for readers. The caller holds a
  // group reference for as long as the route uses the group.
  FibSequence set_route(const IpPrefix& prefix, GroupId group);
  FibSequence remove_route(const IpPrefix& prefix);

  // Liveness, at once.
  void set_down(NextHopId id, DownCause cause);
  void clear_down(NextHopId id, DownCause cause);
  [[nodiscard]] bool is_alive(NextHopId id) const;

  /// Next hops in use, in order: by their owners or by groups.
  [[nodiscard]] std::vector<NextHopId> next_hops() const;

  /// Hands waiting operations to the queue, takes back freed identifiers and failures. Call it when
  /// the channel's event descriptor is readable and after each batch of changes: the writer may see
  /// the last few operations only then.
  void poll();
  /// Hands waiting operations to the queue, and no more: for what was changed behind a poll().
  void flush();
  [[nodiscard]] FibSequence submitted() const;
  /// Visible to workers, as of the last poll(): the failures among these have been taken back, and
  /// what is applied later makes the event descriptor readable again.
  [[nodiscard]] FibSequence applied() const;
  /// Failures since the last call, of operations that poll() has heard of.
  [[nodiscard]] std::vector<FibFailure> take_failures();
  [[nodiscard]] FibQueueStatus queue_status() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lastmile
