// The offload ladder of an open port.
#pragma once

#include <memory>

#include "drivers/offload/ladder.h"
#include "drivers/ports/port.h"

namespace lastmile::offload {

/// Owns the rules of a port. Goes before the port. One thread at a time.
class PortOffload {
 public:
  /// Climbs as far as the NIC goes and logs how far that is. The port is started, and no worker
  /// polls it yet: if nothing can be steered to its priority queue, the port gives it up.
  [[nodiscard]] static Result<std::unique_ptr<PortOffload>> start(Port& port);

  PortOffload(const PortOffload&) = delete;
  PortOffload& operator=(const PortOffload&) = delete;

  [[nodiscard]] const LadderReport& report() const { return ladder_.report(); }

  /// See Ladder.
  void reflect(std::vector<MacAddress> neighbors, std::vector<IpAddress> own_addresses) {
    ladder_.reflect(std::move(neighbors), std::move(own_addresses));
  }
  void drop(std::vector<DropMatch> matches) { ladder_.drop(std::move(matches)); }

  /// Stops and starts the port (the one that this belongs to); rules are taken out before and put
  /// in again after, because most NICs forget them. No worker may poll the port meanwhile.
  [[nodiscard]] Result<void> restart(Port& port);

 private:
  explicit PortOffload(const DeviceFacts& facts);

  RteFlowDevice device_;
  Ladder ladder_;
};

}  // namespace lastmile::offload
