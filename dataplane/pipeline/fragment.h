// Fragmentation of IPv4 packets that are longer than the MTU of their way and may be cut (RFC 791
// section 3.2, RFC 1812 section 5.2.6), by DPDK's library. Rare: who sends long packets mostly
// wants to be told instead (icmp_errors.h).
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>

namespace lastmile {

/// Most fragments of a packet; one that would need more is not forwarded.
inline constexpr unsigned kMostFragments = 64;

/// A fragment: room for an Ethernet header, and the IP header behind it.
struct Fragment {
  rte_mbuf* packet;
  std::uint8_t* header;
};
using Fragments = std::array<Fragment, kMostFragments>;

/// Cuts the packet with this IPv4 header into fragments of at most `mtu` bytes, with checksums and
/// with room for Ethernet before them; the buffers are of the packet's own pool, and it is freed.
/// An empty span: no buffers, or too many fragments; the packet is as it was but for its Ethernet
/// header. One worker.
[[nodiscard]] std::span<const Fragment> fragment_ipv4(rte_mbuf* packet, std::uint8_t* header,
                                                      unsigned mtu, Fragments& fragments);

}  // namespace lastmile
