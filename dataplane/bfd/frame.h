// Ethernet, IP and UDP around a BFD packet: made and taken apart.
//
// Any thread; nothing is allocated.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <tl/expected.hpp>

#include "dataplane/bfd/refusal.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/strong_id.h"

namespace lastmile::bfd {

/// No BFD packet is longer; echo packets of others may be, and are not returned then.
inline constexpr std::size_t kLargestPayload = 128;
/// With Ethernet, IPv6 and UDP in front.
inline constexpr std::size_t kLargestFrame = 14 + 40 + 8 + kLargestPayload;

/// Who speaks to whom. Both addresses are of one family.
struct Addresses {
  MacAddress source_mac, destination_mac;
  IpAddress source, destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t hop_limit = 255;
};

/// Octets in front of the payload.
[[nodiscard]] std::size_t headers_size(const IpAddress& address);

/// Writes the headers around a payload that lies at `frame[headers_size()]` already and ends with
/// `frame`.
void write_headers(const Addresses& addresses, std::span<std::uint8_t> frame);

/// A datagram to one of BFD's UDP ports, out of its frame.
struct Datagram {
  PortId port{};  ///< it came in by
  MacAddress source_mac{};
  IpAddress source{}, destination{};
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t hop_limit = 0;
  std::uint8_t size = 0;
  std::array<std::uint8_t, kLargestPayload> octets{};

  [[nodiscard]] std::span<const std::uint8_t> payload() const {
    return std::span{octets}.first(size);
  }
};

/// Takes a packet apart. `packet`: from the IP header to the end of the frame (padding included).
/// The IP header is complete, and UDP is what follows it.
[[nodiscard]] tl::expected<Datagram, Refusal> take_apart(PortId port, const MacAddress& source,
                                                         std::span<const std::uint8_t> packet);

}  // namespace lastmile::bfd
