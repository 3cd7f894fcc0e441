// Whose timer is next, among a few hundred sessions.
//
// A binary heap of slots, each at most once, with the position of each slot beside it. A session's
// deadline moves with every packet that it receives, mostly into the future; so a slot may stand in
// the heap earlier than it is due. When it comes up, its owner is asked, and puts it where it
// belongs now. A received packet costs nothing here, a timer that fires a few steps.
//
// One thread. No allocation after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "dataplane/bfd/clock.h"

namespace lastmile::bfd {

class DeadlineQueue {
 public:
  /// Slots are numbered 0 to `slots` - 1.
  explicit DeadlineQueue(std::size_t slots) : position_(slots, kAbsent) { heap_.reserve(slots); }

  [[nodiscard]] bool empty() const { return heap_.empty(); }
  /// The earliest moment at which anyone may be due.
  [[nodiscard]] Instant next() const { return heap_.empty() ? kNever : heap_.front().at; }
  /// Who that is; the queue is not empty.
  [[nodiscard]] std::uint16_t front() const { return heap_.front().slot; }

  /// Puts a slot at `at`, wherever it was.
  void set(std::uint16_t slot, Instant at) {
    std::size_t i = position_[slot];
    if (i == kAbsent) {
      i = heap_.size();
      heap_.push_back({at, slot});
      position_[slot] = static_cast<std::uint32_t>(i);
      rise(i);
    } else {
      const Instant before = std::exchange(heap_[i].at, at);
      at < before ? rise(i) : sink(i);
    }
  }
  /// Only if that is earlier than where it stands: what a received packet may call each time.
  void set_if_earlier(std::uint16_t slot, Instant at) {
    const std::size_t i = position_[slot];
    if (i == kAbsent || at < heap_[i].at) set(slot, at);
  }
  void remove(std::uint16_t slot) {
    const std::size_t i = position_[slot];
    if (i == kAbsent) return;
    position_[slot] = kAbsent;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (i == heap_.size()) return;
    place(i, last);
    rise(i);
    sink(position_[last.slot]);
  }

 private:
  struct Entry {
    Instant at;
    std::uint16_t slot;
  };
  static constexpr std::uint32_t kAbsent = 0xffffffff;

  void place(std::size_t i, const Entry& entry) {
    heap_[i] = entry;
    position_[entry.slot] = static_cast<std::uint32_t>(i);
  }
  void rise(std::size_t i) {
    const Entry entry = heap_[i];
    for (; i > 0 && entry.at < heap_[(i - 1) / 2].at; i = (i - 1) / 2) {
      place(i, heap_[(i - 1) / 2]);
    }
    place(i, entry);
  }
  void sink(std::size_t i) {
    const Entry entry = heap_[i];
    for (std::size_t child = 2 * i + 1; child < heap_.size(); child = 2 * i + 1) {
      if (child + 1 < heap_.size() && heap_[child + 1].at < heap_[child].at) ++child;
      if (heap_[child].at >= entry.at) break;
      place(i, heap_[child]);
      i = child;
    }
    place(i, entry);
  }

  std::vector<Entry> heap_;
  std::vector<std::uint32_t> position_;  ///< by slot: its index in heap_, or kAbsent
};

}  // namespace lastmile::bfd
