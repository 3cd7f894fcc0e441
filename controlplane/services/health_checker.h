// Who carries out a health check. Implemented by CheckRunner over sockets and processes, and by
// fakes in tests.
#pragma once

#include <cstdint>

#include "controlplane/config/config.h"
#include "controlplane/event/event.h"

namespace lastmile {

/// Control thread only.
class HealthChecker {
 public:
  virtual ~HealthChecker() = default;
  /// Starts a check; never blocks. Exactly one ServiceChecked with this `service` and `run` follows
  /// once it has ended, at the latest when its timeout is over. `address`: where tcp and http go.
  virtual void check(ServiceId service, std::uint32_t run, const ServiceCheck& how,
                     const IpAddress& address) = 0;
};

}  // namespace lastmile
