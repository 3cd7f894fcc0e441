// What differs between IPv4 and IPv6 once a header is known to be good, so that the stages behind
// validation are written once.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/headers.h"
#include "dataplane/net/ip.h"
#include "dataplane/pipeline/ip_class.h"
#include "dataplane/pipeline/vector.h"

namespace lastmile {

struct Ipv4Family {
  using Vector = Ipv4Vector;
  static constexpr std::uint16_t kEthertype = raw16(ethernet::kIpv4);

  [[nodiscard]] static unsigned length(const std::uint8_t* header) {
    return load_be16(header + ipv4::kTotalLength);
  }
  [[nodiscard]] static unsigned hops(const std::uint8_t* header) { return header[ipv4::kTtl]; }

  /// Takes `cost` (0 or 1) off the TTL and mends the checksum: RFC 1624 for a change of the TTL
  /// alone, which is the high byte of its 16-bit word.
  static void spend_hops(std::uint8_t* header, unsigned cost) {
    // One load and one store for TTL, protocol and checksum, which lie in this order.
    const auto word = load_raw<std::uint32_t>(header + ipv4::kTtl);
    const std::uint32_t sum = (word >> 16) + raw16(0x0100) * cost;
    store_raw(header + ipv4::kTtl, ((sum + (sum >= 0xffff)) << 16) | ((word & 0xffff) - cost));
  }

  [[nodiscard]] static bool may_be_fragmented(const std::uint8_t* header) {
    return (load_be16(header + ipv4::kFragment) & ipv4::kDontFragment) == 0;
  }
  /// May a packet from this source leave its link?
  [[nodiscard]] static bool has_routable_source(const std::uint8_t* /*header*/) { return true; }

  [[nodiscard]] static IpAddress destination(const std::uint8_t* header) {
    return Ipv4Address{destination_column(header)};
  }
  /// As the vector's column has it.
  [[nodiscard]] static std::uint32_t destination_column(const std::uint8_t* header) {
    return load_be32(header + ipv4::kDestination);
  }
  [[nodiscard]] static std::uint32_t source_column(const std::uint8_t* header) {
    return load_be32(header + ipv4::kSource);
  }
  [[nodiscard]] static PuntClass punt_class(const rte_mbuf* packet, const std::uint8_t* header) {
    return ipv4_punt_class(packet, header);
  }
};

struct Ipv6Family {
  using Vector = Ipv6Vector;
  static constexpr std::uint16_t kEthertype = raw16(ethernet::kIpv6);

  [[nodiscard]] static unsigned length(const std::uint8_t* header) {
    return static_cast<unsigned>(ipv6::kHeaderSize) + load_be16(header + ipv6::kPayloadLength);
  }
  [[nodiscard]] static unsigned hops(const std::uint8_t* header) { return header[ipv6::kHopLimit]; }
  static void spend_hops(std::uint8_t* header, unsigned cost) {
    header[ipv6::kHopLimit] = static_cast<std::uint8_t>(header[ipv6::kHopLimit] - cost);
  }
  /// RFC 8200 section 5: only the source fragments.
  [[nodiscard]] static bool may_be_fragmented(const std::uint8_t* /*header*/) { return false; }
  /// RFC 4291 2.5.6: routers must not forward packets with a link-local source.
  [[nodiscard]] static bool has_routable_source(const std::uint8_t* header) {
    return (load_be16(header + ipv6::kSource) & 0xffc0) != 0xfe80;
  }
  [[nodiscard]] static IpAddress destination(const std::uint8_t* header) {
    return destination_column(header);
  }
  [[nodiscard]] static Ipv6Address destination_column(const std::uint8_t* header) {
    return Ipv6Address::from_wire(
        std::span<const std::uint8_t, 16>{header + ipv6::kDestination, 16});
  }
  [[nodiscard]] static Ipv6Address source_column(const std::uint8_t* header) {
    return Ipv6Address::from_wire(std::span<const std::uint8_t, 16>{header + ipv6::kSource, 16});
  }
  [[nodiscard]] static PuntClass punt_class(const rte_mbuf* packet, const std::uint8_t* header) {
    return ipv6_punt_class(packet, header);
  }
};

}  // namespace lastmile
