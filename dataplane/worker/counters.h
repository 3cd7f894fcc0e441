// What a worker counts, and how others read it.
//
// Every counter has one writer, its worker, which adds with a plain load and a plain store (relaxed
// atomics: no locked instruction). Any thread may read at any time:
//
//   WorkerSnapshot now = snapshot(worker.counters());
//   now.drops[static_cast<std::size_t>(DropReason::kNoRoute)];
//
// A snapshot is not one moment: counters that moved while it was taken may differ by a vector.
// Counters only grow, and wrap after centuries. No DPDK here.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "dataplane/net/single_writer.h"
#include "dataplane/net/strong_id.h"
#include "dataplane/pipeline/drop_reason.h"
#include "dataplane/pipeline/punt_class.h"
#include "dataplane/pipeline/stage.h"
#include "dataplane/worker/port.h"

namespace lastmile {

using Counter = SingleWriter;

/// Packets and bytes (Ethernet header included, FCS not) through a port or the host interface.
struct InterfaceCounters {
  Counter received_packets;
  Counter received_bytes;
  Counter sent_packets;  ///< taken by the device
  Counter sent_bytes;
  Counter punted_packets;     ///< given to the kernel twin
  Counter injected_packets;   ///< taken from the kernel twin, to be sent as they are
  Counter ethertype_repairs;  ///< IPv4 that came under the IPv6 EtherType
  Counter bfd_packets;        ///< received, and taken by BFD: control packets and echo
};

struct NextHopCounters {
  Counter packets;
  Counter bytes;  ///< IP packets, without Ethernet header
};

/// Sampled: one vector in kStageSamplePeriod is timed, so cycles / packets is a mean over samples.
struct StageCounters {
  Counter cycles;
  Counter packets;
};
inline constexpr unsigned kStageSamplePeriod = 16;

// worker: writes; any thread: reads
struct alignas(64) WorkerCounters {
  /// `next_hop_capacity`: NextHopId values are below it.
  explicit WorkerCounters(std::size_t next_hop_capacity) : next_hops(next_hop_capacity) {}

  std::array<InterfaceCounters, kMaxPorts> ports;
  InterfaceCounters host;
  std::array<Counter, kDropReasonCount> drops;
  /// Within the rate of their class. What the kernel then had no room for is in `drops`, too.
  std::array<Counter, kPuntClassCount> punts;
  std::array<StageCounters, kStageCount> stages;
  std::vector<NextHopCounters> next_hops;

  Counter loops;
  Counter vectors;
  Counter packets;       ///< received on ports and from the host
  Counter busy_cycles;   ///< loops that moved a packet
  Counter idle_cycles;   ///< loops that found nothing
  Counter sleep_cycles;  ///< asleep
  Counter sleeps;
  Counter held_packets;      ///< put aside until a link-layer address is known
  Counter released_packets;  ///< of those, sent on
  Counter resolution_requests;
  Counter icmp_errors;          ///< that told a sender why its packet was dropped
  Counter icmp_errors_limited;  ///< due, but above the rate
  Counter lost_events;          ///< events for the control plane that found the ring full
};

inline constexpr std::size_t kAllNextHops = std::numeric_limits<std::size_t>::max();

/// WorkerCounters as plain numbers.
struct WorkerSnapshot {
  struct Interface {
    std::uint64_t received_packets = 0;
    std::uint64_t received_bytes = 0;
    std::uint64_t sent_packets = 0;
    std::uint64_t sent_bytes = 0;
    std::uint64_t punted_packets = 0;
    std::uint64_t injected_packets = 0;
    std::uint64_t ethertype_repairs = 0;
    std::uint64_t bfd_packets = 0;
  };
  struct NextHop {
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
  };
  struct StageTime {
    std::uint64_t cycles = 0;
    std::uint64_t packets = 0;
    [[nodiscard]] double cycles_per_packet() const {
      return packets == 0 ? 0 : static_cast<double>(cycles) / static_cast<double>(packets);
    }
  };

  std::array<Interface, kMaxPorts> ports{};
  Interface host{};
  std::array<std::uint64_t, kDropReasonCount> drops{};
  std::array<std::uint64_t, kPuntClassCount> punts{};
  std::array<StageTime, kStageCount> stages{};
  std::vector<NextHop> next_hops;

  std::uint64_t loops = 0;
  std::uint64_t vectors = 0;
  std::uint64_t packets = 0;
  std::uint64_t busy_cycles = 0;
  std::uint64_t idle_cycles = 0;
  std::uint64_t sleep_cycles = 0;
  std::uint64_t sleeps = 0;
  std::uint64_t held_packets = 0;
  std::uint64_t released_packets = 0;
  std::uint64_t resolution_requests = 0;
  std::uint64_t icmp_errors = 0;
  std::uint64_t icmp_errors_limited = 0;
  std::uint64_t lost_events = 0;

  [[nodiscard]] std::uint64_t drops_for(DropReason reason) const {
    return drops[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] std::uint64_t punts_for(PuntClass punt_class) const {
    return punts[static_cast<std::size_t>(punt_class)];
  }
  [[nodiscard]] std::uint64_t total_drops() const;
  /// Share of the time in which the worker moved no packet, 0 to 1 (asleep or polling in vain).
  [[nodiscard]] double idle_share() const;
  /// Cycles of busy loops for each packet received.
  [[nodiscard]] double cycles_per_packet() const;
};

/// Any thread. Copies the counters of the first `next_hops` next hops; a table may have 65,536 of
/// them, so ask for no more than are in use.
[[nodiscard]] WorkerSnapshot snapshot(const WorkerCounters& counters,
                                      std::size_t next_hops = kAllNextHops);

}  // namespace lastmile
