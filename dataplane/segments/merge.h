// Merging: packets of one TCP flow that follow one another become a segment, which the kernel takes
// at the price of one packet.
//
//   for (const Run& run : plan.make(frames)) {
//     frames[plan.order()[run.first]] ...          // run.count of them
//     if (run.count > 1) write_header(plan.head(run), run, header);
//   }
//
// What may be merged is what Linux' own GRO would merge, and less: nothing but data with ACK, and
// with PSH at the end. A receiver can tell the segment from the packets by nothing that TCP lives
// on, and the kernel may cut it again: the same packets come out. All but the packets' contents is
// fixed in size; no DPDK here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/segments/tcp_packet.h"
#include "dataplane/segments/virtio.h"

namespace lastmile::segments {

/// Packets that go together, or one alone.
struct Run {
  std::uint16_t first = 0;  ///< in MergePlan::order()
  std::uint16_t count = 0;
  // Of several:
  std::uint16_t segment_size = 0;  ///< payload of each but the last, which may have less
  std::uint32_t payload = 0;       ///< of all together
  bool push = false;               ///< the last one has PSH
};

/// A frame in one piece; an empty one is one that can't be looked at, and goes alone.
using Frame = std::span<const std::uint8_t>;

/// Which frames of a burst go together. One worker.
class MergePlan {
 public:
  /// Most frames of a burst.
  static constexpr unsigned kCapacity = 256;
  /// Flows that packets may be merged in at the same time. Others wait for nothing: their packets
  /// go alone.
  static constexpr unsigned kFlows = 8;
  /// Most packets of a run.
  static constexpr unsigned kMostPackets = 64;

  /// At most kCapacity frames. Runs stand in the order of their first packets, and a flow's packets
  /// in the order that they came in. Valid until the next call.
  [[nodiscard]] std::span<const Run> make(std::span<const Frame> frames);
  /// Runs are pieces of it; its values are places in `frames`.
  [[nodiscard]] std::span<const std::uint16_t> order() const { return {order_.data(), count_}; }
  /// The first packet of a run of several, in its frame.
  [[nodiscard]] const TcpPacket& head(const Run& run) const { return packets_[order_[run.first]]; }

 private:
  /// A run that may still grow.
  struct Open {
    TcpPacket head;
    std::uint16_t run;
    std::uint16_t last;  // frame
    std::uint32_t next_sequence;
    bool head_is_right;  // its checksum was looked at
  };

  void start_run(std::uint16_t frame);
  [[nodiscard]] bool join(Open& open, const TcpPacket& packet, std::uint16_t frame);
  [[nodiscard]] Open* open_flow(const TcpPacket& packet);
  void close(Open* open) { *open = open_[--open_count_]; }
  void open_run(const TcpPacket& head, std::uint16_t frame);
  void put_in_order();

  unsigned count_ = 0;
  unsigned run_count_ = 0;
  unsigned open_count_ = 0;
  std::array<Run, kCapacity> runs_;
  std::array<std::uint16_t, kCapacity> next_;   // the frame behind a frame in its run
  std::array<std::uint16_t, kCapacity> heads_;  // of runs
  std::array<std::uint16_t, kCapacity> order_;
  std::array<TcpPacket, kCapacity> packets_;  // by frame: those that runs of several begin with
  std::array<Open, kFlows> open_;
};

/// What goes before a segment's payload: what the kernel is to know, and the headers.
struct SegmentHeader {
  static constexpr std::size_t kMostHeaders = ethernet::kHeaderSize + ipv6::kHeaderSize + 60;

  VirtioHeader virtio;
  std::array<std::uint8_t, kMostHeaders> headers;
  std::uint16_t length;  ///< of the headers

  [[nodiscard]] std::size_t bytes() const { return sizeof virtio + length; }
};
static_assert(offsetof(SegmentHeader, headers) == sizeof(VirtioHeader), "sent in one piece");

/// The header of a run of several packets. `head`: its first one.
void write_header(const TcpPacket& head, const Run& run, SegmentHeader& header);

}  // namespace lastmile::segments
