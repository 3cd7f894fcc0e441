// A clock that all processes since the machine's start share, so that one can read what another
// has written down.
#pragma once

#include <chrono>
#include <ctime>

namespace lastmile {

/// Since the kernel booted, sleep included. Any thread.
[[nodiscard]] inline std::chrono::microseconds since_boot() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::seconds{t.tv_sec} +
                                                               std::chrono::nanoseconds{t.tv_nsec});
}

}  // namespace lastmile
