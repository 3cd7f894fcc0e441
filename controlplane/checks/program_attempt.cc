#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include <fmt/format.h>

#include "controlplane/checks/attempt.h"
#include "dataplane/net/file_descriptor.h"

namespace lastmile {
namespace {

std::string words_for(int error) {
  return std::generic_category().message(error);
}

/// posix_spawn's two records, freed with this.
struct SpawnPlan {
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

class ProgramAttempt final : public Attempt {
 public:
  explicit ProgramAttempt(const std::vector<std::string>& words) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
      failure_ = words_for(errno);
      return;
    }
    output_ = FileDescriptor{pipe[0]};
    const FileDescriptor input{pipe[1]};
    ::fcntl(output_.get(), F_SETFL, O_NONBLOCK);

    SpawnPlan plan;
    posix_spawn_file_actions_addopen(&plan.actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&plan.actions, input.get(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&plan.actions, input.get(), STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&plan.actions, STDERR_FILENO + 1);
    // A group of its own, so that its children can be killed with it, as long as they stay in it;
    // signals as in a shell.
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setpgroup(&plan.attributes, 0);
    posix_spawnattr_setsigmask(&plan.attributes, &none);
    posix_spawnattr_setsigdefault(&plan.attributes, &all);
    posix_spawnattr_setflags(
        &plan.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    std::vector<char*> arguments;
    for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const int error = posix_spawn(&pid_, arguments[0], &plan.actions, &plan.attributes,
                                  arguments.data(), environ);
    if (error != 0) {
      pid_ = -1;
      failure_ = fmt::format("can't run {}: {}", words[0], words_for(error));
      return;
    }
    process_ = FileDescriptor{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
    if (!process_) failure_ = words_for(errno);
  }

  ~ProgramAttempt() override {
    if (pid_ < 0) return;
    abandon();
    // Killed: it is gone in a moment, unless the kernel itself holds it.
    siginfo_t info;
    for (int step = 0; step < kReapSteps && !reap(info); ++step) ::usleep(kReapStepUs);
  }

  [[nodiscard]] std::vector<Wanted> wanted() const override {
    std::vector<Wanted> list;
    if (pid_ >= 0 && process_) list.push_back({process_.get(), Wanted::For::kReading});
    if (output_) list.push_back({output_.get(), Wanted::For::kReading});
    return list;
  }

  [[nodiscard]] std::optional<CheckResult> look() override {
    read_output();
    if (!failure_.empty()) return CheckResult{CheckOutcome::kFailed, failure_};
    siginfo_t info{};
    if (pid_ < 0 || !reap(info)) return std::nullopt;
    const std::string said = first_line(text_);
    if (info.si_code == CLD_EXITED && info.si_status == 0) {
      return CheckResult{CheckOutcome::kPassed, said.empty() ? "exit status 0" : said};
    }
    std::string how = info.si_code == CLD_EXITED ? fmt::format("exit status {}", info.si_status)
                                                 : fmt::format("signal {}", info.si_status);
    if (!said.empty()) how += ": " + said;
    return CheckResult{CheckOutcome::kFailed, std::move(how)};
  }

  void abandon() override {
    if (pid_ >= 0) ::kill(-pid_, SIGKILL);
    output_ = FileDescriptor{};
  }
  [[nodiscard]] bool is_gone() const override { return pid_ < 0; }

 private:
  static constexpr int kReapSteps = 1000;
  static constexpr unsigned kReapStepUs = 1000;

  /// True once the process has ended; it is no zombie then, and none of its children runs on.
  bool reap(siginfo_t& info) {
    const auto has_ended = [&](int how) {
      info.si_pid = 0;
      return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | how) == 0
                 ? info.si_pid != 0
                 : errno == ECHILD;
    };
    if (!has_ended(WNOWAIT)) return false;
    // Until it has been waited for, the number of its group is nobody else's.
    ::kill(-pid_, SIGKILL);
    (void)has_ended(0);
    pid_ = -1;
    return true;
  }

  /// Takes what has been printed, so that the program never waits for us, and keeps the beginning.
  /// One that prints faster than we read is not read for ever: others are looked at meanwhile.
  void read_output() {
    constexpr int kReads = 16;
    std::array<char, 4096> buffer{};
    for (int reads = 0; output_ && reads < kReads; ++reads) {
      const ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return;
      if (got == 0) {
        output_ = FileDescriptor{};
        return;
      }
      const std::size_t room = kMostReason - std::min(kMostReason, text_.size());
      text_.append(buffer.data(), std::min(room, static_cast<std::size_t>(got)));
    }
  }

  pid_t pid_ = -1;  ///< -1: there is none, or it has been waited for
  FileDescriptor process_, output_;
  std::string text_;
  std::string failure_;
};

}  // namespace

std::unique_ptr<Attempt> program_attempt(const std::vector<std::string>& words) {
  return std::make_unique<ProgramAttempt>(words);
}

}  // namespace lastmile
