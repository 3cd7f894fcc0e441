// Wakes a thread that sleeps on a file descriptor, and costs no system call while it is awake.
//
//   // the side that rings                // the side that sleeps
//   queue.publish();                      bell.arm();
//   bell.ring();                          if (nothing to do) bell.wait(timeout);   // or epoll on
//   fd()
//
// Why no ring is lost: `ring` and `arm` exchange the same word, so one comes first. If `arm` does,
// `ring` sees an armed bell and signals the descriptor; if `ring` does, `arm` sees everything that
// was published before it, and the look at the queue that follows finds it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace lastmile {

class Doorbell {
 public:
  /// Throws std::system_error when the process has no descriptor left.
  Doorbell();
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  /// Readable from a ring on an armed bell until the next `arm`.
  [[nodiscard]] int fd() const { return fd_; }

  // ---- any thread

  /// Call after what the sleeper should see is published.
  void ring() noexcept {
    if (state_.exchange(State::kRung, std::memory_order_acq_rel) == State::kArmed) signal();
  }

  // ---- the sleeper

  /// Asks for a signal at the next ring and forgets earlier ones. Look for work after this call and
  /// before sleeping.
  void arm() noexcept;
  /// Sleeps until the bell rings or the time is over; a negative timeout never is.
  void wait(std::chrono::microseconds timeout) noexcept;

 private:
  enum class State : std::uint8_t { kRung, kArmed };

  void signal() noexcept;

  const int fd_;
  std::atomic<State> state_{State::kRung};  // both sides: exchange, once a batch
};

}  // namespace lastmile
