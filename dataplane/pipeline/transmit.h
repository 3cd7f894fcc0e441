// Transmit: packets gather in a buffer for each way out and leave in bursts, at the latest at the
// end of the loop that received them. A port's VLAN tags are put on here, in whole bursts:
// everything that leaves by the port comes through, and nothing else needs to know of them.
//
// A device that is sent more than its link carries takes only part of that. What sessions live on
// must not be in the part that is lost: BFD's packets and the kernel's (BGP, discovery) are
// *urgent*. They have room of their own, go first, and what of them the device does not take is
// offered again before anything else.
#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/capture/capture_tap.h"
#include "dataplane/net/vlan.h"
#include "dataplane/pipeline/drop_reason.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/port.h"

namespace lastmile {

/// Where a buffer's packets go.
struct TransmitQueue {
  DeviceId device = kNoDevice;
  /// Set if the device may be exchanged: then this one's counts. Of the worker's configuration.
  const DeviceSlot* slot = nullptr;
  std::uint16_t queue = 0;
  /// The queue is another worker's, who sends for us; what it takes over counts as sent. Of the
  /// worker's configuration, which outlives the buffer.
  TransmitHandover* through = nullptr;
  /// In place of a device's queue (kHostSegments).
  SegmentQueue* segments = nullptr;
  /// For captures; nullopt: none sees what goes there.
  std::optional<CaptureInterface> seen_as{};
  /// Tags of every frame that leaves; captures see it without them.
  VlanTags vlan{};
};

/// Packets on their way to one transmit queue. Who uses it: one worker.
class TransmitBuffer {
 public:
  static constexpr unsigned kCapacity = 256;
  static constexpr unsigned kUrgent = 128;

  /// `full` counts what the device doesn't take; `packets` and `bytes` (may be nullptr) what it
  /// does.
  TransmitBuffer(const TransmitQueue& to, WorkerCounters& counters, CaptureTap& tap,
                 DropReason full, Counter* packets, Counter* bytes)
      : to_(to),
        full_(full),
        counters_(&counters),
        tap_(&tap),
        packets_sent_(packets),
        bytes_sent_(bytes) {}

  /// Takes the packet over.
  void append(rte_mbuf* packet) {
    if (count_ == kCapacity) [[unlikely]]
      flush();
    packets_[count_++] = packet;
    bytes_ += packet->pkt_len;
  }
  /// Takes over at most kCapacity packets, which are `bytes` long together.
  void append(std::span<rte_mbuf* const> packets, std::uint64_t bytes) {
    if (packets.size() > kCapacity - count_) [[unlikely]]
      flush();
    std::copy(packets.begin(), packets.end(), packets_.data() + count_);
    count_ += static_cast<unsigned>(packets.size());
    bytes_ += bytes;
  }

  /// Takes an urgent packet over. `now`: cycle counter.
  void append_urgent(rte_mbuf* packet, std::uint64_t now);
  /// How many more urgent packets there is room for.
  [[nodiscard]] unsigned urgent_room() const { return kUrgent - urgent_count_; }
  [[nodiscard]] bool has_urgent() const { return urgent_count_ != 0; }
  /// Sends the urgent ones alone; what the device does not take stays.
  void flush_urgent();
  /// Drops the urgent packets if the device has taken none for more than `patience` cycles.
  void give_up_urgent(std::uint64_t now, std::uint64_t patience);

  void flush();
  /// Frees what is left, uncounted: at the end of a worker.
  void discard();

 private:
  void add_tags();
  /// Returns how many the device has taken.
  unsigned send(std::span<rte_mbuf*> packets);
  void count_sent(std::uint64_t packets, std::uint64_t bytes);
  void drop(std::span<rte_mbuf*> packets, DropReason reason);
  /// The ordinary packets from `first` on; they are not waiting any more.
  void drop_from(unsigned first, DropReason reason);

  unsigned count_ = 0;  // at most kCapacity: a full buffer waits for the next packet, or a flush
  unsigned urgent_count_ = 0;
  std::uint64_t bytes_ = 0;  // of the packets that wait
  TransmitQueue to_;
  DropReason full_;
  WorkerCounters* counters_;
  CaptureTap* tap_;
  Counter* packets_sent_;
  Counter* bytes_sent_;
  std::uint64_t urgent_since_ = 0;  // cycle since when the first of the urgent ones waits
  std::array<rte_mbuf*, kCapacity> packets_{};
  std::array<rte_mbuf*, kUrgent> urgent_{};
};

}  // namespace lastmile
