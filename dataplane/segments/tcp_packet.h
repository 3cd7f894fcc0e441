// Where the parts of a TCP packet are. No DPDK here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/headers.h"

namespace lastmile::segments {

/// A TCP packet that stands in an Ethernet frame, in one piece.
struct TcpPacket {
  const std::uint8_t* ip;
  const std::uint8_t* tcp;
  const std::uint8_t* payload;
  std::uint16_t payload_length;

  [[nodiscard]] bool is_ipv4() const { return ipv4::version(ip) == 4; }
  /// Of Ethernet, IP and TCP.
  [[nodiscard]] std::size_t headers_length() const {
    return ethernet::kHeaderSize + static_cast<std::size_t>(payload - ip);
  }
  [[nodiscard]] std::uint16_t tcp_length() const {
    return static_cast<std::uint16_t>(static_cast<std::size_t>(payload - tcp) + payload_length);
  }
  [[nodiscard]] std::span<const std::uint8_t> options() const {
    return {tcp + tcp::kHeaderSize, payload};
  }
};

/// The TCP packet in this frame; nullopt: there is none, or not a whole and plain one (a fragment,
/// IPv4 options, IPv6 extension headers).
[[nodiscard]] std::optional<TcpPacket> plain_tcp(std::span<const std::uint8_t> frame);

/// Ones' complement sum, as it stands in memory, of the pseudo-header for `tcp_length` bytes
/// (RFC 9293 section 3.1, RFC 8200 section 8.1).
[[nodiscard]] std::uint16_t pseudo_sum(const TcpPacket& packet, std::uint16_t tcp_length);

[[nodiscard]] bool has_right_checksum(const TcpPacket& packet);

}  // namespace lastmile::segments
