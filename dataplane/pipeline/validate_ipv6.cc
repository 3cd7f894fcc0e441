#include <optional>

#include "dataplane/net/headers.h"
#include "dataplane/net/ip.h"
#include "dataplane/pipeline/ip_class.h"
#include "dataplane/pipeline/trim.h"
#include "dataplane/pipeline/validate.h"

namespace lastmile {
namespace {

/// ::/16 (unspecified, loopback and their kin) and everything from fe80::/10 up (link-local,
/// multicast) needs a closer look. `first`: the address' first 16 bits.
bool is_odd(std::uint16_t first) {
  return (first == 0) | (first >= 0xfe80);
}

Ipv6Address address_at(const std::uint8_t* at) {
  return Ipv6Address::from_wire(std::span<const std::uint8_t, 16>{at, 16});
}

/// Interface-local and link-local scope (RFC 4291 2.7).
bool is_link_scope_multicast(const Ipv6Address& address) {
  return address.is_multicast() && (address.bytes()[1] & 0xf) <= 2;
}

/// ::ffff:0:0/96 (RFC 4291 2.5.5.2): for sockets, not for packets.
bool is_ipv4_mapped(const Ipv6Address& address) {
  const std::uint8_t* const bytes = address.bytes().data();
  return load_be64(bytes) == 0 && load_be32(bytes + 8) == 0xffff;
}

std::optional<DropReason> ipv6_header_fault(const rte_mbuf* packet, const std::uint8_t* header) {
  const std::size_t length =
      ethernet::kHeaderSize + ipv6::kHeaderSize + load_be16(header + ipv6::kPayloadLength);
  if (ipv4::version(header) != 6) return DropReason::kIpv6BadVersion;
  if (length > packet->pkt_len) return DropReason::kIpv6LengthBeyondFrame;
  return std::nullopt;
}

[[gnu::noinline, gnu::cold]] bool examine_ipv6(PipelineContext& context, const Ingress& ingress,
                                               rte_mbuf* packet, const std::uint8_t* header) {
  const auto refuse = [&](DropReason reason) {
    context.exits.drop(packet, reason);
    return false;
  };
  if (const auto fault = ipv6_header_fault(packet, header)) return refuse(*fault);

  const Ipv6Address source = address_at(header + ipv6::kSource);
  const Ipv6Address destination = address_at(header + ipv6::kDestination);
  if (source.is_multicast()) return refuse(DropReason::kIpv6SourceMulticast);
  if (source.is_loopback()) return refuse(DropReason::kIpv6SourceLoopback);
  if (destination.is_unspecified()) return refuse(DropReason::kIpv6DestinationUnspecified);
  if (destination.is_loopback()) return refuse(DropReason::kIpv6DestinationLoopback);
  if (is_ipv4_mapped(source) || is_ipv4_mapped(destination)) {
    return refuse(DropReason::kIpv6Mapped);
  }

  const bool link_scope = is_link_scope_multicast(destination) || destination.is_link_local();
  if (link_scope && !ingress.is_host()) {
    if (context.bfd != nullptr &&
        context.bfd->take(ingress, packet, header, Addressed::kToUs, context.now)) {
      return false;
    }
    context.exits.punt(
        packet,
        {.ingress = ingress, .punt_class = ipv6_punt_class(packet, header), .now = context.now});
    return false;
  }
  if (destination.is_multicast()) return refuse(DropReason::kIpv6Multicast);
  if (destination.is_link_local()) return refuse(DropReason::kIpv6LinkLocal);
  if (source.is_unspecified()) return refuse(DropReason::kIpv6SourceUnspecified);

  trim(packet, static_cast<unsigned>(ethernet::kHeaderSize + ipv6::kHeaderSize) +
                   load_be16(header + ipv6::kPayloadLength));
  return true;
}

}  // namespace

void validate(PipelineContext& context, const Ingress& ingress, Ipv6Vector& vector) {
  unsigned kept = 0;
  for (unsigned i = 0; i < vector.count; ++i) {
    rte_mbuf* const packet = vector.packets[i];
    std::uint8_t* const header = vector.headers[i];
    const auto frame = static_cast<unsigned>(ethernet::kHeaderSize + ipv6::kHeaderSize) +
                       load_be16(header + ipv6::kPayloadLength);
    const bool plain = (frame <= packet->data_len) & (packet->nb_segs == 1) &
                       (ipv4::version(header) == 6) & !is_odd(load_be16(header + ipv6::kSource)) &
                       !is_odd(load_be16(header + ipv6::kDestination));
    if (plain) [[likely]] {
      packet->data_len = static_cast<std::uint16_t>(frame);
      packet->pkt_len = frame;
    } else if (!examine_ipv6(context, ingress, packet, header)) {
      continue;
    }
    vector.packets[kept] = packet;
    vector.headers[kept] = header;
    vector.destinations[kept] = address_at(header + ipv6::kDestination);
    ++kept;
  }
  vector.count = kept;
}

}  // namespace lastmile
