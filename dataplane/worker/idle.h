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

/// One worker.
class IdleController {
 public:
  static constexpr std::chrono::microseconds kSpin{20};
  static constexpr std::chrono::microseconds kFirstSleep{10};
  static constexpr std::chrono::microseconds kLongestSleep{150};

  IdleController(IdleStrategy strategy, std::uint64_t cycles_per_second)
      : strategy_(strategy),
        spin_cycles_(cycles_per_second / 1'000'000 * static_cast<std::uint64_t>(kSpin.count())) {}

  /// Packets came.
  void busy() { idle_since_ = 0; }

  /// Nothing came. How long to sleep now; zero: look again at once. `now`: cycle counter.
  [[nodiscard]] std::chrono::microseconds idle(std::uint64_t now) {
    if (strategy_ == IdleStrategy::kPoll) return {};
    if (idle_since_ == 0) {
      idle_since_ = now;
      next_sleep_ = kFirstSleep;
    }
    if (now - idle_since_ < spin_cycles_) return {};
    const std::chrono::microseconds sleep = next_sleep_;
    next_sleep_ = std::min(next_sleep_ * 2, kLongestSleep);
    return sleep;
  }

 private:
  const IdleStrategy strategy_;
  const std::uint64_t spin_cycles_;
  std::uint64_t idle_since_ = 0;  // 0: not idle
  std::chrono::microseconds next_sleep_ = kFirstSleep;
};

/// Makes the calling thread's sleeps as exact as the kernel can: timers are not put off to be
/// grouped with others (default: 50 µs).
void use_exact_timers();

/// Sleeps about `duration`.
void sleep_for(std::chrono::microseconds duration);

}  // namespace lastmile
