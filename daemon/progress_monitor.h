// Which threads make progress, by what they count as they go round.
//
//   ProgressMonitor monitor;
//   monitor.watch("worker 0", [&] { return worker.counters().loops.read(); });
//   for (const auto& change : monitor.look(now)) report(change);      // every few hundred ms
//   if (monitor.all_moved()) say_that_we_live();
//
// It reads counters and a clock that it is given, and does nothing else: what a stopped thread
// looks like is tested without stopping one.
//
// Whoever was not run itself can't blame others: when looks are far apart (the machine was
// suspended, the whole process stopped, every CPU taken) all patience begins anew.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace lastmile {

/// One thread only: the one that looks.
class ProgressMonitor {
 public:
  using Time = std::chrono::steady_clock::time_point;
  using Duration = std::chrono::steady_clock::duration;
  /// Grows as long as the thread runs; called by the one that looks.
  using Pulse = std::function<std::uint64_t()>;

  struct Options {
    /// A thread that does not move for so long is stuck. Far longer than a busy machine keeps a
    /// thread waiting, and shorter than a service manager's patience.
    Duration patience = std::chrono::seconds{3};
    /// Looks that are further apart than this say nothing.
    Duration longest_gap = std::chrono::seconds{1};
  };
  struct Change {
    std::string thread;
    bool stuck = false;  ///< now; false: it moves again
    Duration silent{0};  ///< for so long it has not moved, or had not
  };

  ProgressMonitor() : ProgressMonitor(Options{}) {}
  explicit ProgressMonitor(Options options) : options_(options) {}

  /// Before the first look.
  void watch(std::string thread, Pulse pulse);

  /// Threads that have got stuck, or moved again, since the last look.
  [[nodiscard]] std::vector<Change> look(Time now);
  /// Every thread has moved since this last was true; as of the last look.
  [[nodiscard]] bool all_moved();

 private:
  struct Watched {
    std::string name;
    Pulse pulse;
    std::uint64_t last = 0;
    Time moved_at;
    bool moved = false;  ///< since all_moved() was true
    bool stuck = false;
  };

  Options options_;
  std::vector<Watched> threads_;
  Time looked_at_;
  bool has_looked_ = false;
};

}  // namespace lastmile
