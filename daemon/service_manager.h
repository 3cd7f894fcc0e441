// What systemd is told (sd_notify(3)): that the router is ready, that it lives, that it stops. A
// datagram is all it takes, so no library is linked for it.
//
//   ServiceManager manager;
//   manager.say("READY=1");
//   manager.say("WATCHDOG=1");      // twice in each patience(), as long as all is well
//   (watchdog.h)
//
// Without a service manager ($NOTIFY_SOCKET is not set) all of it does nothing.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "dataplane/net/file_descriptor.h"

namespace lastmile {

/// Reads the environment when it is made; then any thread.
class ServiceManager {
 public:
  ServiceManager();

  /// "READY=1", "WATCHDOG=1", "STOPPING=1". What can't be sent is lost: nobody waits for it.
  void say(std::string_view state) const;
  /// How long we may be silent before we are started anew (WatchdogSec= in the unit); 0: for ever.
  [[nodiscard]] std::chrono::microseconds patience() const { return patience_; }

 private:
  std::string socket_;  ///< as in the environment; empty: nobody listens
  /// Kept, because a sign of life must not depend on whether there is a descriptor left.
  FileDescriptor descriptor_;
  std::chrono::microseconds patience_{0};
};

}  // namespace lastmile
