// Threads beside the control thread, which signals are for (with net_tap each packet is one).
#pragma once

#include <pthread.h>

#include <csignal>
#include <thread>
#include <utility>

namespace lastmile {

/// Starts a thread that hears no signal. It inherits the mask, so none comes before it could set
/// one itself. Throws std::system_error.
template <class Work>
[[nodiscard]] std::thread quiet_thread(Work work) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread{std::move(work)};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace lastmile
