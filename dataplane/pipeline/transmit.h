// Transmit: packets gather in a buffer for each way out and leave in bursts, at the latest at the
// end of the loop that received them. A port's VLAN tags are put on here, in whole bursts:
// everything that leaves by the port comes through, and nothing else needs to know of them.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "dataplane/net/vlan.h"
#include "dataplane/pipeline/drop_reason.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/port.h"

namespace lastmile {

/// Packets on their way to one transmit queue. Who uses it: one worker.
class TransmitBuffer {
 public:
  static constexpr unsigned kCapacity = 256;

  TransmitBuffer() = default;
  /// `full` counts what the device doesn't take; `packets` and `bytes` (may be nullptr) what it
  /// does. `through` (may be nullptr): the queue is another worker's, who sends for us; what it
  /// takes over counts as sent. `vlan`: tags of every frame that leaves.
  TransmitBuffer(DeviceId device, std::uint16_t queue, WorkerCounters& counters, DropReason full,
                 Counter* packets, Counter* bytes, TransmitHandover* through = nullptr,
                 const VlanTags& vlan = {})
      : device_(device),
        queue_(queue),
        full_(full),
        counters_(&counters),
        packets_sent_(packets),
        bytes_sent_(bytes),
        through_(through),
        vlan_(vlan) {}

  /// Takes the packet over.
  void append(rte_mbuf* packet) {
    packets_[count_] = packet;
    bytes_ += packet->pkt_len;
    if (++count_ == kCapacity) [[unlikely]]
      flush();
  }
  /// Takes over at most kCapacity packets, which are `bytes` long together.
  void append(std::span<rte_mbuf* const> packets, std::uint64_t bytes) {
    if (packets.size() > kCapacity - count_) [[unlikely]]
      flush();
    std::copy(packets.begin(), packets.end(), packets_.data() + count_);
    count_ += static_cast<unsigned>(packets.size());
    bytes_ += bytes;
  }

  void flush();
  /// Frees what is left, uncounted: at the end of a worker.
  void discard();

  [[nodiscard]] bool has_device() const { return device_ != kNoDevice; }

 private:
  void add_tags();
  void drop(unsigned first, DropReason reason);

  unsigned count_ = 0;
  std::uint64_t bytes_ = 0;  // of the packets that wait
  DeviceId device_ = kNoDevice;
  std::uint16_t queue_ = 0;
  DropReason full_ = DropReason::kNoSuchPort;
  WorkerCounters* counters_ = nullptr;
  Counter* packets_sent_ = nullptr;
  Counter* bytes_sent_ = nullptr;
  TransmitHandover* through_ = nullptr;  // of the worker's configuration, which outlives us
  VlanTags vlan_;
  std::array<rte_mbuf*, kCapacity> packets_{};
};

}  // namespace lastmile
