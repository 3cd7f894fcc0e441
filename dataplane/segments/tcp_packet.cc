#include "dataplane/segments/tcp_packet.h"

#include "dataplane/net/checksum.h"

namespace lastmile::segments {
namespace {

struct IpPart {
  std::size_t header;
  std::size_t total;
};

std::optional<IpPart> plain_ipv4(std::span<const std::uint8_t> packet) {
  if (packet.size() < ipv4::kHeaderSize || packet[0] != 0x45) return std::nullopt;
  const std::uint8_t* const ip = packet.data();
  if (ip[ipv4::kProtocol] != protocol::kTcp) return std::nullopt;
  constexpr std::uint16_t kFragmented = ipv4::kMoreFragments | ipv4::kFragmentOffset;
  if ((load_be16(ip + ipv4::kFragment) & kFragmented) != 0) return std::nullopt;
  return IpPart{ipv4::kHeaderSize, load_be16(ip + ipv4::kTotalLength)};
}

std::optional<IpPart> plain_ipv6(std::span<const std::uint8_t> packet) {
  if (packet.size() < ipv6::kHeaderSize || packet[0] >> 4U != 6) return std::nullopt;
  const std::uint8_t* const ip = packet.data();
  if (ip[ipv6::kNextHeader] != protocol::kTcp) return std::nullopt;
  return IpPart{ipv6::kHeaderSize,
                ipv6::kHeaderSize + std::size_t{load_be16(ip + ipv6::kPayloadLength)}};
}

}  // namespace

std::optional<TcpPacket> plain_tcp(std::span<const std::uint8_t> frame) {
  if (frame.size() < ethernet::kHeaderSize) return std::nullopt;
  const std::uint16_t type = load_be16(frame.data() + ethernet::kTypeOffset);
  const auto packet = frame.subspan(ethernet::kHeaderSize);
  const std::optional<IpPart> part = type == ethernet::kIpv4   ? plain_ipv4(packet)
                                     : type == ethernet::kIpv6 ? plain_ipv6(packet)
                                                               : std::nullopt;
  // Behind the packet there may be padding.
  if (!part || part->total > packet.size() || part->total < part->header + tcp::kHeaderSize) {
    return std::nullopt;
  }
  const std::uint8_t* const tcp = packet.data() + part->header;
  const std::size_t headers = part->header + tcp::header_length(tcp);
  if (tcp::header_length(tcp) < tcp::kHeaderSize || headers > part->total) return std::nullopt;
  return TcpPacket{.ip = packet.data(),
                   .tcp = tcp,
                   .payload = packet.data() + headers,
                   .payload_length = static_cast<std::uint16_t>(part->total - headers)};
}

std::uint16_t pseudo_sum(const TcpPacket& packet, std::uint16_t tcp_length) {
  const std::span addresses = packet.is_ipv4() ? std::span{packet.ip + ipv4::kSource, 8}
                                               : std::span{packet.ip + ipv6::kSource, 32};
  return ones_complement_sum(addresses, std::uint32_t{raw16(protocol::kTcp)} + raw16(tcp_length));
}

bool has_right_checksum(const TcpPacket& packet) {
  const std::uint16_t length = packet.tcp_length();
  return ones_complement_sum({packet.tcp, length}, pseudo_sum(packet, length)) == 0xffff;
}

}  // namespace lastmile::segments
