// A thread that watches the others: the control thread, the FIB writer, the workers.
//
//   Watchdog watchdog{{.period = ..., .poke = ..., .report = ..., .alive = ...}};
//   watchdog.watch("worker 0", [&] { return worker.counters().loops.read(); });
//   watchdog.start();
//
// One that does not move is reported, by `report`, and `alive` is not called until it does: what
// tells systemd that the router lives hangs on every thread without which it does not forward, or
// learns nothing. It needs none of them to do so.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "daemon/progress_monitor.h"

namespace lastmile {

/// Control thread, unless said otherwise.
class Watchdog {
 public:
  /// All are called on the watchdog's thread.
  struct Outside {
    std::chrono::milliseconds period{250};  ///< of looking
    /// Asks threads that sleep until there is work to go round once. Must not wait.
    std::function<void()> poke;
    std::function<void(const ProgressMonitor::Change&)> report;
    /// All threads have moved since it was last called: twice in each `period` at most.
    std::function<void()> alive;
  };

  explicit Watchdog(Outside outside);
  /// Ends the thread: nothing is called after it.
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  /// Before start(). `pulse` is called on the watchdog's thread.
  void watch(std::string thread, ProgressMonitor::Pulse pulse);
  /// Throws std::system_error.
  void start();

  [[nodiscard]] bool is_stuck(const std::string& thread) const;
  /// All that are watched, in the order in which they were given.
  [[nodiscard]] const std::vector<std::string>& threads() const { return names_; }

 private:
  void run();
  void note(const std::vector<ProgressMonitor::Change>& changes);

  const Outside outside_;
  ProgressMonitor monitor_;  // start(): the watchdog's thread only
  std::vector<std::string> names_;

  mutable std::mutex mutex_;  // of the rest
  std::condition_variable wake_;
  bool stopping_ = false;
  std::set<std::string> stuck_;  // watchdog: writes; control: reads

  std::thread thread_;
};

}  // namespace lastmile
