// DPDK's own telemetry socket answers for the router, too, beside what DPDK says of its devices:
//
//   $ dpdk-telemetry.py -f lastmile-PID
//   --> /lastmile/ports                    what `lastmile show ports --json` says
//   --> /lastmile/ports,up1                of one port only
//
// DPDK has a thread for each client; an answer is made on the control thread, as for `lastmile`,
// and waited for.
#pragma once

#include <functional>
#include <string>

namespace lastmile {

/// One for each process: DPDK forgets no command. Control thread only.
class DpdkTelemetry {
 public:
  struct Outside {
    /// Runs a function on the control thread, soon. Any thread.
    std::function<void(std::function<void()>)> post;
    /// Answers a request of the control socket (controlplane/control/command_table.h).
    std::function<std::string(const std::string& request)> dispatch;
  };
  /// After DPDK has started.
  explicit DpdkTelemetry(Outside outside);
  /// Commands that come from now on are answered with an error.
  ~DpdkTelemetry();
  DpdkTelemetry(const DpdkTelemetry&) = delete;
  DpdkTelemetry& operator=(const DpdkTelemetry&) = delete;
};

}  // namespace lastmile
