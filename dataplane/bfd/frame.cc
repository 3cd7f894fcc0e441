#include "dataplane/bfd/frame.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace lastmile::bfd {
namespace {

/// Class selector 6, network control (RFC 2474 section 4.2.2.2): as other routers send BFD.
constexpr std::uint8_t kTrafficClass = 0xc0;

/// Over the pseudo-header (RFC 768, RFC 8200 section 8.1), which has the addresses, the length and
/// the protocol of both families in one form: 16-bit words of zero add nothing.
std::uint32_t pseudo_sum(std::span<const std::uint8_t> addresses, std::uint16_t udp_size) {
  std::array<std::uint8_t, 4> rest{};
  store_be16(rest.data(), udp_size);
  rest[3] = protocol::kUdp;
  return std::uint32_t{ones_complement_sum(addresses)} + ones_complement_sum(rest);
}

void write_ipv4(const Addresses& addresses, std::uint8_t* ip, std::uint16_t udp_size) {
  std::memset(ip, 0, ipv4::kHeaderSize);
  ip[0] = 0x45;
  ip[1] = kTrafficClass;
  store_be16(ip + ipv4::kTotalLength, static_cast<std::uint16_t>(ipv4::kHeaderSize + udp_size));
  ip[ipv4::kTtl] = addresses.hop_limit;
  ip[ipv4::kProtocol] = protocol::kUdp;
  const auto source = std::get<Ipv4Address>(addresses.source).to_wire();
  const auto destination = std::get<Ipv4Address>(addresses.destination).to_wire();
  std::copy(source.begin(), source.end(), ip + ipv4::kSource);
  std::copy(destination.begin(), destination.end(), ip + ipv4::kDestination);
  store_raw(ip + ipv4::kChecksum, internet_checksum({ip, ipv4::kHeaderSize}));
}

void write_ipv6(const Addresses& addresses, std::uint8_t* ip, std::uint16_t udp_size) {
  std::memset(ip, 0, ipv6::kHeaderSize);
  ip[0] = 0x60 | kTrafficClass >> 4U;
  ip[1] = static_cast<std::uint8_t>(kTrafficClass << 4U);
  store_be16(ip + ipv6::kPayloadLength, udp_size);
  ip[ipv6::kNextHeader] = protocol::kUdp;
  ip[ipv6::kHopLimit] = addresses.hop_limit;
  const auto& source = std::get<Ipv6Address>(addresses.source).bytes();
  const auto& destination = std::get<Ipv6Address>(addresses.destination).bytes();
  std::copy(source.begin(), source.end(), ip + ipv6::kSource);
  std::copy(destination.begin(), destination.end(), ip + ipv6::kDestination);
}

struct IpHeader {
  std::size_t size;      ///< of the header
  std::size_t contents;  ///< of what follows it, by its own word
  std::uint8_t hop_limit;
  std::span<const std::uint8_t> addresses;
};

IpHeader read_ip(std::span<const std::uint8_t> packet) {
  if (packet[0] >> 4U == 4) {
    const std::size_t size = ipv4::header_length(packet.data());
    const std::size_t total = load_be16(&packet[ipv4::kTotalLength]);
    return {size, total > size ? total - size : 0, packet[ipv4::kTtl],
            packet.subspan(ipv4::kSource, 8)};
  }
  return {ipv6::kHeaderSize, load_be16(&packet[ipv6::kPayloadLength]), packet[ipv6::kHopLimit],
          packet.subspan(ipv6::kSource, 32)};
}

IpAddress address(std::span<const std::uint8_t> octets) {
  if (octets.size() == 4) return Ipv4Address::from_wire(octets.first<4>());
  return Ipv6Address::from_wire(octets.first<16>());
}

}  // namespace

std::size_t headers_size(const IpAddress& address) {
  const bool v4 = std::holds_alternative<Ipv4Address>(address);
  return ethernet::kHeaderSize + (v4 ? ipv4::kHeaderSize : ipv6::kHeaderSize) + udp::kHeaderSize;
}

void write_headers(const Addresses& addresses, std::span<std::uint8_t> frame) {
  const bool v4 = std::holds_alternative<Ipv4Address>(addresses.source);
  const std::size_t ip_size = v4 ? ipv4::kHeaderSize : ipv6::kHeaderSize;
  const auto udp_size = static_cast<std::uint16_t>(frame.size() - ethernet::kHeaderSize - ip_size);
  std::uint8_t* const start = frame.data();
  std::copy_n(addresses.destination_mac.bytes().begin(), 6, start);
  std::copy_n(addresses.source_mac.bytes().begin(), 6, start + ethernet::kSourceOffset);
  store_be16(start + ethernet::kTypeOffset, v4 ? ethernet::kIpv4 : ethernet::kIpv6);

  std::uint8_t* const ip = start + ethernet::kHeaderSize;
  v4 ? write_ipv4(addresses, ip, udp_size) : write_ipv6(addresses, ip, udp_size);
  std::uint8_t* const header = ip + ip_size;
  store_be16(header + udp::kSourcePort, addresses.source_port);
  store_be16(header + udp::kDestinationPort, addresses.destination_port);
  store_be16(header + udp::kLength, udp_size);
  store_be16(header + udp::kChecksum, 0);
  const std::span<const std::uint8_t> ips{ip + (v4 ? ipv4::kSource : ipv6::kSource),
                                          v4 ? std::size_t{8} : 32};
  const auto sum = static_cast<std::uint16_t>(
      ~ones_complement_sum({header, udp_size}, pseudo_sum(ips, udp_size)));
  // 0 means none (RFC 768).
  store_raw(header + udp::kChecksum, sum == 0 ? std::uint16_t{0xffff} : sum);
}

tl::expected<Datagram, Refusal> take_apart(PortId port, const MacAddress& source,
                                           std::span<const std::uint8_t> packet) {
  const IpHeader ip = read_ip(packet);
  if (ip.contents < udp::kHeaderSize || packet.size() < ip.size + ip.contents) {
    return tl::unexpected(Refusal::kBadChecksum);
  }
  const auto segment = packet.subspan(ip.size, ip.contents);
  const std::uint16_t size = load_be16(&segment[udp::kLength]);
  if (size < udp::kHeaderSize || size > segment.size())
    return tl::unexpected(Refusal::kBadChecksum);
  const bool v4 = ip.addresses.size() == 8;
  const bool unsummed = load_be16(&segment[udp::kChecksum]) == 0;
  if (!(v4 && unsummed) &&
      ones_complement_sum(segment.first(size), pseudo_sum(ip.addresses, size)) != 0xffff) {
    return tl::unexpected(Refusal::kBadChecksum);
  }
  if (size - udp::kHeaderSize > kLargestPayload) return tl::unexpected(Refusal::kBadLength);

  Datagram datagram;
  datagram.port = port;
  datagram.source_mac = source;
  datagram.source = address(ip.addresses.first(ip.addresses.size() / 2));
  datagram.destination = address(ip.addresses.subspan(ip.addresses.size() / 2));
  datagram.source_port = load_be16(&segment[udp::kSourcePort]);
  datagram.destination_port = load_be16(&segment[udp::kDestinationPort]);
  datagram.hop_limit = ip.hop_limit;
  datagram.size = static_cast<std::uint8_t>(size - udp::kHeaderSize);
  std::copy_n(segment.begin() + udp::kHeaderSize, datagram.size, datagram.octets.begin());
  return datagram;
}

}  // namespace lastmile::bfd
