#include "controlplane/io/asio_timers.h"

#include <boost/asio/steady_timer.hpp>
#include <map>
#include <set>
#include <tuple>

namespace lastmile {
namespace asio = boost::asio;

struct AsioTimers::Impl : std::enable_shared_from_this<Impl> {
  struct Armed {
    TimePoint deadline;
    std::uint64_t sequence;
    TimerKey key;
    friend bool operator<(const Armed& a, const Armed& b) {
      return std::tie(a.deadline, a.sequence) < std::tie(b.deadline, b.sequence);
    }
  };

  explicit Impl(EventLoop& event_loop) : loop(event_loop), wait(event_loop.context()) {}

  EventLoop& loop;
  asio::steady_timer wait;
  std::set<Armed> by_deadline;
  std::map<TimerKey, std::set<Armed>::iterator> by_key;
  std::uint64_t next_sequence = 0;
  std::optional<TimePoint> waiting_for;

  void erase(TimerKey key) {
    const auto it = by_key.find(key);
    if (it == by_key.end()) return;
    by_deadline.erase(it->second);
    by_key.erase(it);
  }

  /// Waits for the earliest deadline. A wait that is too early costs one idle wake-up, so it is
  /// only ever moved forward: most timers are moved back long before they fire.
  void wait_for_earliest() {
    if (by_deadline.empty()) return;
    const TimePoint earliest = by_deadline.begin()->deadline;
    if (waiting_for && *waiting_for <= earliest) return;
    waiting_for = earliest;
    wait.expires_at(asio::steady_timer::time_point{earliest.time_since_epoch()});
    wait.async_wait([weak = weak_from_this()](const boost::system::error_code& error) {
      const auto self = weak.lock();
      if (!self || error) return;
      self->waiting_for.reset();
      self->fire();
    });
  }

  /// Only what is due when we start: a handler that arms a timer of length zero must not keep the
  /// loop from its sockets.
  void fire() {
    const TimePoint due = ControlClock::now();
    const std::uint64_t until = next_sequence;
    const auto alive = shared_from_this();
    while (!by_deadline.empty()) {
      const Armed first = *by_deadline.begin();
      if (first.deadline > due || first.sequence >= until) break;
      erase(first.key);
      loop.deliver(TimerExpired{first.key});
    }
    wait_for_earliest();
  }
};

AsioTimers::AsioTimers(EventLoop& loop) : impl_(std::make_shared<Impl>(loop)) {}

AsioTimers::~AsioTimers() {
  impl_->wait.cancel();
}

void AsioTimers::arm(TimerKey timer, Duration after) {
  impl_->erase(timer);
  const Impl::Armed armed{impl_->loop.now() + after, impl_->next_sequence++, timer};
  impl_->by_key.emplace(timer, impl_->by_deadline.insert(armed).first);
  impl_->wait_for_earliest();
}

void AsioTimers::cancel(TimerKey timer) {
  impl_->erase(timer);
}

}  // namespace lastmile
