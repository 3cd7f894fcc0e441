// What the stages of one worker share: the tables that they read, the state that they own, and the
// clock of this loop.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/capture/capture_tap.h"
#include "dataplane/forwarding/flow_hash.h"
#include "dataplane/forwarding/tables.h"
#include "dataplane/pipeline/bfd_stage.h"
#include "dataplane/pipeline/exits.h"
#include "dataplane/pipeline/hold.h"
#include "dataplane/pipeline/icmp_errors.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/event_ring.h"
#include "dataplane/worker/port.h"

namespace lastmile {

/// One worker. `now` is the cycle counter at the start of the loop: precise enough for policers and
/// deadlines, and read once.
struct PipelineContext {
  PipelineContext(const ForwardingTables& tables_, std::span<const WorkerPort> ports,
                  const WorkerHost& host, std::uint64_t flow_seed, std::uint64_t cycles_per_second,
                  WorkerCounters& counters_, EventRing& events, const CaptureBoard* captures,
                  WorkerId worker)
      : tables(tables_),
        flow_hash(flow_seed),
        counters(counters_),
        tap(captures, worker, ports, host),
        exits(ports, host, cycles_per_second, counters_, tap),
        errors(host, cycles_per_second, counters_, exits),
        holds(cycles_per_second, counters_, events, exits, errors) {}

  const ForwardingTables& tables;  // FIB writer: writes; workers: read
  const FlowHash flow_hash;
  WorkerCounters& counters;
  CaptureTap tap;
  Exits exits;
  IcmpErrors errors;
  HoldQueue holds;
  std::unique_ptr<BfdStage> bfd;  ///< nullptr: this worker runs none
  std::uint64_t now = 0;
};

}  // namespace lastmile
