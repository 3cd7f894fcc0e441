// Where would this flow go, and why? The workers' own stages answer, with a packet that is not
// sent.
//
//   FlowTracer tracer{worker.config(), tables};
//   const FlowTrace trace = tracer.trace(flow, ingress);
//   if (trace.end == TraceEnd::kSent) ... trace.port, trace.choice->chosen ...
//
// README.md has the picture. An answer is of one moment, as a worker's is: its packets are of a
// later one, after which a route or a neighbor may be another.
#pragma once

#include <memory>
#include <optional>

#include "dataplane/forwarding/tables.h"
#include "dataplane/rcu/rcu.h"
#include "dataplane/trace/flow_trace.h"
#include "dataplane/worker/worker_config.h"

struct rte_mempool;

namespace lastmile {

/// One thread, which is no worker: the control thread. It is a reader of the tables' RCU domain
/// (ForwardingLimits::readers), offline but in `trace`.
class FlowTracer {
 public:
  /// `worker`: how any of the router's workers is set up; in what a trace asks, all are alike.
  /// `tables` outlive this. Throws std::bad_alloc, or std::length_error if the RCU domain has no
  /// room for another reader.
  FlowTracer(WorkerConfig worker, ForwardingTables& tables);
  ~FlowTracer();
  FlowTracer(const FlowTracer&) = delete;
  FlowTracer& operator=(const FlowTracer&) = delete;

  /// What becomes of the flow's packets that come in by `ingress`, which the router has; nullopt:
  /// from the machine's own programs. Takes some hundred microseconds.
  [[nodiscard]] FlowTrace trace(const TracedFlow& flow, std::optional<PortId> ingress);

 private:
  struct Free {
    void operator()(rte_mempool* pool) const;
  };
  [[nodiscard]] const WorkerPort* port(PortId id) const;

  WorkerConfig worker_;
  ForwardingTables& tables_;
  RcuReader reader_;
  std::unique_ptr<rte_mempool, Free> buffers_;
};

}  // namespace lastmile
