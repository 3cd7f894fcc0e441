#include "dataplane/worker/idle.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>

namespace lastmile {

void use_exact_timers() {
  // 1 ns is the least; it cannot fail for the calling thread.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

void prefer_this_thread() {
  constexpr int kNice = -10;
  static_cast<void>(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice));
}

void sleep_for(std::chrono::microseconds duration) {
  const timespec time{.tv_sec = 0, .tv_nsec = static_cast<long>(duration.count()) * 1000};
  // Woken early by a signal: the caller looks for packets and sleeps again, no need to go on.
  clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

}  // namespace lastmile
