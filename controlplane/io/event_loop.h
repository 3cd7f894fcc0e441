// The control plane's only thread: waits for sockets, timers, file descriptors and signals, and
// hands each thing that happens to one handler, as an Event with the time at which it happened.
//
//   EventLoop loop;
//   AsioTimers timers(loop);
//   AsioTransport transport(loop, twins);
//   loop.set_handler([&](Event&& event) { control_plane.handle(std::move(event)); });
//   loop.watch(netlink_fd, [&] { read_netlink(); });     // which calls loop.deliver(...)
//   loop.on_signal([&](int) { begin_shutdown(); });
//   loop.run();
//
// Handlers never nest: what an implementation of Transport finds out while a handler runs, it
// posts. All functions but stop() and post(): control thread only.
#pragma once

#include <functional>
#include <memory>

#include "controlplane/event/event.h"
#include "controlplane/event/slice_meter.h"

namespace boost::asio {
class io_context;
}

namespace lastmile {

class EventLoop {
 public:
  using Handler = std::function<void(Event&&)>;

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  void set_handler(Handler handler);

  /// The time of the event that is being handled; between events, the clock's.
  [[nodiscard]] TimePoint now() const;
  /// Hands an event to the handler, now. Not from inside the handler.
  void deliver(decltype(Event::what) what);
  /// Runs `function` on the loop's thread, soon. Any thread.
  void post(std::function<void()> function);

  /// Calls `on_readable` whenever `fd` (non-blocking: netlink, eventfd, socket) has something to
  /// read; it should read until EAGAIN. The descriptor stays the caller's, who calls unwatch()
  /// before closing it. Watching a descriptor again replaces the function.
  void watch(int fd, std::function<void()> on_readable);
  void unwatch(int fd);

  /// How long the handler took for each event; who handles something on this thread without
  /// deliver() measures it here, too.
  [[nodiscard]] SliceMeter& slices();

  /// SIGINT, SIGTERM and SIGHUP call `handler` on the loop's thread instead of ending the process.
  void on_signal(std::function<void(int signal)> handler);

  /// Runs until stop().
  void run();
  /// Runs until stop() or until `time` has passed.
  void run_for(Duration time);
  /// Any thread.
  void stop();

  /// For the implementations in this folder and for servers of other protocols on the same thread.
  [[nodiscard]] boost::asio::io_context& context();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace lastmile
