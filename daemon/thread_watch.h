// The threads without which the router does not forward, or learns nothing, under the watchdog: the
// control thread, the FIB writer and each worker.
//
// One that is stuck is said in the log at once, and in `show workers`, `show control`, the metrics
// and the events as soon as the control thread can. systemd hears WATCHDOG=1 only while all of them
// go round, and starts the router anew when it hears nothing for WatchdogSec=.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/io/event_loop.h"
#include "controlplane/journal/journal.h"
#include "daemon/forwarding.h"
#include "daemon/service_manager.h"
#include "daemon/watchdog.h"

namespace lastmile {

/// Control thread only.
class ThreadWatch {
 public:
  /// All outlive this.
  struct Outside {
    EventLoop& loop;
    Forwarding& forwarding;
    Journal& journal;
    const ServiceManager& manager;
  };
  explicit ThreadWatch(Outside outside);

  /// When the threads run. Throws std::system_error.
  void start() { watchdog_.start(); }
  /// From now on systemd is told.
  void tell() { tells_ = true; }

  [[nodiscard]] const std::vector<std::string>& names() const { return watchdog_.threads(); }
  [[nodiscard]] bool is_stuck(const std::string& name) const { return watchdog_.is_stuck(name); }
  [[nodiscard]] bool is_stuck(unsigned worker) const;

 private:
  void poke();
  void report(const ProgressMonitor::Change& change);

  const Outside outside_;
  std::atomic<bool> tells_{false};  // control: writes; watchdog: reads
  std::atomic<std::uint64_t> turns_{
      0};                    // control: writes, as often as it is asked; watchdog: reads
  std::uint64_t asked_ = 0;  // watchdog only
  Watchdog watchdog_;        // goes first
};

}  // namespace lastmile
