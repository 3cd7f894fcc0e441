#include "daemon/home_thread.h"

#include <pthread.h>

#include <csignal>
#include <exception>
#include <future>
#include <utility>

namespace lastmile {

HomeThread::HomeThread() {
  // Signals are for the control thread.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread{[this] { work(); }};
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_setname_np(thread_.native_handle(), "lm-home");
}

void HomeThread::post(Errand errand) {
  {
    const std::lock_guard lock{mutex_};
    errands_.push_back(std::move(errand));
  }
  wake_.notify_one();
}

void HomeThread::run(const Errand& errand) {
  std::promise<void> done;
  post([&] {
    try {
      errand();
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

void HomeThread::end() {
  {
    const std::lock_guard lock{mutex_};
    ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  errands_.clear();
}

void HomeThread::work() {
  std::unique_lock lock{mutex_};
  while (true) {
    wake_.wait(lock, [this] { return ending_ || !errands_.empty(); });
    if (ending_) return;
    {
      const Errand errand = std::move(errands_.front());
      errands_.pop_front();
      lock.unlock();
      errand();
    }
    lock.lock();
  }
}

}  // namespace lastmile
