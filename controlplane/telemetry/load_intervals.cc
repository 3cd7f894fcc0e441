#include "controlplane/telemetry/load_intervals.h"

#include <algorithm>

namespace lastmile {
namespace {

WorkerSnapshot load_since(const WorkerSnapshot& now, const WorkerSnapshot& before) {
  WorkerSnapshot load;
  load.vectors = now.vectors - before.vectors;
  load.packets = now.packets - before.packets;
  load.busy_cycles = now.busy_cycles - before.busy_cycles;
  load.idle_cycles = now.idle_cycles - before.idle_cycles;
  load.sleep_cycles = now.sleep_cycles - before.sleep_cycles;
  for (std::size_t i = 0; i < kStageCount; ++i) {
    load.stages[i] = {.cycles = now.stages[i].cycles - before.stages[i].cycles,
                      .packets = now.stages[i].packets - before.stages[i].packets};
  }
  return load;
}

}  // namespace

LoadIntervals::Reader& LoadIntervals::find(const std::string& name) {
  const auto known = std::ranges::find(readers_, name, &Reader::name);
  if (known != readers_.end()) return *known;
  if (readers_.size() == kMostReaders) {
    readers_.erase(std::ranges::min_element(readers_, {}, &Reader::asked));
  }
  readers_.push_back({.name = name, .counters = {}, .began = {}, .asked = {}});
  return readers_.back();
}

std::vector<WorkerSnapshot> LoadIntervals::since_last(const std::string& reader,
                                                      const std::vector<WorkerSnapshot>& counters,
                                                      TimePoint now) {
  Reader& found = find(reader);
  found.counters.resize(counters.size());  // the first time: since the start
  std::vector<WorkerSnapshot> load;
  for (std::size_t i = 0; i < counters.size(); ++i) {
    load.push_back(load_since(counters[i], found.counters[i]));
  }
  found.asked = now;
  if (now - found.began >= kShortest) {
    found.counters = counters;
    found.began = now;
  }
  return load;
}

}  // namespace lastmile
