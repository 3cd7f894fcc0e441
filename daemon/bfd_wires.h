// The way between the control plane's BFD and the workers': a channel for each worker, and which
// worker a port belongs to.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "controlplane/bfd/bfd_plane.h"
#include "daemon/devices.h"
#include "dataplane/bfd/status.h"
#include "dataplane/pipeline/bfd_handover.h"
#include "dataplane/worker/worker_config.h"

namespace lastmile {

/// Outlives the workers. Control thread only, but for what WorkerBfd hands to a worker.
class BfdWires final : public BfdPlane {
 public:
  BfdWires(const Devices& devices, unsigned workers);

  /// For one worker's configuration; `pool` from Devices::bfd_pool().
  [[nodiscard]] WorkerBfd worker(unsigned worker, rte_mempool* pool);
  [[nodiscard]] WorkerId owner(PortId port) const {
    return port == bfd::kAnyPort ? bfd::kMultihopOwner : owners_[port.value()];
  }

  void submit(PortId port, const bfd::Command& command) override;
  [[nodiscard]] const bfd::SessionStatus& status(PortId port, bfd::SessionId id) const override;
  /// Commands that found a ring full try again: call after each event.
  void flush();

  [[nodiscard]] const bfd::StatusBoard& board(unsigned worker) const {
    return lines_[worker]->channel.status;
  }
  [[nodiscard]] unsigned workers() const { return static_cast<unsigned>(lines_.size()); }

 private:
  struct Line {
    bfd::Channel channel;
    std::deque<bfd::Command> waiting;
  };

  std::vector<std::unique_ptr<Line>> lines_;
  std::unique_ptr<BfdHandover> handover_;
  std::vector<WorkerId> owners_;  ///< by port
};

}  // namespace lastmile
