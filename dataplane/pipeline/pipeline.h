// The pipeline of one worker: the stages in their order.
//
//   Pipeline pipeline{tables, ports, host, options, counters, events};
//   pipeline.begin(now);                                    // each loop
//   pipeline.process(ingress, packets);                     // each receive burst
//   pipeline.finish();                                      // held packets, then transmit
//
// Tests drive it with packets in an array and a clock of their own; the worker with ethdev bursts.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <span>

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/stage_clock.h"
#include "dataplane/pipeline/vector.h"
#include "dataplane/pipeline/vlan_demux.h"

namespace lastmile {

struct PipelineOptions {
  std::uint64_t flow_seed = 0;          ///< routers in a row should have different ones
  std::uint64_t cycles_per_second = 0;  ///< of the clock that `begin` is given
  WorkerId worker{};
  WorkerBfd bfd{};                         ///< without a channel: no BFD
  const CaptureBoard* captures = nullptr;  ///< nullptr: there are never any
};

/// One worker; online in the tables' RCU domain in all calls, and quiescent only between loops.
class Pipeline {
 public:
  Pipeline(ForwardingTables& tables, std::span<const WorkerPort> ports, const WorkerHost& host,
           const PipelineOptions& options, WorkerCounters& counters, EventRing& events);

  /// The ways out, for what does not come through the stages.
  [[nodiscard]] Exits& exits() { return context_.exits; }

  /// A new loop. `now`: cycle counter, never decreasing.
  void begin(std::uint64_t now) {
    context_.now = now;
    clock_.begin_loop();
    if (context_.bfd != nullptr) context_.bfd->begin(now);
    clock_.start();
  }

  /// The time since `begin` or the last stage was spent receiving `packets`.
  void received(unsigned packets) { clock_.lap(Stage::kReceive, packets); }

  /// Takes up to kVectorSize packets over; what leaves waits for `finish`.
  void process(const Ingress& ingress, std::span<rte_mbuf* const> packets);
  /// The same for packets of a device with VLANs.
  void process(VlanDemux& ports, std::span<rte_mbuf* const> packets);

  /// Sends held packets on whose wait is over, serves BFD's timers, and transmits everything.
  /// `packets`: received in this loop.
  void finish(unsigned packets, Backlog backlog);

  /// The cycle at which `finish` is wanted even if no packet comes.
  [[nodiscard]] std::uint64_t next_deadline() const {
    return context_.bfd != nullptr ? context_.bfd->next_deadline() : ~std::uint64_t{0};
  }

  /// For what passes the worker without the pipeline.
  [[nodiscard]] CaptureTap& tap() { return context_.tap; }

 private:
  template <class Vector>
  void forward(const Ingress& ingress, Vector& vector);
  [[nodiscard]] bool is_over(const HoldKey& key) const;
  void resume(const HeldPacket& held);
  void send_routed();
  template <class Family>
  void send_errors(typename Family::Vector& vector);

  PipelineContext context_;
  Ingress self_;  ///< of packets of our own
  StageClock clock_;
  Ipv4Vector ipv4_;
  Ipv6Vector ipv6_;
};

}  // namespace lastmile
