// What workers' load was since the same reader asked before. Everyone who looks again and again
// (Prometheus, each `lastmile top`) is a reader with a name, so none shortens another's interval.
//
//   LoadIntervals intervals;
//   const auto load = intervals.since_last("metrics", snapshots, now);
//
// Control thread only.
#pragma once

#include <string>
#include <vector>

#include "controlplane/event/time.h"
#include "dataplane/worker/counters.h"

namespace lastmile {

class LoadIntervals {
 public:
  /// Readers that are remembered: then the one that asked longest ago is forgotten.
  static constexpr std::size_t kMostReaders = 16;
  /// A reader's interval is not shorter than this: who asks twice at once has the same answer.
  static constexpr Duration kShortest = std::chrono::seconds{1};

  /// Of each worker, since its reader's interval began; since the start for a new reader. Only
  /// what tells of load: packets, vectors, cycles, stages.
  [[nodiscard]] std::vector<WorkerSnapshot> since_last(const std::string& reader,
                                                       const std::vector<WorkerSnapshot>& counters,
                                                       TimePoint now);

 private:
  struct Reader {
    std::string name;
    std::vector<WorkerSnapshot> counters;  ///< when the interval began
    TimePoint began;
    TimePoint asked;
  };
  Reader& find(const std::string& name);

  std::vector<Reader> readers_;
};

}  // namespace lastmile
