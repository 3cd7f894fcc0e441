#include "controlplane/io/event_loop.h"

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <variant>

namespace lastmile {
namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// For people, in the order of Event::what.
constexpr std::array kEventNames{"connection-opened",
                                 "connection-failed",
                                 "connection-accepted",
                                 "connection-closed",
                                 "bytes-received",
                                 "send-drained",
                                 "timer",
                                 "link-changed",
                                 "link-layer-neighbor",
                                 "router-advertisement",
                                 "router-solicitation",
                                 "fib-progressed",
                                 "resolution-wanted",
                                 "bfd-state",
                                 "service-checked",
                                 "command"};
static_assert(kEventNames.size() == std::variant_size_v<decltype(Event::what)>);

/// A descriptor that belongs to someone else: released, not closed, when the watch ends.
class Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(asio::io_context& context, int fd, std::function<void()> on_readable)
      : descriptor_(context, fd), on_readable_(std::move(on_readable)) {}

  void wait() {
    descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                           [self = shared_from_this()](const error_code& error) {
                             if (error || !self->descriptor_.is_open()) return;
                             self->on_readable_();
                             if (self->descriptor_.is_open()) self->wait();
                           });
  }
  void end() {
    if (descriptor_.is_open()) descriptor_.release();
  }

 private:
  asio::posix::stream_descriptor descriptor_;
  std::function<void()> on_readable_;
};

}  // namespace

struct EventLoop::Impl {
  asio::io_context context{1};  // one thread runs it
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::signal_set signals{context};
  Handler handler;
  std::function<void(int)> signal_handler;
  std::optional<TimePoint> handling;  ///< the time of the event being handled
  std::unordered_map<int, std::shared_ptr<Watch>> watches;
  SliceMeter slices;

  void wait_for_signal() {
    signals.async_wait([this](const error_code& error, int signal) {
      if (error) return;
      signal_handler(signal);
      wait_for_signal();
    });
  }
};

EventLoop::EventLoop() : impl_(std::make_unique<Impl>()) {}

EventLoop::~EventLoop() {
  for (auto& [fd, watch] : impl_->watches) watch->end();
}

void EventLoop::set_handler(Handler handler) {
  impl_->handler = std::move(handler);
}

TimePoint EventLoop::now() const {
  return impl_->handling.value_or(ControlClock::now());
}

void EventLoop::deliver(decltype(Event::what) what) {
  if (!impl_->handler) return;
  const auto outer = std::exchange(impl_->handling, ControlClock::now());
  const char* const name = kEventNames[what.index()];
  impl_->slices.measure(name, [&] { impl_->handler(Event{*impl_->handling, std::move(what)}); });
  impl_->handling = outer;
}

void EventLoop::post(std::function<void()> function) {
  asio::post(impl_->context, std::move(function));
}

void EventLoop::watch(int fd, std::function<void()> on_readable) {
  unwatch(fd);
  auto watch = std::make_shared<Watch>(impl_->context, fd, std::move(on_readable));
  impl_->watches.emplace(fd, watch);
  watch->wait();
}

void EventLoop::unwatch(int fd) {
  const auto it = impl_->watches.find(fd);
  if (it == impl_->watches.end()) return;
  it->second->end();
  impl_->watches.erase(it);
}

void EventLoop::on_signal(std::function<void(int)> handler) {
  impl_->signal_handler = std::move(handler);
  impl_->signals.cancel();
  impl_->signals.clear();
  impl_->signals.add(SIGINT);
  impl_->signals.add(SIGTERM);
  // A terminal that closes; unless someone (nohup) said that it shall not matter.
  struct sigaction hangup {};
  if (sigaction(SIGHUP, nullptr, &hangup) == 0 && hangup.sa_handler != SIG_IGN) {
    impl_->signals.add(SIGHUP);
  }
  impl_->wait_for_signal();
}

void EventLoop::run() {
  impl_->context.restart();
  impl_->context.run();
}

void EventLoop::run_for(Duration time) {
  impl_->context.restart();
  impl_->context.run_for(time);
}

SliceMeter& EventLoop::slices() {
  return impl_->slices;
}

void EventLoop::stop() {
  impl_->context.stop();
}

asio::io_context& EventLoop::context() {
  return impl_->context;
}

}  // namespace lastmile
