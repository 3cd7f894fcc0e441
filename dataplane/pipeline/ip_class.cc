#include "dataplane/pipeline/ip_class.h"

#include <cstddef>

#include "dataplane/net/headers.h"
#include "dataplane/pipeline/contiguous.h"

namespace lastmile {
namespace {

/// A connection is asked for: SYN without ACK (RFC 9293 section 3.5).
bool asks_for_connection(const std::uint8_t* tcp, std::size_t available) {
  return available > tcp::kFlags && (tcp[tcp::kFlags] & (tcp::kSyn | tcp::kAck)) == tcp::kSyn;
}

/// `payload`: `available` bytes of what follows the IP header.
PuntClass transport_class(std::uint8_t next_protocol, const std::uint8_t* payload,
                          std::size_t available) {
  switch (next_protocol) {
    case protocol::kTcp:
      // Either end may have opened the connection.
      if (available >= 4 && (load_be16(payload) == protocol::kBgpPort ||
                             load_be16(payload + 2) == protocol::kBgpPort)) {
        return asks_for_connection(payload, available) ? PuntClass::kBgpOpen : PuntClass::kBgp;
      }
      return PuntClass::kHost;
    case protocol::kIcmp:
      return PuntClass::kIcmp;
    case protocol::kIcmpv6:
      if (available >= 1 && payload[0] >= protocol::kFirstNeighborDiscovery &&
          payload[0] <= protocol::kLastNeighborDiscovery) {
        return PuntClass::kNeighborDiscovery;
      }
      return PuntClass::kIcmp;
    case protocol::kIpv6Fragment:
      return PuntClass::kFragment;
    default:
      return PuntClass::kHost;
  }
}

}  // namespace

PuntClass ipv4_punt_class(const rte_mbuf* packet, const std::uint8_t* header) {
  constexpr std::uint16_t kFragment = ipv4::kFragmentOffset | ipv4::kMoreFragments;
  if ((load_be16(header + ipv4::kFragment) & kFragment) != 0) return PuntClass::kFragment;
  const std::uint8_t* const payload = header + ipv4::header_length(header);
  return transport_class(header[ipv4::kProtocol], payload, contiguous_bytes(packet, payload));
}

PuntClass ipv6_punt_class(const rte_mbuf* packet, const std::uint8_t* header) {
  const std::uint8_t* const payload = header + ipv6::kHeaderSize;
  return transport_class(header[ipv6::kNextHeader], payload, contiguous_bytes(packet, payload));
}

}  // namespace lastmile
