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
constexpr std::uint8_t kEchoRequest = 8, kEchoRequestIpv6 = 128;
constexpr std::size_t kTcpDataOffset = 12;
constexpr std::uint8_t kFiveWords = 5 << 4;

void write_ipv4(std::uint8_t* header, const Ipv4Address& source, const Ipv4Address& destination,
                std::uint8_t next) {
  header[0] = 0x45;
  store_be16(header + ipv4::kTotalLength, ipv4::kHeaderSize + kTransportSize);
  header[ipv4::kTtl] = kTracedHops;
  header[ipv4::kProtocol] = next;
  store_be32(header + ipv4::kSource, source.value());
  store_be32(header + ipv4::kDestination, destination.value());
  store_raw(header + ipv4::kChecksum, internet_checksum({header, ipv4::kHeaderSize}));
}

void write_ipv6(std::uint8_t* header, const Ipv6Address& source, const Ipv6Address& destination,
                std::uint8_t next) {
  header[0] = 0x60;
  store_be16(header + ipv6::kPayloadLength, kTransportSize);
  header[ipv6::kNextHeader] = next;
  header[ipv6::kHopLimit] = kTracedHops;
  std::memcpy(header + ipv6::kSource, source.bytes().data(), source.bytes().size());
  std::memcpy(header + ipv6::kDestination, destination.bytes().data(), destination.bytes().size());
}

void write_transport(std::uint8_t* header, const TracedFlow& flow) {
  if (kHasPorts[flow.protocol]) {
    store_be16(header, flow.source_port);
    store_be16(header + 2, flow.destination_port);
  }
  switch (flow.protocol) {
    case protocol::kTcp:
      header[kTcpDataOffset] = kFiveWords;
      header[tcp::kFlags] = tcp::kAck;
      break;
    case protocol::kUdp:
      store_be16(header + udp::kLength, kTransportSize);
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
  const auto* const source4 = std::get_if<Ipv4Address>(&flow.source);
  const std::size_t ip_size = source4 != nullptr ? ipv4::kHeaderSize : ipv6::kHeaderSize;
  std::vector<std::uint8_t> frame(ethernet::kHeaderSize + ip_size + kTransportSize);
  std::memcpy(frame.data(), station.bytes().data(), station.bytes().size());
  store_be16(frame.data() + ethernet::kTypeOffset,
             source4 != nullptr ? ethernet::kIpv4 : ethernet::kIpv6);
  std::uint8_t* const header = frame.data() + ethernet::kHeaderSize;
  if (source4 != nullptr) {
    write_ipv4(header, *source4, std::get<Ipv4Address>(flow.destination), flow.protocol);
  } else {
    write_ipv6(header, std::get<Ipv6Address>(flow.source), std::get<Ipv6Address>(flow.destination),
               flow.protocol);
  }
  write_transport(header + ip_size, flow);
  return frame;
}

}  // namespace lastmile
