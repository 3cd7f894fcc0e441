#include "controlplane/checks/check_runner.h"

#include <fmt/format.h>
#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <list>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "controlplane/checks/attempt.h"
#include "controlplane/checks/http_request.h"
#include "controlplane/io/quiet_thread.h"
#include "logging/one_line.h"

namespace lastmile {
namespace {

/// How often what could not be killed is looked at.
constexpr Duration kLeftoverStep = std::chrono::milliseconds{100};
/// What was killed is gone long before that, unless the kernel itself holds it.
constexpr Duration kHeld = std::chrono::seconds{1};
constexpr Duration kLongestWait = std::chrono::seconds{60};

struct CurlLibrary {
  CurlLibrary() { curl_global_init(CURL_GLOBAL_DEFAULT); }
};

std::string in_words(std::chrono::microseconds time) {
  return fmt::format("no answer in {} ms",
                     std::chrono::ceil<std::chrono::milliseconds>(time).count());
}

}  // namespace

std::string first_line(std::string text) {
  text.resize(std::min({text.find('\n'), text.size(), kMostReason}));
  return one_line(std::move(text));
}

class CheckRunner::Impl {
 public:
  explicit Impl(Report report) : report_(std::move(report)) {
    static const CurlLibrary library;
    multi_ = curl_multi_init();
    if (multi_ == nullptr) throw std::bad_alloc{};
    thread_ = quiet_thread([this] {
      // It is older than the rules for the process (daemon/privileges.h), and its programs inherit
      // from it: none of them gains anything by a file's set-user-ID bit or capabilities.
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      run();
    });
    pthread_setname_np(thread_.native_handle(), "lm-checks");
  }

  ~Impl() {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    curl_multi_wakeup(multi_);
    thread_.join();
    running_.clear();  // handles leave the multi handle before it goes
    leftovers_.clear();
    curl_multi_cleanup(multi_);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void submit(ServiceId service, std::uint32_t run, const ServiceCheck& how,
              const IpAddress& address) {
    {
      const std::lock_guard lock{mutex_};
      inbox_.push_back({service, run, how, address});
    }
    curl_multi_wakeup(multi_);
  }

 private:
  struct Order {
    ServiceId service;
    std::uint32_t run;
    ServiceCheck how;
    IpAddress address;
  };
  struct Running {
    ServiceId service;
    std::uint32_t run;
    TimePoint began, deadline;
    std::chrono::microseconds timeout;
    std::unique_ptr<Attempt> attempt;   ///< this ...
    std::unique_ptr<HttpRequest> http;  ///< ... or this
    std::optional<CheckResult> result;
  };

  struct Leftover {
    ServiceId service;
    TimePoint killed_at;
    std::unique_ptr<Attempt> attempt;
  };

  void run() {
    while (take_orders()) {
      int active = 0;
      curl_multi_perform(multi_, &active);
      finish_transfers();
      const TimePoint now = ControlClock::now();
      for (Running& one : running_) look(one, now);
      running_.remove_if([](const Running& one) { return one.result.has_value(); });
      std::erase_if(leftovers_, [](const Leftover& left) {
        return left.attempt->look().has_value() || left.attempt->is_gone();
      });
      wait();
    }
  }

  /// False when the end has come.
  bool take_orders() {
    std::vector<Order> orders;
    {
      const std::lock_guard lock{mutex_};
      if (stopping_) return false;
      orders.swap(inbox_);
    }
    for (const Order& order : orders) {
      // Killed, and still held by the kernel (a dead disk, say): another one would be held, too.
      const bool held =
          std::ranges::any_of(leftovers_, [&, now = ControlClock::now()](const Leftover& left) {
            return left.service == order.service && now - left.killed_at > kHeld;
          });
      if (held) {
        report_({order.service, order.run, CheckOutcome::kFailed,
                 "the program of an earlier check can't be killed", Duration{0}});
        continue;
      }
      Running& one = running_.emplace_back();
      one.service = order.service;
      one.run = order.run;
      one.began = ControlClock::now();
      one.timeout = order.how.timeout;
      one.deadline = one.began + order.how.timeout;
      if (order.how.http) {
        one.http = std::make_unique<HttpRequest>(multi_, order.how, order.address);
      } else if (order.how.tcp) {
        one.attempt = connect_attempt(order.address, *order.how.tcp);
      } else {
        one.attempt = program_attempt(order.how.exec);
      }
    }
    return true;
  }

  void finish_transfers() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      for (Running& one : running_) {
        if (!one.http || one.http->handle() != message->easy_handle) continue;
        end(one, one.http->result(message->data.result), ControlClock::now());
        break;
      }
    }
  }

  void look(Running& one, TimePoint now) {
    if (one.result) return;
    if (one.attempt) {
      if (auto result = one.attempt->look()) return end(one, std::move(*result), now);
    }
    if (now < one.deadline) return;
    if (one.attempt) {
      one.attempt->abandon();
      if (!one.attempt->is_gone()) leftovers_.push_back({one.service, now, std::move(one.attempt)});
    }
    end(one, {CheckOutcome::kFailed, in_words(one.timeout)}, now);
  }

  void end(Running& one, CheckResult result, TimePoint now) {
    one.result = result;
    report_({one.service, one.run, result.outcome, std::move(result.detail), now - one.began});
  }

  void wait() {
    std::vector<curl_waitfd> descriptors;
    const auto add = [&](const Attempt& attempt) {
      for (const Attempt::Wanted& wanted : attempt.wanted()) {
        const bool reading = wanted.what == Attempt::Wanted::For::kReading;
        descriptors.push_back(
            {wanted.fd, static_cast<short>(reading ? CURL_WAIT_POLLIN : CURL_WAIT_POLLOUT), 0});
      }
    };
    Duration patience = kLongestWait;
    const TimePoint now = ControlClock::now();
    for (const Running& one : running_) {
      patience = std::min(patience, one.deadline - now);
      if (!one.attempt) continue;
      const std::size_t before = descriptors.size();
      add(*one.attempt);
      if (descriptors.size() == before) patience = Duration::zero();  // it has ended at once
    }
    for (const Leftover& left : leftovers_) {
      add(*left.attempt);
      patience = std::min(patience, kLeftoverStep);
    }
    const auto wait = std::max(std::chrono::ceil<std::chrono::milliseconds>(patience),
                               std::chrono::milliseconds{0});
    curl_multi_poll(multi_, descriptors.data(), static_cast<unsigned>(descriptors.size()),
                    static_cast<int>(wait.count()), nullptr);
  }

  const Report report_;
  CURLM* multi_ = nullptr;
  std::thread thread_;
  std::mutex mutex_;  ///< of the next two: control pushes, the runner takes
  std::vector<Order> inbox_;
  bool stopping_ = false;
  // The runner's thread alone:
  std::list<Running> running_;
  std::vector<Leftover> leftovers_;  ///< killed, and not gone yet
};

CheckRunner::CheckRunner(Report report) : impl_(std::make_unique<Impl>(std::move(report))) {}

CheckRunner::~CheckRunner() = default;

void CheckRunner::check(ServiceId service, std::uint32_t run, const ServiceCheck& how,
                        const IpAddress& address) {
  impl_->submit(service, run, how, address);
}

}  // namespace lastmile
