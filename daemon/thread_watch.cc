#include "daemon/thread_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "logging/log.h"

namespace lastmile {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr milliseconds kPeriod{250};

std::string worker_name(unsigned worker) {
  return fmt::format("worker {}", worker);
}

/// Often enough for two signs of life in each patience, with a look to spare.
milliseconds period_for(std::chrono::microseconds patience) {
  if (patience.count() == 0) return kPeriod;
  return std::clamp(duration_cast<milliseconds>(patience / 4), milliseconds{1}, kPeriod);
}

}  // namespace

ThreadWatch::ThreadWatch(Outside outside)
    : outside_(outside),
      watchdog_({.period = period_for(outside.manager.patience()),
                 .poke = [this] { poke(); },
                 .report = [this](const ProgressMonitor::Change& change) { report(change); },
                 .alive =
                     [this] {
                       if (tells_) outside_.manager.say("WATCHDOG=1");
                     }}) {
  watchdog_.watch("control", [this] { return turns_.load(); });
  watchdog_.watch("FIB writer", [&writer = outside.forwarding.writer()] { return writer.turns(); });
  for (const auto& worker : outside.forwarding.workers()) {
    watchdog_.watch(worker_name(worker->id().value()),
                    [&counters = worker->counters()] { return counters.loops.read(); });
  }
}

bool ThreadWatch::is_stuck(unsigned worker) const {
  return is_stuck(worker_name(worker));
}

// Both sleep until there is something to do. The control thread is asked again only when it has
// answered, so that nothing piles up in front of one that is stuck.
void ThreadWatch::poke() {
  outside_.forwarding.writer().nudge();
  if (asked_ != turns_.load()) return;
  ++asked_;
  outside_.loop.post([this] { turns_.fetch_add(1); });
}

void ThreadWatch::report(const ProgressMonitor::Change& change) {
  const auto silent = duration_cast<milliseconds>(change.silent).count();
  std::string text = change.stuck ? fmt::format("does not move, for {} ms by now", silent)
                                  : fmt::format("moves again, after {} ms", silent);
  if (change.stuck) {
    log::error("thread {} {}", change.thread, text);
  } else {
    log::warn("thread {} {}", change.thread, text);
  }
  outside_.loop.post([this, thread = change.thread, said = std::move(text)]() mutable {
    outside_.journal.record(outside_.loop.now(), JournalKind::kWatchdog, std::move(thread),
                            std::move(said));
  });
}

}  // namespace lastmile
