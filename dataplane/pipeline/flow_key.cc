#include "dataplane/pipeline/flow_key.h"

#include <bit>
#include <cstring>

#include "dataplane/net/icmp.h"
#include "dataplane/pipeline/contiguous.h"

namespace lastmile {
namespace {

constexpr std::uint16_t kFragment = raw16(ipv4::kMoreFragments | ipv4::kFragmentOffset);

/// Source and destination port change places.
std::uint32_t turned(std::uint32_t ports) {
  return std::rotl(ports, 16);
}

/// The IP header that an ICMP error quotes, if it is one and quotes at least `size` bytes; else
/// null.
const std::uint8_t* quoted_by(const rte_mbuf* packet, const std::uint8_t* message, bool is_error,
                              std::size_t size) {
  return is_error && contiguous_bytes(packet, message) >= icmp::kHeaderSize + size
             ? message + icmp::kHeaderSize
             : nullptr;
}

}  // namespace

[[gnu::noinline, gnu::cold]] std::uint32_t ipv4_portless_hash(const FlowHash& hash,
                                                              const rte_mbuf* packet,
                                                              const std::uint8_t* header) {
  const auto source = load_raw<std::uint32_t>(header + ipv4::kSource);
  const auto destination = load_raw<std::uint32_t>(header + ipv4::kDestination);
  const std::uint8_t ip_protocol = header[ipv4::kProtocol];
  const std::uint8_t* const message = header + ipv4::header_length(header);
  const bool is_error = ip_protocol == protocol::kIcmp &&
                        (load_raw<std::uint16_t>(header + ipv4::kFragment) & kFragment) == 0 &&
                        contiguous_bytes(packet, message) != 0 && icmp::is_ipv4_error(message[0]);
  const std::uint8_t* const inner = quoted_by(packet, message, is_error, ipv4::kHeaderSize);
  if (inner == nullptr) return hash.ipv4(source, destination, ip_protocol, 0);

  std::uint32_t ports = 0;
  const std::uint8_t* const transport = inner + ipv4::header_length(inner);
  if ((load_raw<std::uint16_t>(inner + ipv4::kFragment) & kFragment) == 0 &&
      kHasPorts[inner[ipv4::kProtocol]] && contiguous_bytes(packet, transport) >= sizeof ports) {
    ports = turned(load_raw<std::uint32_t>(transport));
  }
  return hash.ipv4(load_raw<std::uint32_t>(inner + ipv4::kDestination),
                   load_raw<std::uint32_t>(inner + ipv4::kSource), inner[ipv4::kProtocol], ports);
}

[[gnu::noinline, gnu::cold]] std::uint32_t ipv6_portless_hash(const FlowHash& hash,
                                                              const rte_mbuf* packet,
                                                              const std::uint8_t* header) {
  const std::uint8_t ip_protocol = header[ipv6::kNextHeader];
  const std::uint8_t* const message = header + ipv6::kHeaderSize;
  const bool is_error = ip_protocol == protocol::kIcmpv6 &&
                        contiguous_bytes(packet, message) != 0 && icmp::is_ipv6_error(message[0]);
  const std::uint8_t* const inner = quoted_by(packet, message, is_error, ipv6::kHeaderSize);
  if (inner == nullptr) return hash.ipv6(header + ipv6::kSource, ip_protocol, 0);

  std::uint32_t ports = 0;
  const std::uint8_t* const transport = inner + ipv6::kHeaderSize;
  if (kHasPorts[inner[ipv6::kNextHeader]] && contiguous_bytes(packet, transport) >= sizeof ports) {
    ports = turned(load_raw<std::uint32_t>(transport));
  }
  std::array<std::uint8_t, 32> addresses;
  std::memcpy(addresses.data(), inner + ipv6::kDestination, 16);
  std::memcpy(addresses.data() + 16, inner + ipv6::kSource, 16);
  return hash.ipv6(addresses.data(), inner[ipv6::kNextHeader], ports);
}

}  // namespace lastmile
