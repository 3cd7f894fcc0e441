// What the stages of one worker share: the tables that they read, the state that they own, and the
// clock of this loop.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

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
                  WorkerCounters& counters_, EventRing& events)
      : tables(tables_),
        flow_hash(flow_seed),
        counters(counters_),
        exits(ports, host, cycles_per_second, counters_),
        errors(host, cycles_per_second, counters_, exits),
        holds(cycles_per_second, counters_, events, exits, errors) {}

  const ForwardingTables& tables;  // FIB writer: writes; workers: read
  const FlowHash flow_hash;
  WorkerCounters& counters;
  Exits exits;
  IcmpErrors errors;
  HoldQueue holds;
  std::unique_ptr<BfdStage> bfd;  ///< nullptr: this worker runs none
  std::uint64_t now = 0;
};

}  // namespace lastmile
