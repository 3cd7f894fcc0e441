// Packets of a worker that has no transmit queue of its own on a device, on their way to the worker
// that sends for it. A transmit queue has one user; a device with fewer queues than there are
// workers (a virtio NIC with one, every kernel twin) would else need a lock in the packet loop.
//
//   handover.give(packets)                     // the worker without a queue, for rte_eth_tx_burst
//   while ((n = handover.take(room)) != 0)     // the owner of the queue, once per loop
//
// The packets wait for the owner's next loop, or for its sleep to end (idle.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "dataplane/update/spsc_ring.h"
#include "dataplane/worker/port.h"

struct rte_mbuf;

namespace lastmile {

/// One ring: one worker gives, one takes.
class TransmitHandover {
 public:
  static constexpr std::size_t kCapacity = 1024;

  /// `slot`: as of a port.
  TransmitHandover(DeviceId device, std::uint16_t queue,
                   std::shared_ptr<const DeviceSlot> slot = nullptr)
      : device_(device), queue_(queue), slot_(std::move(slot)) {}
  /// Frees what nobody took. Neither worker runs any more, and the packets' pool lives.
  ~TransmitHandover();
  TransmitHandover(const TransmitHandover&) = delete;
  TransmitHandover& operator=(const TransmitHandover&) = delete;

  /// Where the taker sends them; until it is quiescent.
  [[nodiscard]] DeviceId device() const { return current_device(device_, slot_.get()); }
  [[nodiscard]] std::uint16_t queue() const { return queue_; }

  /// The giver: how many were taken over, the first ones; a full ring takes no more.
  std::size_t give(std::span<rte_mbuf* const> packets) { return ring_.push(packets); }
  /// The taker: how many there were.
  std::size_t take(std::span<rte_mbuf*> room) { return ring_.pop(room); }

 private:
  SpscRing<rte_mbuf*> ring_{kCapacity};
  const DeviceId device_;
  const std::uint16_t queue_;
  const std::shared_ptr<const DeviceSlot> slot_;  ///< nullptr: the device stays
};

}  // namespace lastmile
