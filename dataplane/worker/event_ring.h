// What a worker tells the control plane: a ring with one producer (the worker) and one consumer
// (the control thread), and a descriptor to wait on.
//
//   // control thread: when event_fd() is readable
//   events.drain([&](const WorkerEvent& event) { ... });
//
// The worker never waits: a full ring loses the event, counted, and what it asked for is asked
// again by a later packet. A burst of events costs one system call, because the bell is armed only
// by `drain`. No DPDK here.
#pragma once

#include <cstddef>
#include <span>
#include <type_traits>
#include <variant>

#include "dataplane/bfd/command.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/strong_id.h"
#include "dataplane/update/doorbell.h"
#include "dataplane/update/spsc_ring.h"

namespace lastmile {

/// Packets wait for (or are dropped for want of) a link-layer address. Repeated while packets keep
/// coming, at most every kResolutionRequestInterval for each that waits, and every
/// kUnheldRequestInterval for one of those for which there is no room (hold.h).
struct ResolutionRequest {
  PortId port;
  NextHopId next_hop;
  /// Of the packet. What to resolve for a glean next hop; for an unresolved one the control plane
  /// knows the neighbor's address from the next hop.
  IpAddress destination;

  friend bool operator==(const ResolutionRequest&, const ResolutionRequest&) = default;
};

/// Everything that a worker may tell.
using WorkerEvent = std::variant<ResolutionRequest, bfd::StateChanged>;

class EventRing {
 public:
  static constexpr std::size_t kCapacity = 1024;

  /// Throws std::system_error when the process has no descriptor left.
  EventRing() : ring_(kCapacity) { bell_.arm(); }

  /// Worker only. False when the ring is full.
  [[nodiscard]] bool push(const WorkerEvent& event) {
    if (!ring_.push(event)) return false;
    bell_.ring();
    return true;
  }

  /// Readable when there is something to drain. Any thread.
  [[nodiscard]] int event_fd() const { return bell_.fd(); }

  /// Control thread only: calls `visit` for each event, oldest first. Returns how many there were.
  template <class Visitor>
  std::size_t drain(Visitor&& visit) {
    bell_.arm();  // before the look at the ring, so that no event is missed
    std::size_t drained = 0;
    // At most one ring's worth: a worker that keeps telling does not keep the control thread.
    while (drained < kCapacity) {
      const std::span<const WorkerEvent> ready = ring_.front(kCapacity - drained);
      if (ready.empty()) return drained;
      for (const WorkerEvent& event : ready) visit(event);
      drained += ready.size();
      ring_.consume(ready.size());
    }
    bell_.ring();  // there may be more: be readable again
    return drained;
  }

 private:
  SpscRing<WorkerEvent> ring_;
  Doorbell bell_;
};

}  // namespace lastmile
