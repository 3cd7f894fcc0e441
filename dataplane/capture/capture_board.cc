#include "dataplane/capture/capture_board.h"

#include <bit>

#include "dataplane/rcu/rcu.h"

namespace lastmile {

std::optional<unsigned> CaptureBoard::add(Capture& capture) {
  const std::lock_guard lock{mutex_};
  const auto slot = static_cast<unsigned>(std::countr_one(taken_));
  if (slot >= kSlots) return std::nullopt;
  taken_ |= 1U << slot;
  captures_[slot] = &capture;
  running_.fetch_or(1U << slot, std::memory_order_release);
  return slot;
}

void CaptureBoard::remove(unsigned slot) {
  running_.fetch_and(~(1U << slot), std::memory_order_release);
  rcu_.synchronize();
  const std::lock_guard lock{mutex_};
  taken_ &= ~(1U << slot);
}

}  // namespace lastmile
