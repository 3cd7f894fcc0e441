// Which captures run.
//
//   // a capture's thread                    // a worker
//   const auto slot = board.add(capture);    if (board.running() != 0) ...
//   ...
//   board.remove(*slot);                     // from here on no worker knows of it
//
// Workers ask once a burst and once a dropped packet: a load of a line that nobody writes while no
// capture begins or ends.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>

#include "dataplane/capture/capture.h"

namespace lastmile {

class RcuDomain;

class CaptureBoard {
 public:
  static constexpr unsigned kSlots = 4;

  /// The domain that all workers are readers of; outlives the board.
  explicit CaptureBoard(RcuDomain& rcu) : rcu_(rcu) {}

  /// Shows workers a capture, with a ring for each of them. It stays where it is until `remove`.
  /// nullopt if kSlots run. Any thread but workers.
  [[nodiscard]] std::optional<unsigned> add(Capture& capture);
  /// Takes it away, and waits until no worker holds it (a loop of each). Any thread but workers.
  void remove(unsigned slot);

  // ---- workers

  /// A bit for each slot that runs.
  [[nodiscard]] std::uint32_t running() const { return running_.load(std::memory_order_acquire); }
  /// Of a slot that runs; until the worker is quiescent.
  [[nodiscard]] Capture& capture(unsigned slot) const { return *captures_[slot]; }

 private:
  // captures' threads, one at a time: write; workers: read
  alignas(64) std::atomic<std::uint32_t> running_{0};
  std::array<Capture*, kSlots> captures_{};  // written while the slot does not run
  alignas(64) std::mutex mutex_;             // captures' threads only
  std::uint32_t taken_ = 0;                  // running, or not yet forgotten by workers
  RcuDomain& rcu_;
};

}  // namespace lastmile
