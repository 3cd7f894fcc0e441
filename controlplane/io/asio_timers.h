// Timers over one clock: a heap of deadlines and a single wait for the earliest.
#pragma once

#include <memory>

#include "controlplane/event/effects.h"
#include "controlplane/io/event_loop.h"

namespace lastmile {

/// Deadlines count from the time of the event being handled, not from the moment of arm(), so a
/// slow handler does not stretch protocol timers. A cancelled or moved timer never fires at its old
/// time. Two timers due at the same microsecond fire in the order in which they were armed.
class AsioTimers final : public Timers {
 public:
  /// `loop` outlives the timers.
  explicit AsioTimers(EventLoop& loop);
  ~AsioTimers() override;
  AsioTimers(const AsioTimers&) = delete;
  AsioTimers& operator=(const AsioTimers&) = delete;

  void arm(TimerKey timer, Duration after) override;
  void cancel(TimerKey timer) override;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace lastmile
