// Puts VLAN tags into a frame and takes them out, in the buffer where it is: the MAC addresses
// move, the packet stays.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "dataplane/net/headers.h"
#include "dataplane/net/vlan.h"

namespace lastmile {

/// True if a frame with this EtherType (as load_be16 gives it) has a tag there.
[[nodiscard]] constexpr bool is_tag(std::uint16_t ethertype) {
  return ethertype == ethernet::kVlan || ethertype == ethernet::kServiceVlan;
}

/// Takes `size` bytes out behind the MAC addresses. They, and the addresses, are in the frame's
/// first segment.
inline void pop_tags(rte_mbuf* packet, unsigned size) {
  auto* const frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
  std::memmove(frame + size, frame, ethernet::kTypeOffset);
  rte_pktmbuf_adj(packet, static_cast<std::uint16_t>(size));
}

/// Puts the tags on as many of the frames as have room in front, and moves these to the front, in
/// their order. Returns how many they are.
[[nodiscard]] inline unsigned push_tags(std::span<rte_mbuf*> packets, const VlanTags& tags) {
  const auto wire = tags.wire();
  const auto size = static_cast<std::uint16_t>(tags.size());
  unsigned tagged = 0;
  for (rte_mbuf*& packet : packets) {
    if (packet->data_len < ethernet::kTypeOffset) continue;
    const auto* const untagged = rte_pktmbuf_mtod(packet, const std::uint8_t*);
    auto* const frame = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(packet, size));
    if (frame == nullptr) continue;
    std::memmove(frame, untagged, ethernet::kTypeOffset);
    std::memcpy(frame + ethernet::kTypeOffset, wire.data(), size);
    std::swap(packets[tagged++], packet);
  }
  return tagged;
}

}  // namespace lastmile
