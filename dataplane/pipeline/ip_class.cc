#include "dataplane/pipeline/ip_class.h"

#include <cstddef>

#include "dataplane/net/headers.h"
#include "dataplane/pipeline/contiguous.h"

namespace lastmile {
namespace {

/// `payload`: `available` bytes of what follows the IP header.
PuntClass transport_class(std::uint8_t next_protocol, const std::uint8_t* payload,
                          std::size_t available) {
  switch (next_protocol) {
    case protocol::kTcp:
      // Either end may have opened the connection.
      if (available >= 4 && (load_be16(payload) == protocol::kBgpPort ||
                             load_be16(payload + 2) == protocol::kBgpPort)) {
        return PuntClass::kBgp;
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
    default:
      return PuntClass::kHost;
  }
}

}  // namespace

PuntClass ipv4_punt_class(const rte_mbuf* packet, const std::uint8_t* header) {
  // A fragment that isn't the first has no ports: its class is that of any traffic for programs.
  if ((load_be16(header + ipv4::kFragment) & ipv4::kFragmentOffset) != 0) return PuntClass::kHost;
  const std::uint8_t* const payload = header + ipv4::header_length(header);
  return transport_class(header[ipv4::kProtocol], payload, contiguous_bytes(packet, payload));
}

PuntClass ipv6_punt_class(const rte_mbuf* packet, const std::uint8_t* header) {
  const std::uint8_t* const payload = header + ipv6::kHeaderSize;
  return transport_class(header[ipv6::kNextHeader], payload, contiguous_bytes(packet, payload));
}

}  // namespace lastmile
