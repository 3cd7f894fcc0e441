// Time on a worker, as BFD needs it: nanoseconds since some moment, made from the cycle counter.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace lastmile::bfd {

/// No now(): whoever calls in says what time it is.
struct Clock {
  using rep = std::int64_t;
  using period = std::nano;
  using duration = std::chrono::duration<rep, period>;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
};

using Instant = Clock::time_point;
using Interval = Clock::duration;
/// Intervals as the protocol and the configuration speak of them.
using Microseconds = std::chrono::duration<std::uint32_t, std::micro>;

inline constexpr Instant kNever = Instant::max();

/// So many intervals, at most what the type holds (71 minutes): both factors may be the neighbor's.
[[nodiscard]] constexpr Microseconds times(std::uint8_t count, Microseconds interval) {
  const std::uint64_t all = std::uint64_t{count} * interval.count();
  return Microseconds{static_cast<std::uint32_t>(std::min<std::uint64_t>(all, UINT32_MAX))};
}

}  // namespace lastmile::bfd
