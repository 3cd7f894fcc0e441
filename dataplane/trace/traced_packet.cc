#include "dataplane/trace/traced_packet.h"

#include <cstring>
#include <variant>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/pipeline/flow_key.h"

namespace lastmile {
namespace {

/// Room for any protocol's header that a stage looks into.
constexpr std::size_t kTransportSize = 20;
static_assert(kShortestTracedIpv4 == ipv4::kHeaderSize + kTransportSize);
static_assert(kShortestTracedIpv6 == ipv6::kHeaderSize + kTransportSize);
constexpr std::uint8_t kEchoRequest = 8, kEchoRequestIpv6 = 128;
constexpr std::uint8_t kFiveWords = 5 << 4;

void write_ipv4(std::uint8_t* header, const TracedFlow& flow, std::size_t length) {
  header[0] = 0x45;
  store_be16(header + ipv4::kTotalLength, static_cast<std::uint16_t>(length));
  if (flow.cutting == Cutting::kForbidden)
    store_be16(header + ipv4::kFragment, ipv4::kDontFragment);
  header[ipv4::kTtl] = flow.hops;
  header[ipv4::kProtocol] = flow.protocol;
  store_be32(header + ipv4::kSource, std::get<Ipv4Address>(flow.source).value());
  store_be32(header + ipv4::kDestination, std::get<Ipv4Address>(flow.destination).value());
  store_raw(header + ipv4::kChecksum, internet_checksum({header, ipv4::kHeaderSize}));
}

void write_ipv6(std::uint8_t* header, const TracedFlow& flow, std::size_t length) {
  const auto& source = std::get<Ipv6Address>(flow.source).bytes();
  const auto& destination = std::get<Ipv6Address>(flow.destination).bytes();
  header[0] = 0x60;
  store_be16(header + ipv6::kPayloadLength, static_cast<std::uint16_t>(length - ipv6::kHeaderSize));
  header[ipv6::kNextHeader] = flow.protocol;
  header[ipv6::kHopLimit] = flow.hops;
  std::memcpy(header + ipv6::kSource, source.data(), source.size());
  std::memcpy(header + ipv6::kDestination, destination.data(), destination.size());
}

/// `length`: of all behind the IP header.
void write_transport(std::uint8_t* header, const TracedFlow& flow, std::size_t length) {
  if (kHasPorts[flow.protocol]) {
    store_be16(header, flow.source_port);
    store_be16(header + 2, flow.destination_port);
  }
  switch (flow.protocol) {
    case protocol::kTcp:
      header[tcp::kDataOffset] = kFiveWords;
      header[tcp::kFlags] = tcp::kAck;
      break;
    case protocol::kUdp:
      store_be16(header + udp::kLength, static_cast<std::uint16_t>(length));
      break;
    case protocol::kIcmp:
      header[0] = kEchoRequest;
      break;
    case protocol::kIcmpv6:
      header[0] = kEchoRequestIpv6;
      break;
    default:
      break;
  }
}

}  // namespace

std::vector<std::uint8_t> traced_frame(const TracedFlow& flow, const MacAddress& station) {
  const bool is_ipv4 = std::holds_alternative<Ipv4Address>(flow.source);
  const std::size_t ip_size = is_ipv4 ? ipv4::kHeaderSize : ipv6::kHeaderSize;
  const std::size_t length = flow.length != 0 ? flow.length : ip_size + kTransportSize;
  std::vector<std::uint8_t> frame(ethernet::kHeaderSize + length);
  std::memcpy(frame.data(), station.bytes().data(), station.bytes().size());
  store_be16(frame.data() + ethernet::kTypeOffset, is_ipv4 ? ethernet::kIpv4 : ethernet::kIpv6);
  std::uint8_t* const header = frame.data() + ethernet::kHeaderSize;
  is_ipv4 ? write_ipv4(header, flow, length) : write_ipv6(header, flow, length);
  write_transport(header + ip_size, flow, length - ip_size);
  return frame;
}

}  // namespace lastmile
