// What systemd is told (sd_notify(3)): that the router is ready, that it lives, that it stops. A
// datagram is all it takes, so no library is linked for it.
//
//   ServiceManager manager{loop.context()};
//   manager.say("READY=1");
//   manager.watch();          // from now on the loop says that it turns
//
// Without a service manager ($NOTIFY_SOCKET is not set) all of it does nothing.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace boost::asio {
class io_context;
}

namespace lastmile {

/// Control thread only.
class ServiceManager {
 public:
  explicit ServiceManager(boost::asio::io_context& io);
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  /// "READY=1", "STOPPING=1", "STATUS=text". What can't be sent is lost: nobody waits for it.
  void say(std::string_view state) const;
  /// Says WATCHDOG=1 twice in each $WATCHDOG_USEC, from the event loop: a loop that hangs is
  /// silent, and systemd starts the router anew (WatchdogSec= in the unit).
  void watch();

 private:
  class Watchdog;

  std::string socket_;  ///< as in the environment; empty: nobody listens
  std::chrono::microseconds patience_{0};
  std::unique_ptr<Watchdog> watchdog_;
  boost::asio::io_context& io_;
};

}  // namespace lastmile
