// BFD on a worker: connects the engine (dataplane/bfd), which knows neither packets nor clocks, to
// this worker's buffers, ports, next hops and rings.
//
//   begin  ── commands, packets that other workers received
//   take   ── a packet that has left the fast path and is for BFD's ports
//   run    ── timers: what they send leaves with this loop's flush
//   routed ── what goes over several hops: the pipeline looks up where, like any packet of our own
//
// A packet costs nothing here before it has left the fast path: BFD is addressed to us
// (validate_ipv6 for link-local, egress for all else), and so is our own echo when it returns.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>
#include <utility>

#include "dataplane/bfd/engine.h"
#include "dataplane/forwarding/next_hop_table.h"
#include "dataplane/pipeline/bfd_handover.h"
#include "dataplane/pipeline/exits.h"
#include "dataplane/pipeline/vector.h"
#include "dataplane/worker/event_ring.h"
#include "dataplane/worker/worker_config.h"

namespace lastmile {

/// Cycle counter to nanoseconds and back.
class CycleClock {
 public:
  explicit CycleClock(std::uint64_t cycles_per_second);
  [[nodiscard]] bfd::Instant instant(std::uint64_t cycles) const;
  /// The cycle at which `instant` comes, to some nanoseconds; `now` if it has come, the largest
  /// number for kNever. Counted from `now`: what is to come is near, and so needs no division.
  [[nodiscard]] std::uint64_t cycles(bfd::Instant instant, std::uint64_t now) const;

 private:
  std::uint64_t nanoseconds_per_cycle_;  ///< times 2^32
  std::uint64_t cycles_per_nanosecond_;  ///< times 2^32
};

/// May packets lie in a receive queue that this loop did not get to?
enum class Backlog : std::uint8_t { kNo, kMaybe };

/// Is the packet addressed to this router? Multihop BFD of others passes through it.
enum class Addressed : std::uint8_t { kToUs, kElsewhere };

/// Who uses it: one worker.
class BfdStage final : private bfd::EngineOutside {
 public:
  BfdStage(const WorkerBfd& wiring, WorkerId self, std::span<const WorkerPort> ports,
           NextHopTable& next_hops, std::uint64_t cycles_per_second, WorkerCounters& counters,
           EventRing& events, Exits& exits);
  ~BfdStage() override;
  BfdStage(const BfdStage&) = delete;
  BfdStage& operator=(const BfdStage&) = delete;

  /// Times are the cycle counter's.
  void begin(std::uint64_t now);
  /// True if the packet was BFD's and has been taken over. `header`: a valid IP header in the
  /// packet's first segment.
  [[nodiscard]] bool take(const Ingress& ingress, rte_mbuf* packet, const std::uint8_t* header,
                          Addressed addressed, std::uint64_t now);
  void run(std::uint64_t now, Backlog backlog);
  /// Packets that are to go where routes lead, from their Ethernet headers on, which mean nothing.
  /// They are the caller's from then on.
  [[nodiscard]] std::span<rte_mbuf* const> take_routed() {
    return {routed_.data(), std::exchange(routed_count_, 0)};
  }
  [[nodiscard]] bool has_routed() const { return routed_count_ != 0; }
  /// When run() has something to do.
  [[nodiscard]] std::uint64_t next_deadline() const { return next_deadline_; }

 private:
  void transmit(PortId port, std::span<const std::uint8_t> frame) override;
  void set_alive(NextHopId next_hop, bfd::Alive alive) override;
  [[nodiscard]] bool tell(const bfd::StateChanged& change) override;

  /// Mostly it is the one that was: a received packet moves its session's into the future, which
  /// the engine finds out when its turn comes.
  void note_deadline(std::uint64_t now) {
    const bfd::Instant next = engine_.next_deadline();
    if (next == noted_deadline_) return;
    noted_deadline_ = next;
    next_deadline_ = clock_.cycles(next, now);
  }
  [[nodiscard]] WorkerId owner(PortId port) const {
    return port == bfd::kAnyPort ? bfd::kMultihopOwner : owners_[port.value()];
  }
  [[nodiscard]] bool is_wanted(PortId port) const;

  const WorkerBfd wiring_;
  const WorkerId self_;
  NextHopTable& next_hops_;
  WorkerCounters& counters_;
  EventRing& events_;
  Exits& exits_;
  const CycleClock clock_;
  bfd::Engine engine_;
  std::array<WorkerId, kMaxPorts> owners_{};
  unsigned routed_count_ = 0;
  std::array<rte_mbuf*, kVectorSize> routed_{};
  bfd::Instant noted_deadline_ = bfd::kNever;
  std::uint64_t next_deadline_ = ~std::uint64_t{0};
  std::uint64_t now_ = 0;  // of this loop
};

}  // namespace lastmile
