// How long the control thread was held, and by what.
//
//   SliceMeter meter;
//   meter.measure("command", [&] { answer(); });
//
// Everything that the thread does for one event is a slice. While one runs, nothing else is heard:
// no keepalive, no link going down, no operator. Each is measured by the clock on the wall, which
// is what the others wait for, and by processor time, which is what the code is to blame for: on a
// busy machine the first can be long because the thread was not running.
//
// Control thread only.
#pragma once

#include <time.h>  // NOLINT(modernize-deprecated-headers): clock_gettime is POSIX

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <utility>

namespace lastmile {

class SliceMeter {
 public:
  using Nanoseconds = std::chrono::nanoseconds;
  /// A slice longer than this is counted: keepalives and link events should not wait longer.
  static constexpr std::chrono::milliseconds kLong{5};

  struct Longest {
    Nanoseconds wall{0};
    Nanoseconds cpu{0};
    const char* what = "";  ///< of the longest by processor time
  };

  /// `what` is a constant: only the pointer is kept.
  template <class Function>
  void measure(const char* what, Function&& function) {
    const Nanoseconds wall = read(CLOCK_MONOTONIC);
    const Nanoseconds cpu = read(CLOCK_THREAD_CPUTIME_ID);
    std::forward<Function>(function)();
    add(what, read(CLOCK_MONOTONIC) - wall, read(CLOCK_THREAD_CPUTIME_ID) - cpu);
  }

  void add(const char* what, Nanoseconds wall, Nanoseconds cpu) {
    ++slices_;
    last_ = cpu;
    busy_ += cpu;
    if (cpu > kLong) ++long_slices_;
    longest_.wall = std::max(longest_.wall, wall);
    if (cpu <= longest_.cpu) return;
    longest_.cpu = cpu;
    longest_.what = what;
  }

  [[nodiscard]] std::uint64_t slices() const { return slices_; }
  [[nodiscard]] std::uint64_t long_slices() const { return long_slices_; }
  [[nodiscard]] Nanoseconds busy() const { return busy_; }
  /// Processor time of the one that ended last.
  [[nodiscard]] Nanoseconds last() const { return last_; }
  [[nodiscard]] const Longest& longest() const { return longest_; }

 private:
  static Nanoseconds read(clockid_t clock) {
    timespec t{};
    clock_gettime(clock, &t);
    return std::chrono::seconds{t.tv_sec} + Nanoseconds{t.tv_nsec};
  }

  std::uint64_t slices_ = 0, long_slices_ = 0;
  Nanoseconds busy_{0};
  Nanoseconds last_{0};
  Longest longest_;
};

}  // namespace lastmile
