// BFD packets that arrived on another worker than the one that owns their port's sessions: a NIC
// spreads by hash, and a peer's packets may fall to any worker. They are few and short, so what
// goes through the rings is a copy.
//
//   handover.push(self, owner, datagram);        // the worker that received it
//   handover.drain(self, [&](const bfd::Datagram& datagram) { ... });   // the owner, each loop
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <vector>

#include "dataplane/bfd/frame.h"
#include "dataplane/net/strong_id.h"
#include "dataplane/update/spsc_ring.h"

namespace lastmile {

/// One ring for each pair of workers; each has one producer and one consumer.
class BfdHandover {
 public:
  static constexpr std::size_t kRing = 256;

  explicit BfdHandover(unsigned workers)
      : workers_(workers), rings_(std::size_t{workers} * workers), has_sessions_(workers) {
    for (auto& ring : rings_) ring = std::make_unique<SpscRing<bfd::Datagram>>(kRing);
  }

  /// Worker `from` only. A full ring loses the packet, as a full queue of a NIC does.
  bool push(WorkerId from, WorkerId to, const bfd::Datagram& datagram) {
    return ring(from, to).push(datagram);
  }
  /// Worker `to` only.
  template <class Visitor>
  void drain(WorkerId to, Visitor&& visit) {
    for (unsigned from = 0; from < workers_; ++from) {
      SpscRing<bfd::Datagram>& incoming = ring(WorkerId{static_cast<std::uint8_t>(from)}, to);
      const auto ready = incoming.front(kRing);
      for (const bfd::Datagram& datagram : ready) visit(datagram);
      if (!ready.empty()) incoming.consume(ready.size());
    }
  }

  /// Does `worker` own sessions? It says so itself; others ask before they hand anything over.
  void set_has_sessions(WorkerId worker, bool has) {
    has_sessions_[worker.value()].store(has, std::memory_order_relaxed);
  }
  [[nodiscard]] bool has_sessions(WorkerId worker) const {
    return has_sessions_[worker.value()].load(std::memory_order_relaxed);
  }

 private:
  SpscRing<bfd::Datagram>& ring(WorkerId from, WorkerId to) {
    return *rings_[from.value() * workers_ + to.value()];
  }

  const unsigned workers_;
  std::vector<std::unique_ptr<SpscRing<bfd::Datagram>>> rings_;
  std::vector<std::atomic<bool>> has_sessions_;  // its worker: writes; the others: read
};

}  // namespace lastmile
