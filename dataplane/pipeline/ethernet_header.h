// The Ethernet header of a next hop, made once for many packets.
#pragma once

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/forwarding/next_hop_table.h"
#include "dataplane/net/headers.h"

namespace lastmile {

class EthernetHeader {
 public:
  /// `ethertype` is in network byte order.
  EthernetHeader(const NextHop& hop, std::uint16_t ethertype) {
    hop.write_ethernet(bytes_.data(), ethertype);
  }

  /// Writes the 14 bytes in front of an IP header. With SSE in one store: it takes the IP header's
  /// first two bytes along as they are.
  void write_before(std::uint8_t* ip_header) const {
    std::uint8_t* const frame = ip_header - ethernet::kHeaderSize;
#ifdef __SSE2__
    const __m128i stored = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes_.data()));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(frame),
                     _mm_insert_epi16(stored, load_raw<std::uint16_t>(ip_header), 7));
#else
    std::memcpy(frame, bytes_.data(), ethernet::kHeaderSize);
#endif
  }

 private:
  alignas(16) std::array<std::uint8_t, 16> bytes_{};
};

}  // namespace lastmile
