// Splitting: a frame as the kernel hands it to a device that segments and sums for it becomes the
// packets that go over the wire.
//
//   if (!splitter.begin(virtio, frame)) ...            // nothing that a device could do with it
//   for (; splitter.left() != 0;) {
//     std::uint8_t* to = room(splitter.next_length());
//     splitter.write_next(to);
//   }
//
// Segments of TCP are cut as the kernel itself would cut them (tcp_gso_segment()); of any other
// frame a checksum that is left to the device is completed. No DPDK here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/segments/virtio.h"

namespace lastmile::segments {

/// One frame at a time. One worker.
class Splitter {
 public:
  /// Begins with a frame, which stays where it is until left() is 0. False: the header asks for
  /// what there is no way to do, or contradicts the frame; then there is nothing left.
  [[nodiscard]] bool begin(const VirtioHeader& virtio, std::span<const std::uint8_t> frame);

  /// Packets that are still to be written.
  [[nodiscard]] std::size_t left() const { return left_; }
  /// Length of the longest packet, Ethernet header included.
  [[nodiscard]] std::size_t longest() const;
  /// Length of the next one.
  [[nodiscard]] std::size_t next_length() const;
  /// Writes the next packet. There is one.
  void write_next(std::uint8_t* to);

 private:
  [[nodiscard]] bool begin_segment(const VirtioHeader& virtio);
  void write_whole(std::uint8_t* to) const;
  void write_segment(std::uint8_t* to);
  [[nodiscard]] std::size_t next_payload() const;

  std::span<const std::uint8_t> frame_;
  std::size_t left_ = 0;
  // Of a frame that stays whole: where its sum starts and goes; 0: it has it.
  std::size_t sum_from_ = 0;
  std::size_t sum_at_ = 0;
  // Of a segment; 0: the frame stays whole.
  std::size_t segment_size_ = 0;
  std::size_t tcp_ = 0;      // where the TCP header is in the frame
  std::size_t payload_ = 0;  // where the payload begins
  std::size_t done_ = 0;     // bytes of it that are written
  std::uint16_t index_ = 0;  // of the next packet
};

}  // namespace lastmile::segments
