// Cycles per stage, sampled: one loop in kStageSamplePeriod is timed, so that the cycle counter
// costs nothing that can be measured even when vectors are short.
#pragma once

#include <rte_cycles.h>

#include <cstdint>

#include "dataplane/pipeline/stage.h"
#include "dataplane/worker/counters.h"

namespace lastmile {

/// One worker.
class StageClock {
 public:
  explicit StageClock(WorkerCounters& counters) : counters_(counters) {}

  /// A new loop.
  void begin_loop() { sampled_ = (++loop_ % kStageSamplePeriod) == 0; }
  /// The stage that follows starts now.
  void start() {
    if (sampled_) last_ = rte_rdtsc();
  }
  /// A stage ends, having done `packets`; the next one starts.
  void lap(Stage stage, unsigned packets) {
    if (!sampled_) return;
    const std::uint64_t now = rte_rdtsc();
    if (packets != 0) {
      StageCounters& counted = counters_.stages[static_cast<std::size_t>(stage)];
      counted.cycles.add(now - last_);
      counted.packets.add(packets);
    }
    last_ = now;
  }

 private:
  WorkerCounters& counters_;
  unsigned loop_ = 0;
  bool sampled_ = false;
  std::uint64_t last_ = 0;
};

}  // namespace lastmile
