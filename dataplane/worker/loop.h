// One iteration of a worker: everything that its ports have received goes through the pipeline and
// out again.
//
//   send what workers without a queue have handed over
//   inject (what the kernel sends on the twins, first and as urgent: sessions live on it)
//   for each receive queue, priority queues first:  receive ─> pipeline
//   held packets, BFD's timers ─> transmit
//
// The thread around it is worker.h; tests and benchmarks call `run_once` themselves.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "dataplane/forwarding/tables.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/pipeline/vlan_demux.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/event_ring.h"
#include "dataplane/worker/worker_config.h"

namespace lastmile {

/// Packets taken from a queue at once, and so the size of a vector in practice. The headers of 64
/// packets and their buffers' headers stay in the first-level cache from receive to transmit
/// (buffers lie at a stride that uses few of its sets), and 64 lookups are enough to hide their
/// latency: measured 5 to 8 % faster than 256, and than 32 with a full table.
inline constexpr unsigned kReceiveBurst = 64;
static_assert(kReceiveBurst <= kVectorSize);

/// One thread, with an lcore identifier (the mbuf pool's cache depends on it) and online in the
/// tables' RCU domain.
class WorkerLoop {
 public:
  /// Keeps references to all but `config`. `cycles_per_second`: of the clock given to run_once.
  WorkerLoop(const WorkerConfig& config, ForwardingTables& tables, std::uint64_t cycles_per_second,
             WorkerCounters& counters, EventRing& events);

  /// Returns how many packets were received, the kernel's included. `now`: cycle counter, never
  /// decreasing.
  unsigned run_once(std::uint64_t now);
  /// The cycle at which it is to be called even if no packet comes.
  [[nodiscard]] std::uint64_t next_deadline() const { return pipeline_->next_deadline(); }

 private:
  /// Frames of a twin go out on its port as they are, in the port's VLAN.
  struct Injection {
    std::uint16_t twin;
    std::uint16_t twin_queue;
    PortId port;
    InterfaceCounters* counters;
  };
  struct ReceiveQueue {
    const DeviceSlot* slot;  // nullptr: the device stays
    DeviceId device;
    std::uint16_t queue;
    const Ingress* ingress;
    VlanDemux* vlans;  // nullptr: everything is for one port, without a VLAN
  };

  /// Takes what the machine's own programs send, from a SegmentQueue.
  unsigned receive_segments();
  unsigned inject(const Injection& injection, std::uint64_t now);
  unsigned send_for_others();
  /// Frees and counts what a device has not taken.
  void give_up(unsigned first, unsigned count);

  std::vector<WorkerPort> ports_;
  WorkerCounters& counters_;
  std::vector<std::unique_ptr<const Ingress>> ingresses_;
  std::map<DeviceId, VlanDemux> demuxes_;  ///< of devices with VLANs
  std::vector<Injection> injections_;
  std::vector<ReceiveQueue> receive_queues_;  ///< in the order that they are polled
  SegmentQueue* const host_segments_;         ///< nullptr: the host's is among receive_queues_
  const Ingress* host_ingress_ = nullptr;
  std::vector<std::shared_ptr<TransmitHandover>> sends_for_;
  std::unique_ptr<Pipeline> pipeline_;
  std::array<rte_mbuf*, kReceiveBurst> received_;
};

}  // namespace lastmile
