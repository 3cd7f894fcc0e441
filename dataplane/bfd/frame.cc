#include "dataplane/bfd/frame.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"

namespace lastmile::bfd {
namespace {

constexpr std::size_t kEthernetSize = 14;
constexpr std::size_t kIpv4Size = 20;
constexpr std::size_t kIpv6Size = 40;
constexpr std::size_t kUdpSize = 8;
constexpr std::uint8_t kUdp = 17;
/// Class selector 6, network control (RFC 2474 section 4.2.2.2): as other routers send BFD.
constexpr std::uint8_t kTrafficClass = 0xc0;

void put16(std::uint8_t* at, std::size_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8U);
  at[1] = static_cast<std::uint8_t>(value);
}
std::uint16_t get16(const std::uint8_t* at) {
  return static_cast<std::uint16_t>(at[0] << 8U | at[1]);
}
/// A checksum is a sum of words as they stand in memory, and goes back so.
void put_checksum(std::uint8_t* at, std::uint16_t checksum) {
  std::memcpy(at, &checksum, sizeof checksum);
}

/// Over the pseudo-header (RFC 768, RFC 8200 section 8.1), which has the addresses, the length and
/// the protocol of both families in one form: 16-bit words of zero add nothing.
std::uint32_t pseudo_sum(std::span<const std::uint8_t> addresses, std::size_t udp_size) {
  std::array<std::uint8_t, 4> rest{};
  put16(rest.data(), udp_size);
  rest[3] = kUdp;
  return std::uint32_t{ones_complement_sum(addresses)} + ones_complement_sum(rest);
}

void write_ipv4(const Addresses& addresses, std::uint8_t* ip, std::size_t udp_size) {
  std::memset(ip, 0, kIpv4Size);
  ip[0] = 0x45;
  ip[1] = kTrafficClass;
  put16(ip + 2, kIpv4Size + udp_size);
  ip[8] = addresses.hop_limit;
  ip[9] = kUdp;
  const auto source = std::get<Ipv4Address>(addresses.source).to_wire();
  const auto destination = std::get<Ipv4Address>(addresses.destination).to_wire();
  std::copy(source.begin(), source.end(), ip + 12);
  std::copy(destination.begin(), destination.end(), ip + 16);
  put_checksum(ip + 10, internet_checksum({ip, kIpv4Size}));
}

void write_ipv6(const Addresses& addresses, std::uint8_t* ip, std::size_t udp_size) {
  std::memset(ip, 0, kIpv6Size);
  ip[0] = 0x60 | kTrafficClass >> 4U;
  ip[1] = static_cast<std::uint8_t>(kTrafficClass << 4U);
  put16(ip + 4, udp_size);
  ip[6] = kUdp;
  ip[7] = addresses.hop_limit;
  const auto& source = std::get<Ipv6Address>(addresses.source).bytes();
  const auto& destination = std::get<Ipv6Address>(addresses.destination).bytes();
  std::copy(source.begin(), source.end(), ip + 8);
  std::copy(destination.begin(), destination.end(), ip + 24);
}

struct IpHeader {
  std::size_t size;      ///< of the header
  std::size_t contents;  ///< of what follows it, by its own word
  std::uint8_t hop_limit;
  std::span<const std::uint8_t> addresses;
};

IpHeader read_ip(std::span<const std::uint8_t> packet) {
  if (packet[0] >> 4U == 4) {
    const std::size_t size = (packet[0] & 0xfU) * 4U;
    const std::size_t total = get16(packet.data() + 2);
    return {size, total > size ? total - size : 0, packet[8], packet.subspan(12, 8)};
  }
  return {kIpv6Size, get16(packet.data() + 4), packet[7], packet.subspan(8, 32)};
}

IpAddress address(std::span<const std::uint8_t> octets) {
  if (octets.size() == 4) return Ipv4Address::from_wire(octets.first<4>());
  return Ipv6Address::from_wire(octets.first<16>());
}

}  // namespace

std::size_t headers_size(const IpAddress& address) {
  const bool v4 = std::holds_alternative<Ipv4Address>(address);
  return kEthernetSize + (v4 ? kIpv4Size : kIpv6Size) + kUdpSize;
}

void write_headers(const Addresses& addresses, std::span<std::uint8_t> frame) {
  const bool v4 = std::holds_alternative<Ipv4Address>(addresses.source);
  const std::size_t ip_size = v4 ? kIpv4Size : kIpv6Size;
  const std::size_t udp_size = frame.size() - kEthernetSize - ip_size;
  std::uint8_t* const ethernet = frame.data();
  std::copy_n(addresses.destination_mac.bytes().begin(), 6, ethernet);
  std::copy_n(addresses.source_mac.bytes().begin(), 6, ethernet + 6);
  put16(ethernet + 12, v4 ? 0x0800U : 0x86ddU);

  std::uint8_t* const ip = ethernet + kEthernetSize;
  v4 ? write_ipv4(addresses, ip, udp_size) : write_ipv6(addresses, ip, udp_size);
  std::uint8_t* const udp = ip + ip_size;
  put16(udp, addresses.source_port);
  put16(udp + 2, addresses.destination_port);
  put16(udp + 4, udp_size);
  put16(udp + 6, 0);
  const std::span<const std::uint8_t> ips{ip + (v4 ? 12 : 8), v4 ? std::size_t{8} : 32};
  const auto sum =
      static_cast<std::uint16_t>(~ones_complement_sum({udp, udp_size}, pseudo_sum(ips, udp_size)));
  put_checksum(udp + 6, sum == 0 ? 0xffff : sum);  // 0 means none (RFC 768)
}

tl::expected<Datagram, Refusal> take_apart(PortId port, const MacAddress& source,
                                           std::span<const std::uint8_t> packet) {
  const IpHeader ip = read_ip(packet);
  if (ip.contents < kUdpSize || packet.size() < ip.size + ip.contents) {
    return tl::unexpected(Refusal::kBadChecksum);
  }
  const auto udp = packet.subspan(ip.size, ip.contents);
  const std::size_t size = get16(udp.data() + 4);
  if (size < kUdpSize || size > udp.size()) return tl::unexpected(Refusal::kBadChecksum);
  const bool v4 = ip.addresses.size() == 8;
  const bool unsummed = udp[6] == 0 && udp[7] == 0;
  if (!(v4 && unsummed) &&
      ones_complement_sum(udp.first(size), pseudo_sum(ip.addresses, size)) != 0xffff) {
    return tl::unexpected(Refusal::kBadChecksum);
  }
  if (size - kUdpSize > kLargestPayload) return tl::unexpected(Refusal::kBadLength);

  Datagram datagram;
  datagram.port = port;
  datagram.source_mac = source;
  datagram.source = address(ip.addresses.first(ip.addresses.size() / 2));
  datagram.destination = address(ip.addresses.subspan(ip.addresses.size() / 2));
  datagram.source_port = get16(udp.data());
  datagram.destination_port = get16(udp.data() + 2);
  datagram.hop_limit = ip.hop_limit;
  datagram.size = static_cast<std::uint8_t>(size - kUdpSize);
  std::copy_n(udp.begin() + kUdpSize, datagram.size, datagram.octets.begin());
  return datagram;
}

}  // namespace lastmile::bfd
