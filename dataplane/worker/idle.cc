#include "dataplane/worker/idle.h"

#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <ctime>
#include <fstream>

namespace lastmile {

bool realtime_is_throttled() {
  // Microseconds of a second that real-time threads may have; -1: all of them.
  long runtime = 0;
  std::ifstream{"/proc/sys/kernel/sched_rt_runtime_us"} >> runtime;
  return runtime >= 0;
}

void use_exact_timers() {
  // 1 ns is the least; it cannot fail for the calling thread.
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

int schedule_this_thread(Scheduling scheduling) {
  if (scheduling == Scheduling::kRealtime) {
    // The least of real-time priorities: the kernel's own threads of that kind go first.
    const sched_param priority{.sched_priority = sched_get_priority_min(SCHED_RR)};
    return pthread_setschedparam(pthread_self(), SCHED_RR, &priority);
  }
  constexpr int kNice = -10;
  static_cast<void>(setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice));
  return 0;
}

void sleep_for(std::chrono::microseconds duration) {
  const timespec time{.tv_sec = 0, .tv_nsec = static_cast<long>(duration.count()) * 1000};
  // Woken early by a signal: the caller looks for packets and sleeps again, no need to go on.
  clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

}  // namespace lastmile
