// The header in front of a frame that says what a device is to do with it (virtio 1.2, section
// 5.1.6, in its form of ten bytes). The kernel's own definition of it is no C++.
#pragma once

#include <cstdint>
#include <type_traits>

namespace lastmile::segments {

/// Fields in the machine's byte order.
struct VirtioHeader {
  std::uint8_t flags = 0;     ///< of which kNeedsSum alone says something here
  std::uint8_t gso_type = 0;  ///< kWhole, or what is to be cut
  /// Of the headers; the kernel says at times how much of the frame it has in one piece.
  std::uint16_t header_length = 0;
  std::uint16_t segment_size = 0;  ///< payload of each packet
  std::uint16_t sum_start = 0;     ///< first byte that the checksum is over
  std::uint16_t sum_offset = 0;    ///< of the checksum's field, from there

  static constexpr std::uint8_t kNeedsSum = 1;
  static constexpr std::uint8_t kWhole = 0;
  static constexpr std::uint8_t kTcpv4 = 1;
  static constexpr std::uint8_t kUdp = 3;
  static constexpr std::uint8_t kTcpv6 = 4;
  /// Beside one of TCP's: CWR is in the first packet only (RFC 3168 section 6.1.2).
  static constexpr std::uint8_t kEcn = 0x80;

  friend bool operator==(const VirtioHeader&, const VirtioHeader&) = default;
};
static_assert(sizeof(VirtioHeader) == 10 && std::is_trivially_copyable_v<VirtioHeader>);

}  // namespace lastmile::segments
