#include "daemon/home_thread.h"

#include <pthread.h>

#include <future>
#include <utility>

#include "controlplane/io/quiet_thread.h"

namespace lastmile {

HomeThread::HomeThread() {
  thread_ = quiet_thread([this] { work(); });
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
  std::packaged_task<void()> task{errand};
  post([&] { task(); });
  task.get_future().get();
}

void HomeThread::end() {
  {
    const std::lock_guard lock{mutex_};
    ending_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
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
