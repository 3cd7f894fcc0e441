// One worker's way to and from the kernel by segments: a packet socket at the far end of the host
// interface's veth pair. What it is given it merges (merge.h), what it takes it splits (split.h).
//
// Receiving looks at memory that the kernel shares, one frame's status at a time: without traffic
// it makes no system call. Sending makes one for a burst, and the kernel has copied everything when
// it returns.
//
// Everything is opened by drivers/exception/segment_port.h; here is what a worker does with it.
#pragma once

#include <linux/if_packet.h>
#include <rte_mbuf.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "dataplane/segments/merge.h"
#include "dataplane/segments/split.h"

namespace lastmile {

/// A ring of the kernel's (PACKET_RX_RING, TPACKET_V2) whose frames lie one behind another.
struct SegmentRing {
  std::uint8_t* memory = nullptr;
  std::uint32_t frame_size = 0;
  std::uint32_t frame_count = 0;
};

/// One worker.
class SegmentQueue {
 public:
  /// `socket`, with PACKET_VNET_HDR, and the ring's memory outlive this. Packets come in buffers of
  /// `pool`.
  SegmentQueue(int socket, const SegmentRing& ring, rte_mempool& pool);

  /// Fills `room` from the front with packets that the kernel sends, each in one buffer; how many
  /// there were. Without buffers the kernel's frames wait.
  [[nodiscard]] unsigned receive(std::span<rte_mbuf*> room);
  /// Gives packets to the kernel: how many it took, the first ones of `packets`, which are freed.
  /// Their order may change, but not that of a flow.
  [[nodiscard]] unsigned send(std::span<rte_mbuf*> packets);

  /// Frames of the kernel's that were no use since the last call.
  [[nodiscard]] std::uint32_t take_refused() { return std::exchange(refused_, 0); }

 private:
  /// Buffers and headers of a burst, in the form that sendmmsg() wants. Each packet takes two
  /// pieces at most; those that lie in several take what is left.
  static constexpr unsigned kPieces = 4 * segments::MergePlan::kCapacity;

  [[nodiscard]] tpacket2_hdr& frame() const;
  [[nodiscard]] bool begin_frame();
  void end_frame();
  unsigned send_burst(std::span<rte_mbuf*> packets);
  void sort(std::span<rte_mbuf*> packets) const;
  [[nodiscard]] bool add_message(std::span<rte_mbuf* const> packets, const segments::Run& run);
  [[nodiscard]] unsigned send_messages();

  const int socket_;
  const SegmentRing ring_;
  rte_mempool& pool_;
  std::uint32_t next_frame_ = 0;
  std::uint32_t refused_ = 0;
  segments::Splitter splitter_;

  segments::MergePlan plan_;
  unsigned message_count_ = 0;
  unsigned piece_count_ = 0;
  std::array<segments::Frame, segments::MergePlan::kCapacity> frames_;
  std::array<segments::SegmentHeader, segments::MergePlan::kCapacity> headers_;
  std::array<mmsghdr, segments::MergePlan::kCapacity> messages_;
  std::array<iovec, kPieces> pieces_;
};

}  // namespace lastmile
