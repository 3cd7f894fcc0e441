// What a worker does when a loop has found nothing.
//
// It spins for a while, because packets come in trains; then it sleeps, longer each time, up to
// kLongestSleep. So an idle router costs little of a core, and the first packet after a pause waits
// for a sleep at the most: well under 200 µs.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace lastmile {

enum class IdleStrategy : std::uint8_t {
  kAdaptive,  ///< spin, then sleep
  kPoll,      ///< always spin
};

/// How the kernel weighs a worker against other threads of its CPU.
enum class Scheduling : std::uint8_t {
  kFair,      ///< a share like others, and more of it than most (nice -10)
  kRealtime,  ///< before every ordinary thread (SCHED_RR); the kernel leaves those 5 % (sched(7))
};

/// One worker.
class IdleController {
 public:
  static constexpr std::chrono::microseconds kSpin{20};
  static constexpr std::chrono::microseconds kFirstSleep{10};
  static constexpr std::chrono::microseconds kLongestSleep{150};

  IdleController(IdleStrategy strategy, std::uint64_t cycles_per_second)
      : strategy_(strategy),
        cycles_per_microsecond_(cycles_per_second / 1'000'000),
        spin_cycles_(cycles_per_microsecond_ * static_cast<std::uint64_t>(kSpin.count())) {}

  /// Packets came.
  void busy() { idle_since_ = 0; }

  /// Nothing came. How long to sleep now; zero: look again at once. `now`: cycle counter.
  /// `deadline`: the cycle at which the worker has something to do anyway.
  [[nodiscard]] std::chrono::microseconds idle(std::uint64_t now,
                                               std::uint64_t deadline = ~std::uint64_t{0}) {
    if (strategy_ == IdleStrategy::kPoll) return {};
    if (idle_since_ == 0) {
      idle_since_ = now;
      next_sleep_ = kFirstSleep;
    }
    if (now - idle_since_ < spin_cycles_) return {};
    const std::chrono::microseconds sleep = next_sleep_;
    next_sleep_ = std::min(next_sleep_ * 2, kLongestSleep);
    if (deadline <= now) return {};
    // Whole microseconds, rounded down: rather a little early than late, for what is left is spun.
    const std::chrono::microseconds left{
        static_cast<std::int64_t>(std::min((deadline - now) / cycles_per_microsecond_,
                                           static_cast<std::uint64_t>(kLongestSleep.count())))};
    return std::min(sleep, left);
  }

 private:
  const IdleStrategy strategy_;
  const std::uint64_t cycles_per_microsecond_;
  const std::uint64_t spin_cycles_;
  std::uint64_t idle_since_ = 0;  // 0: not idle
  std::chrono::microseconds next_sleep_ = kFirstSleep;
};

/// Makes the calling thread's sleeps as exact as the kernel can: timers are not put off to be
/// grouped with others (default: 50 µs).
void use_exact_timers();

/// Puts the calling thread in front of others where they share a CPU, because BFD's timers are
/// short. Returns an error number if the kernel refuses real time. Without the privilege
/// (CAP_SYS_NICE) a fair thread stays as it is, which costs precision under load and nothing else.
[[nodiscard]] int schedule_this_thread(Scheduling scheduling);

/// Sleeps about `duration`.
void sleep_for(std::chrono::microseconds duration);

}  // namespace lastmile
