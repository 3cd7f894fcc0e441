// What of a control packet decides whether it says anything new.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/bfd/frame.h"
#include "dataplane/bfd/wire.h"
#include "dataplane/net/headers.h"

namespace lastmile::bfd {

/// The octets of a control packet that say all that the engine asks of it: from the addresses of
/// its IP header to its end, the UDP checksum over them among it.
struct Essence {
  static constexpr std::size_t kIpv4 = 2 * 4 + udp::kHeaderSize + kControlSize;
  static constexpr std::size_t kIpv6 = 2 * 16 + udp::kHeaderSize + kControlSize;

  std::span<const std::uint8_t> octets;  ///< kIpv4 or kIpv6 of them; none: no such packet

  /// Of a packet of one hop, whole and no longer than it must be, without IP options or
  /// authentication.
  static Essence of(std::span<const std::uint8_t> packet) {
    constexpr std::size_t kUdpSize = udp::kHeaderSize + kControlSize;
    if (packet.size() >= ipv6::kSource + kIpv6 && packet[0] >> 4U == 6) {
      const bool plain = packet[ipv6::kHopLimit] == kHopLimit &&
                         load_be16(&packet[ipv6::kPayloadLength]) == kUdpSize;
      return {plain ? packet.subspan(ipv6::kSource, kIpv6) : std::span<const std::uint8_t>{}};
    }
    const bool plain = packet.size() >= ipv4::kSource + kIpv4 && packet[0] == 0x45 &&
                       packet[ipv4::kTtl] == kHopLimit &&
                       load_be16(&packet[ipv4::kTotalLength]) == ipv4::kHeaderSize + kUdpSize;
    return {plain ? packet.subspan(ipv4::kSource, kIpv4) : std::span<const std::uint8_t>{}};
  }
  [[nodiscard]] std::uint32_t your_discriminator() const {
    return load_be32(octets.data() + octets.size() - kControlSize + 8);
  }
  /// Sizes are constants, so that it is a few loads and no call.
  [[nodiscard]] bool is(const std::uint8_t* other) const {
    return octets.size() == kIpv6 ? std::memcmp(octets.data(), other, kIpv6) == 0
                                  : std::memcmp(octets.data(), other, kIpv4) == 0;
  }
};

}  // namespace lastmile::bfd
