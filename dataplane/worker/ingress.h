// Where packets come in: what the stages know of a port, or of the host interface, made of a
// worker's configuration.
#pragma once

#include "dataplane/pipeline/vector.h"
#include "dataplane/worker/worker_config.h"

namespace lastmile {

/// `port` and `counters` outlive it.
[[nodiscard]] Ingress ingress_of(const WorkerPort& port, TransitPolicy transit,
                                 WorkerCounters& counters);
[[nodiscard]] Ingress ingress_of_host(WorkerCounters& counters);

}  // namespace lastmile
