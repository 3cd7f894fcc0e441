// Time in the control plane.
//
// Nothing below the event loop reads a clock: each event carries the time at which it entered, and
// timers are armed relative to it. So a recorded run, replayed, sees the same times.
#pragma once

#include <chrono>
#include <cstdint>

namespace lastmile {

/// Monotonic microseconds. Only the event loop calls now().
struct ControlClock {
  using rep = std::int64_t;
  using period = std::micro;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<ControlClock>;
  static constexpr bool is_steady = true;

  static time_point now() {
    return time_point{
        std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch())};
  }
};

using TimePoint = ControlClock::time_point;
using Duration = ControlClock::duration;

}  // namespace lastmile
