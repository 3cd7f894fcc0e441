#include "daemon/progress_monitor.h"

#include <algorithm>
#include <utility>

namespace lastmile {

void ProgressMonitor::watch(std::string thread, Pulse pulse) {
  threads_.push_back({std::move(thread), std::move(pulse), 0, {}, false, false});
}

std::vector<ProgressMonitor::Change> ProgressMonitor::look(Time now) {
  const bool in_time = has_looked_ && now - looked_at_ <= options_.longest_gap;
  looked_at_ = now;
  has_looked_ = true;
  std::vector<Change> changes;
  for (Watched& thread : threads_) {
    const std::uint64_t pulse = thread.pulse();
    if (std::exchange(thread.last, pulse) != pulse) {
      if (std::exchange(thread.stuck, false)) {
        changes.push_back({thread.name, false, now - thread.moved_at});
      }
      thread.moved_at = now;
      thread.moved = true;
    } else if (!in_time && !thread.stuck) {
      thread.moved_at = now;
    } else if (!thread.stuck && now - thread.moved_at >= options_.patience) {
      thread.stuck = true;
      changes.push_back({thread.name, true, now - thread.moved_at});
    }
  }
  return changes;
}

bool ProgressMonitor::all_moved() {
  if (!std::ranges::all_of(threads_, &Watched::moved)) return false;
  for (Watched& thread : threads_) thread.moved = false;
  return true;
}

}  // namespace lastmile
