// How much of a packet can be read in one piece.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>

namespace lastmile {

/// Bytes from `position` to the end of the packet's first segment; 0 if it lies behind that.
[[nodiscard]] inline std::size_t contiguous_bytes(const rte_mbuf* packet,
                                                  const std::uint8_t* position) {
  const auto* const end = rte_pktmbuf_mtod(packet, const std::uint8_t*) + packet->data_len;
  return end > position ? static_cast<std::size_t>(end - position) : 0;
}

}  // namespace lastmile
