#include "daemon/watchdog.h"

#include <pthread.h>

#include <utility>

#include "controlplane/io/quiet_thread.h"

namespace lastmile {

Watchdog::Watchdog(Outside outside) : outside_(std::move(outside)) {}

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Watchdog::watch(std::string thread, ProgressMonitor::Pulse pulse) {
  names_.push_back(thread);
  monitor_.watch(std::move(thread), std::move(pulse));
}

void Watchdog::start() {
  thread_ = quiet_thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "lm-watchdog");
}

void Watchdog::run() {
  std::unique_lock lock{mutex_};
  while (!stopping_) {
    lock.unlock();
    const auto changes = monitor_.look(std::chrono::steady_clock::now());
    note(changes);
    for (const auto& change : changes) outside_.report(change);
    if (monitor_.all_moved()) outside_.alive();
    outside_.poke();
    lock.lock();
    wake_.wait_for(lock, outside_.period, [this] { return stopping_; });
  }
}

void Watchdog::note(const std::vector<ProgressMonitor::Change>& changes) {
  const std::lock_guard lock{mutex_};
  for (const auto& change : changes) {
    if (change.stuck) {
      stuck_.insert(change.thread);
    } else {
      stuck_.erase(change.thread);
    }
  }
}

bool Watchdog::is_stuck(const std::string& thread) const {
  const std::lock_guard lock{mutex_};
  return stuck_.contains(thread);
}

}  // namespace lastmile
