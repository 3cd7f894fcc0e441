#include <array>
#include <bitset>
#include <span>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/ip.h"
#include "dataplane/pipeline/admit.h"
#include "dataplane/pipeline/family.h"
#include "dataplane/pipeline/ipv4_options.h"
#include "dataplane/pipeline/trim.h"
#include "dataplane/pipeline/validate.h"

namespace lastmile {
namespace {

/// By the first byte of an address: does it need a closer look? Every martian of RFC 1812 5.3.7 is
/// a whole number of /8.
constexpr auto kOddAddress = [] {
  std::array<std::uint8_t, 256> odd{};
  odd[0] = odd[127] = 1;
  for (unsigned byte = 224; byte < 256; ++byte) odd[byte] = 1;
  return odd;
}();

/// The header's ones' complement sum is that of a right checksum (RFC 1071). 2^16 is 1 modulo
/// 65535, and so are 2^32 and 2^64: words of any size may be added, with what runs over added at
/// the other end, and a right sum is a multiple of 65535.
bool has_right_sum(const std::uint8_t* header) {
  unsigned long long sum = 0;
  unsigned long long carry = __builtin_uaddll_overflow(load_raw<std::uint64_t>(header),
                                                       load_raw<std::uint64_t>(header + 8), &sum);
  // Two 32-bit terms can't make it run over more than once.
  carry += __builtin_uaddll_overflow(sum, load_raw<std::uint32_t>(header + 16), &sum);
  return (sum + carry) % 0xffff == 0;
}

/// Version 4, no options, lengths and checksum right, addresses that need no closer look, one
/// segment.
bool is_plain(const rte_mbuf* packet, const std::uint8_t* header, unsigned length) {
  constexpr unsigned kHeaderSize = ipv4::kHeaderSize;
  const unsigned room = packet->data_len - static_cast<unsigned>(ethernet::kHeaderSize);
  // Branches, because each of them nearly always goes the same way.
  return header[0] == 0x45 && length - kHeaderSize <= room - kHeaderSize && packet->nb_segs == 1 &&
         has_right_sum(header) &&
         (kOddAddress[header[ipv4::kSource]] | kOddAddress[header[ipv4::kDestination]]) == 0;
}

std::optional<DropReason> source_fault(Ipv4Address source) {
  if (source.value() == 0xffffffff) return DropReason::kIpv4SourceBroadcast;
  if (source.value() >> 24 == 0) return DropReason::kIpv4SourceZero;
  if (source.is_loopback()) return DropReason::kIpv4SourceLoopback;
  if (source.is_multicast()) return DropReason::kIpv4SourceMulticast;
  if (source.value() >> 28 == 0xf) return DropReason::kIpv4SourceReserved;
  return std::nullopt;
}

std::optional<DropReason> destination_fault(Ipv4Address destination) {
  if (destination.value() >> 24 == 0) return DropReason::kIpv4DestinationZero;
  if (destination.is_loopback()) return DropReason::kIpv4DestinationLoopback;
  if (destination.is_multicast()) return DropReason::kIpv4Multicast;
  if (destination.value() >> 28 == 0xf) return DropReason::kIpv4DestinationReserved;
  return std::nullopt;
}

/// RFC 1812 5.2.2 and 791 3.1: what is wrong with the header itself.
std::optional<DropReason> ipv4_header_fault(const rte_mbuf* packet, const std::uint8_t* header) {
  const unsigned contiguous = packet->data_len - static_cast<unsigned>(ethernet::kHeaderSize);
  const unsigned frame = packet->pkt_len - static_cast<unsigned>(ethernet::kHeaderSize);
  const unsigned header_length = ipv4::header_length(header);
  const unsigned total_length = load_be16(header + ipv4::kTotalLength);
  if (ipv4::version(header) != 4) return DropReason::kIpv4BadVersion;
  if (header_length < ipv4::kHeaderSize) return DropReason::kIpv4BadHeaderLength;
  if (header_length > contiguous) return DropReason::kIpv4Truncated;
  if (ones_complement_sum({header, header_length}) != 0xffff) return DropReason::kIpv4BadChecksum;
  if (total_length < header_length) return DropReason::kIpv4LengthBelowHeader;
  if (total_length > frame) return DropReason::kIpv4LengthBeyondFrame;
  return std::nullopt;
}

/// 255.255.255.255 and 224.0.0.0/24 stay on their link (RFC 1812 4.2.2.11, RFC 5771 4).
bool is_link_scope(Ipv4Address destination) {
  return destination.value() == 0xffffffff || destination.value() >> 8 == 0xe00000;
}

/// May the sender hear that a packet is broken? Not of one to all of a subnet (RFC 1812 section
/// 4.3.2.7); nor of a blackhole; nor does an uplink in host mode of what it may not use (RFC 1122
/// section 3.2.1.3).
bool may_hear(const PipelineContext& context, const Ingress& ingress, Ipv4Address destination) {
  const ForwardingTables& tables = context.tables;
  const GroupId group = tables.ipv4.lookup(destination);
  if (group == kNoGroup) return !ingress.is_guarded();
  const NextHopId id = tables.groups.select(group, 0, tables.next_hops);
  if (id == kNoLiveNextHop) return !ingress.is_guarded();
  const NextHop hop = tables.next_hops.load(id);
  switch (hop.kind()) {
    case NextHopKind::kBroadcast:
    case NextHopKind::kBlackhole:
      return false;
    case NextHopKind::kLocalHost:
    case NextHopKind::kLocalPort:
      return true;
    case NextHopKind::kUnreachable:
      return !ingress.is_guarded();
    case NextHopKind::kForward:
    case NextHopKind::kUnresolved:
    case NextHopKind::kGlean:
      break;
  }
  const auto zone = static_cast<std::uint8_t>(tables.ports.egress(hop.port()).zone);
  return zone != ingress.refused_zone;
}

/// Drops a packet with options that it can't go on with. Sources that its port doesn't admit hear
/// nothing, and are dropped as such.
void refuse_options(PipelineContext& context, const Ingress& ingress, rte_mbuf* packet,
                    std::uint8_t* header, const Ipv4OptionFault& fault) {
  if (ingress.admission.asks()) {
    Ipv4Vector alone;
    alone.destinations[0] = Ipv4Family::destination_column(header);
    alone.append(packet, header);
    admit(context, ingress, alone);
    if (alone.count == 0) return;
  }
  if (!may_hear(context, ingress, Ipv4Address{Ipv4Family::destination_column(header)})) {
    return context.exits.drop(packet, fault.reason);
  }
  const auto octet = static_cast<std::uint8_t>(ipv4::kHeaderSize + fault.octet);
  context.errors.refuse<Ipv4Family>(ingress, packet, header, fault.reason, context.now,
                                    IcmpDetail::pointer(octet));
}

/// A packet that is not plain: examines it clause by clause. True if it goes on.
[[gnu::noinline, gnu::cold]] bool examine_ipv4(PipelineContext& context, const Ingress& ingress,
                                               rte_mbuf* packet, std::uint8_t* header) {
  const auto refuse = [&](DropReason reason) {
    context.exits.drop(packet, reason);
    return false;
  };
  if (const auto fault = ipv4_header_fault(packet, header)) return refuse(*fault);

  const Ipv4Address source{load_be32(header + ipv4::kSource)};
  const Ipv4Address destination{load_be32(header + ipv4::kDestination)};
  const bool link_scope = is_link_scope(destination);
  // A host that has no address yet may speak to its link (RFC 1122 3.2.1.3 (a)).
  if (!(link_scope && source.is_unspecified())) {
    if (const auto fault = source_fault(source)) return refuse(*fault);
  }
  if (link_scope && !ingress.is_host()) {
    const PuntClass punt_class =
        destination.is_multicast() ? PuntClass::kUnknown : PuntClass::kHost;
    context.exits.punt(packet, {.ingress = ingress, .punt_class = punt_class, .now = context.now});
    return false;
  }
  if (const auto fault = destination_fault(destination)) return refuse(*fault);

  const unsigned header_length = ipv4::header_length(header);
  trim(packet,
       static_cast<unsigned>(ethernet::kHeaderSize) + load_be16(header + ipv4::kTotalLength));
  if (const auto fault =
          refuse_ipv4_options({header + ipv4::kHeaderSize, header_length - ipv4::kHeaderSize})) {
    refuse_options(context, ingress, packet, header, *fault);
    return false;
  }
  return true;
}

/// Takes the packets that are not plain (`odd`: in which places they are) out of the vector, or
/// lets them go on.
[[gnu::noinline, gnu::cold]] void examine_odd(PipelineContext& context, const Ingress& ingress,
                                              Ipv4Vector& vector,
                                              const std::bitset<kVectorSize>& odd) {
  const unsigned count = vector.count;
  unsigned kept = 0;
  for (unsigned i = 0; i < count; ++i) {
    rte_mbuf* const packet = vector.packets[i];
    std::uint8_t* const header = vector.headers[i];
    if (odd[i] && !examine_ipv4(context, ingress, packet, header)) continue;
    vector.packets[kept] = packet;
    vector.headers[kept] = header;
    vector.destinations[kept] = vector.destinations[i];
    ++kept;
  }
  vector.count = kept;
}

}  // namespace

void validate(PipelineContext& context, const Ingress& ingress, Ipv4Vector& vector) {
  // This loop calls nothing and leaves the vector as it is, so that all it needs stays in
  // registers; it stores only what changes something.
  const unsigned count = vector.count;
  bool all_plain = true;
  std::bitset<kVectorSize> odd;
  for (unsigned i = 0; i < count; ++i) {
    rte_mbuf* const packet = vector.packets[i];
    const std::uint8_t* const header = vector.headers[i];
    const unsigned length = load_be16(header + ipv4::kTotalLength);
    vector.destinations[i] = load_be32(header + ipv4::kDestination);
    if (!is_plain(packet, header, length)) [[unlikely]] {
      odd[i] = true;
      all_plain = false;
      continue;
    }
    const auto frame = static_cast<std::uint16_t>(length + ethernet::kHeaderSize);
    if (packet->data_len != frame) {
      packet->data_len = frame;
      packet->pkt_len = frame;
    }
  }
  if (!all_plain) [[unlikely]]
    examine_odd(context, ingress, vector, odd);
}

}  // namespace lastmile
