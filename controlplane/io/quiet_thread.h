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
  struct Quiet {
    Quiet() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_SETMASK, &all, &before);
    }
    ~Quiet() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    sigset_t before;
  } const quiet;
  return std::thread{std::move(work)};
}

}  // namespace lastmile
