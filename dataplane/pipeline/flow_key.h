// The part of a packet that says which flow it belongs to, for the flow hash.
//
// Ports count only where every packet of the flow shows them: not in fragments (the first one
// included, or it would part from the others), nor behind IPv6 extension headers.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/forwarding/flow_hash.h"
#include "dataplane/net/headers.h"

namespace lastmile {

/// By IP protocol: all ones if source and destination port lead the header, in one 32-bit word.
inline constexpr auto kPortsMask = [] {
  std::array<std::uint32_t, 256> mask{};
  mask[protocol::kTcp] = mask[protocol::kUdp] = mask[protocol::kSctp] = 0xffffffff;
  return mask;
}();

/// The two ports behind an IP header of `header_length` bytes if they count and the packet's first
/// segment holds them, else 0.
[[nodiscard]] inline std::uint32_t ports_behind(const rte_mbuf* packet, const std::uint8_t* header,
                                                unsigned header_length, std::uint8_t ip_protocol) {
  constexpr unsigned kEthernet = ethernet::kHeaderSize;
  if (kEthernet + header_length + sizeof(std::uint32_t) > packet->data_len) [[unlikely]]
    return 0;
  return load_raw<std::uint32_t>(header + header_length) & kPortsMask[ip_protocol];
}

[[nodiscard]] inline std::uint32_t ipv4_flow_hash(const FlowHash& hash, const rte_mbuf* packet,
                                                  const std::uint8_t* header) {
  constexpr std::uint16_t kFragment = raw16(ipv4::kMoreFragments | ipv4::kFragmentOffset);
  const std::uint8_t ip_protocol = header[ipv4::kProtocol];
  std::uint32_t ports = 0;
  if ((load_raw<std::uint16_t>(header + ipv4::kFragment) & kFragment) == 0) [[likely]] {
    ports = ports_behind(packet, header, ipv4::header_length(header), ip_protocol);
  }
  return hash.ipv4(load_raw<std::uint32_t>(header + ipv4::kSource),
                   load_raw<std::uint32_t>(header + ipv4::kDestination), ip_protocol, ports);
}

[[nodiscard]] inline std::uint32_t ipv6_flow_hash(const FlowHash& hash, const rte_mbuf* packet,
                                                  const std::uint8_t* header) {
  const std::uint8_t ip_protocol = header[ipv6::kNextHeader];
  const std::uint32_t ports = ports_behind(packet, header, ipv6::kHeaderSize, ip_protocol);
  return hash.ipv6(header + ipv6::kSource, ip_protocol, ports);
}

}  // namespace lastmile
