// The part of a packet that says which flow it belongs to, for the flow hash.
//
// Ports count only where every packet of the flow shows them: not in fragments (the first one
// included, or it would part from the others), nor behind IPv6 extension headers.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/forwarding/flow_hash.h"
#include "dataplane/net/headers.h"

namespace lastmile {

/// Source and destination port lead the header, in one 32-bit word.
[[nodiscard]] inline bool has_ports(std::uint8_t ip_protocol) {
  return (ip_protocol == protocol::kTcp) | (ip_protocol == protocol::kUdp) |
         (ip_protocol == protocol::kSctp);
}

/// The two ports at `payload` if they count and the packet's first segment holds them, else 0.
[[nodiscard]] inline std::uint32_t ports_at(const rte_mbuf* packet, const std::uint8_t* payload,
                                            bool count) {
  const auto* const frame = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  const bool present = payload + sizeof(std::uint32_t) <= frame + packet->data_len;
  if (!(present & count)) return 0;
  return load_raw<std::uint32_t>(payload);
}

[[nodiscard]] inline std::uint32_t ipv4_flow_hash(const FlowHash& hash, const rte_mbuf* packet,
                                                  const std::uint8_t* header) {
  constexpr std::uint16_t kFragment = raw16(ipv4::kMoreFragments | ipv4::kFragmentOffset);
  const std::uint8_t ip_protocol = header[ipv4::kProtocol];
  const bool whole = (load_raw<std::uint16_t>(header + ipv4::kFragment) & kFragment) == 0;
  const std::uint32_t ports =
      ports_at(packet, header + ipv4::header_length(header), whole & has_ports(ip_protocol));
  return hash.ipv4(load_raw<std::uint32_t>(header + ipv4::kSource),
                   load_raw<std::uint32_t>(header + ipv4::kDestination), ip_protocol, ports);
}

[[nodiscard]] inline std::uint32_t ipv6_flow_hash(const FlowHash& hash, const rte_mbuf* packet,
                                                  const std::uint8_t* header) {
  const std::uint8_t ip_protocol = header[ipv6::kNextHeader];
  const std::uint32_t ports = ports_at(packet, header + ipv6::kHeaderSize, has_ports(ip_protocol));
  return hash.ipv6(header + ipv6::kSource, ip_protocol, ports);
}

}  // namespace lastmile
