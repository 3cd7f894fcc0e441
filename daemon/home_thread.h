// A thread that stays in the network namespace that lastmiled was started in, whatever becomes of
// the control thread, and does there what would hold that one up: closing and opening devices takes
// the kernel tens of milliseconds.
//
//   HomeThread home;                       // the control thread, still at home, and root
//   ...
//   home.post([&] { open_device(); });     // later
//
// What a process may do is known for each thread: who gives up privileges asks this one to do so as
// well (privileges.h).
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace lastmile {

/// Control thread.
class HomeThread {
 public:
  using Errand = std::function<void()>;

  /// Begins in the namespace that the calling thread is in. Throws std::system_error.
  HomeThread();
  ~HomeThread() { end(); }
  HomeThread(const HomeThread&) = delete;
  HomeThread& operator=(const HomeThread&) = delete;

  /// One after the other, in this order. They don't throw.
  void post(Errand errand);
  /// Posts it, and waits until it is done; what it throws is thrown here. Not after end().
  void run(const Errand& errand);
  /// Waits for the errand in hand. Those behind it are not done; what they hold, which workers may
  /// still use, goes with this.
  void end();

 private:
  void work();

  std::mutex mutex_;  // of the rest
  std::condition_variable wake_;
  std::deque<Errand> errands_;
  bool ending_ = false;

  std::thread thread_;
};

}  // namespace lastmile
