// The two queues between the control plane's FibClient and the FibWriter, and the bells that wake
// who sleeps. No DPDK here.
//
//   FibChannel channel;
//   loop.watch(channel.event_fd(), [&] { client.poll(); });
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/forwarding/group_table.h"
#include "dataplane/update/doorbell.h"
#include "dataplane/update/fib_operation.h"
#include "dataplane/update/spsc_ring.h"

namespace lastmile {

/// What the writer needs to build a group.
struct GroupPlan {
  GroupSpec spec;
  std::optional<GroupId> resemble;
};

class FibChannel {
 public:
  static constexpr std::size_t kDefaultQueueSize = 16384;

  /// `queue_size`: operations that may be under way before the client coalesces; rounded up to a
  /// power of two. `groups`: capacity of the group table.
  explicit FibChannel(std::size_t queue_size = kDefaultQueueSize,
                      unsigned groups = GroupTable::kMaxCapacity)
      : operations(queue_size), notices(queue_size), plans(groups) {}

  /// Readable when the client has something to take: call FibClient::poll. The control thread's
  /// event loop watches it.
  [[nodiscard]] int event_fd() const { return client_bell.fd(); }

  // For FibClient and FibWriter.

  SpscRing<FibOperation> operations;  // client: produces; writer: consumes
  SpscRing<FibNotice> notices;        // writer: produces; client: consumes

  /// Everything up to here is visible to workers. Writer: stores after the tables; client: loads.
  alignas(64) std::atomic<FibSequence> applied{0};

  /// Indexed by GroupId. A plan changes hands with its AddGroup: the client fills it before it
  /// publishes the operation, the writer takes it out when it applies it.
  std::vector<std::unique_ptr<const GroupPlan>> plans;

  Doorbell writer_bell;  // client: rings; writer: sleeps
  Doorbell client_bell;  // writer: rings; client: sleeps
};

}  // namespace lastmile
