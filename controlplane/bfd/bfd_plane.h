// What the control plane's BFD asks of the workers. The daemon implements it over their rings;
// tests put a recorder there.
#pragma once

#include "dataplane/bfd/command.h"
#include "dataplane/bfd/status.h"

namespace lastmile {

/// Control thread only; none blocks.
class BfdPlane {
 public:
  virtual ~BfdPlane() = default;
  /// Sends a command to the worker that owns the port (bfd::kAnyPort: the sessions over several
  /// hops). Commands of one port arrive in their order.
  virtual void submit(PortId port, const bfd::Command& command) = 0;
  /// What that worker shows of a session.
  [[nodiscard]] virtual const bfd::SessionStatus& status(PortId port, bfd::SessionId id) const = 0;
};

}  // namespace lastmile
