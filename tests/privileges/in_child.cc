#include "tests/privileges/in_child.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace lastmile::test {

std::string in_child(const std::function<std::string()>& work) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    ::setsid();
    const std::string said = work();
    const ssize_t written = ::write(pipe[1], said.data(), said.size());
    // No destructors: they are the parent's.
    ::_exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  ::close(pipe[1]);
  std::string said;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = ::read(pipe[0], buffer.data(), buffer.size())) > 0;) {
    said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? said : "died";
}

struct EarlyThread::State {
  std::mutex mutex;
  std::condition_variable changed;
  std::function<void()> work;
  bool ending = false;
  std::thread thread;
};

EarlyThread::EarlyThread() : state_(new State) {
  state_->thread = std::thread{[state = state_] {
    std::unique_lock lock{state->mutex};
    for (;;) {
      state->changed.wait(lock, [state] { return state->work || state->ending; });
      if (state->ending) return;
      state->work();
      state->work = {};
      state->changed.notify_all();
    }
  }};
}

EarlyThread::~EarlyThread() {
  {
    const std::scoped_lock lock{state_->mutex};
    state_->ending = true;
    state_->changed.notify_all();
  }
  state_->thread.join();
  delete state_;
}

void EarlyThread::run(const std::function<void()>& work) {
  std::unique_lock lock{state_->mutex};
  state_->work = work;
  state_->changed.notify_all();
  state_->changed.wait(lock, [this] { return !state_->work; });
}

}  // namespace lastmile::test
