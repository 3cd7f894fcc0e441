// What a worker is started with. No DPDK here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/net/strong_id.h"
#include "dataplane/worker/idle.h"
#include "dataplane/worker/port.h"

struct rte_mempool;

namespace lastmile {

namespace bfd {
struct Channel;
}
class BfdHandover;
class CaptureBoard;

/// What BFD needs on a worker. All of it outlives the worker.
struct WorkerBfd {
  bfd::Channel* channel = nullptr;  ///< to the control thread; nullptr: no BFD
  rte_mempool* pool = nullptr;      ///< buffers for its packets alone, of 256 octets and more
  BfdHandover* handover = nullptr;  ///< between workers; nullptr if there is one only
};

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
  Scheduling scheduling = Scheduling::kFair;
  /// The CPU to run on; nullopt: where the scheduler likes.
  std::optional<unsigned> cpu{};
  /// Seed of the flow hash: the same for all workers of a router, different between routers.
  std::uint64_t flow_seed = 0;
  WorkerBfd bfd{};
  /// Which captures run; outlives the worker. nullptr: none ever.
  const CaptureBoard* captures = nullptr;
};

}  // namespace lastmile
