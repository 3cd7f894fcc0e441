// Cuts off what an Ethernet frame carries behind its IP packet: padding to the minimum frame size,
// or trailers. What is forwarded must not carry another sender's bytes.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

namespace lastmile {

/// Shortens a packet to `length` bytes; `length` is 1 to pkt_len. Segments left empty are freed.
inline void trim(rte_mbuf* packet, std::uint32_t length) {
  packet->pkt_len = length;
  std::uint16_t segments = 1;
  rte_mbuf* segment = packet;
  while (segment->data_len < length) {
    length -= segment->data_len;
    segment = segment->next;
    ++segments;
  }
  segment->data_len = static_cast<std::uint16_t>(length);
  rte_mbuf* surplus = segment->next;
  segment->next = nullptr;
  packet->nb_segs = segments;
  while (surplus != nullptr) {
    rte_mbuf* const next = surplus->next;
    rte_pktmbuf_free_seg(surplus);
    surplus = next;
  }
}

}  // namespace lastmile
