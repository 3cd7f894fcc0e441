// The part of a packet that says which flow it belongs to, for the flow hash.
//
// Ports count only where every packet of the flow shows them: not in fragments (the first one
// included, or it would part from the others), nor behind IPv6 extension headers.
//
// An ICMP error belongs to the flow of the packet that it is about: it goes where that flow's own
// packets go in this direction, so that path-MTU discovery works behind an anycast address.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/forwarding/flow_hash.h"
#include "dataplane/net/headers.h"

namespace lastmile {

/// By IP protocol: whether source and destination port lead its header, in one 32-bit word.
inline constexpr auto kHasPorts = [] {
  std::array<bool, 256> has{};
  has[protocol::kTcp] = has[protocol::kUdp] = has[protocol::kSctp] = true;
  return has;
}();

/// The two ports behind an IP header of `header_length` bytes if the packet's first segment holds
/// them, else 0.
[[nodiscard]] inline std::uint32_t ports_behind(const rte_mbuf* packet, const std::uint8_t* header,
                                                unsigned header_length) {
  constexpr unsigned kEthernet = ethernet::kHeaderSize;
  if (kEthernet + header_length + sizeof(std::uint32_t) > packet->data_len) [[unlikely]]
    return 0;
  return load_raw<std::uint32_t>(header + header_length);
}

/// Of packets whose protocol has no ports: ICMP errors, and the rest by addresses and protocol.
[[nodiscard]] std::uint32_t ipv4_portless_hash(const FlowHash& hash, const rte_mbuf* packet,
                                               const std::uint8_t* header);
[[nodiscard]] std::uint32_t ipv6_portless_hash(const FlowHash& hash, const rte_mbuf* packet,
                                               const std::uint8_t* header);

[[nodiscard]] inline std::uint32_t ipv4_flow_hash(const FlowHash& hash, const rte_mbuf* packet,
                                                  const std::uint8_t* header) {
  constexpr std::uint16_t kFragment = raw16(ipv4::kMoreFragments | ipv4::kFragmentOffset);
  const std::uint8_t ip_protocol = header[ipv4::kProtocol];
  if (!kHasPorts[ip_protocol]) [[unlikely]]
    return ipv4_portless_hash(hash, packet, header);
  std::uint32_t ports = 0;
  if ((load_raw<std::uint16_t>(header + ipv4::kFragment) & kFragment) == 0) [[likely]] {
    ports = ports_behind(packet, header, ipv4::header_length(header));
  }
  return hash.ipv4(load_raw<std::uint32_t>(header + ipv4::kSource),
                   load_raw<std::uint32_t>(header + ipv4::kDestination), ip_protocol, ports);
}

[[nodiscard]] inline std::uint32_t ipv6_flow_hash(const FlowHash& hash, const rte_mbuf* packet,
                                                  const std::uint8_t* header) {
  const std::uint8_t ip_protocol = header[ipv6::kNextHeader];
  if (!kHasPorts[ip_protocol]) [[unlikely]]
    return ipv6_portless_hash(hash, packet, header);
  const std::uint32_t ports = ports_behind(packet, header, ipv6::kHeaderSize);
  return hash.ipv6(header + ipv6::kSource, ip_protocol, ports);
}

}  // namespace lastmile
