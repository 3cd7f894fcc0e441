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

/// Gives way in small pieces, where the kernel would take the CPU away in one.
///
/// A real-time thread that never sleeps may have 95 % of a CPU (sched(7)). The kernel takes the
/// rest at once: 50 ms of each second without packets, in which BFD of any reasonable interval
/// fails and every queue runs over. So a worker with packets in hand sleeps kPause of each kPeriod,
/// which is as much, and which queues outlast.
///
/// One worker.
class RealtimeManners {
 public:
  static constexpr std::chrono::microseconds kPeriod{500};
  static constexpr std::chrono::microseconds kPause{30};

  RealtimeManners(Scheduling scheduling, std::uint64_t cycles_per_second)
      : period_(scheduling == Scheduling::kRealtime
                    ? cycles_per_second / 1'000'000 * static_cast<std::uint64_t>(kPeriod.count())
                    : kNever) {}

  /// The worker has slept, for whatever reason: a pause pays for a period, a shorter sleep for its
  /// share of one. Cycle counter.
  void slept(std::uint64_t from, std::uint64_t to) {
    constexpr std::uint64_t kPaysFor = kPeriod / kPause + 1;
    paid_until_ = std::min(to, paid_until_ + (to - from) * kPaysFor);
  }
  [[nodiscard]] bool is_due(std::uint64_t now) const { return now - paid_until_ >= period_; }

 private:
  static constexpr std::uint64_t kNever = ~std::uint64_t{0};

  const std::uint64_t period_;  // cycles
  std::uint64_t paid_until_ = 0;
};

/// Does the kernel take the CPU from real-time threads that use it all?
[[nodiscard]] bool realtime_is_throttled();

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
