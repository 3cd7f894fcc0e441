// Keeps the signals that end the router waiting while it starts, and while it undoes all that.
//
// Opening the devices takes a second or more, in which interfaces lose their addresses and are shut
// to the kernel. A signal that ended the process there would leave them so. Held back, it is taken
// when everything stands and the event loop runs, and all is undone in order.
#pragma once

#include <csignal>

namespace lastmile {

/// Threads that are started meanwhile never take these signals. Main thread only.
class HeldSignals {
 public:
  HeldSignals();
  ~HeldSignals();
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

  /// Lets them through, those that came meanwhile included. When their handlers are in place.
  void release();
  /// From now on none is delivered: what they ask for is being done.
  void hold_for_good();

 private:
  sigset_t held_{};
  sigset_t before_{};
};

}  // namespace lastmile
