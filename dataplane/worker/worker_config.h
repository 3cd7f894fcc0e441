// What a worker is started with. No DPDK here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/net/strong_id.h"
#include "dataplane/worker/idle.h"
#include "dataplane/worker/port.h"

namespace lastmile {

/// May packets from one uplink leave by another?
enum class TransitPolicy : std::uint8_t {
  kRefuse,  ///< host mode: never, whatever the routes say
  kAllow,
};

struct WorkerConfig {
  WorkerId id{};
  std::vector<WorkerPort> ports{};
  WorkerHost host{};
  /// Of workers without a transmit queue of their own: this one sends for them.
  std::vector<std::shared_ptr<TransmitHandover>> sends_for{};
  TransitPolicy transit = TransitPolicy::kRefuse;
  IdleStrategy idle = IdleStrategy::kAdaptive;
  /// The CPU to run on; nullopt: where the scheduler likes.
  std::optional<unsigned> cpu{};
  /// Seed of the flow hash: the same for all workers of a router, different between routers.
  std::uint64_t flow_seed = 0;
};

}  // namespace lastmile
