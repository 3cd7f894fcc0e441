#include "dataplane/pipeline/icmp_errors.h"

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "dataplane/net/checksum.h"
#include "dataplane/net/icmp.h"
#include "dataplane/pipeline/contiguous.h"

namespace lastmile {
namespace {

/// A reason and what its sender is told; type 0 stands for nothing.
struct Answer {
  DropReason reason;
  std::uint8_t ipv4_type, ipv4_code;  ///< RFC 792, RFC 1812 section 5.2.7
  std::uint8_t ipv6_type, ipv6_code;  ///< RFC 4443 section 3
};

// Not in it: what a host's guard refuses (transit-refused) and a blackhole, whose senders shall not
// learn of them.
constexpr std::array kAnswers{
    Answer{DropReason::kTtlExpired, 11, 0, 3, 0},          // in transit
    Answer{DropReason::kFragmentationNeeded, 3, 4, 2, 0},  // RFC 1191; packet too big
    Answer{DropReason::kNoRoute, 3, 0, 1, 0},              // net unreachable; no route
    Answer{DropReason::kNoneAlive, 3, 1, 1, 3},            // host unreachable; address unreachable
    Answer{DropReason::kUnreachable, 3, 1, 1, 6},          // host unreachable; reject route
    Answer{DropReason::kHoldExpired, 3, 1, 1, 3},          // nobody answers for the address
    Answer{DropReason::kIpv4BadOption, 12, 0, 0, 0},       // parameter problem (RFC 1812 4.3.3.5)
};

constexpr std::uint8_t kHopsOfOurs = 64;
/// DSCP CS6, for what routers tell (RFC 1812 section 4.3.2.5: precedence 6).
constexpr std::uint8_t kTrafficClass = 0xc0;
/// The longest error; it quotes as much of the packet that it is about as fits (RFC 1812
/// section 4.3.2.3, RFC 4443 section 2.4 (c)).
constexpr std::size_t kLongestIpv4 = 576, kLongestIpv6 = 1280;

const Answer* answer_to(DropReason reason) {
  const auto found = std::ranges::find(kAnswers, reason, &Answer::reason);
  return found == kAnswers.end() ? nullptr : found;
}

// --- what may cause an error -------------------------------------------------------------------

/// RFC 1812 section 4.3.2.7. (What came in a broadcast frame does not come this far.)
bool may_cause_error(Ipv4Family, const std::uint8_t* header, std::size_t length) {
  const Ipv4Address source{load_be32(header + ipv4::kSource)};
  if (source.is_unspecified() || source.is_loopback() || source.value() >> 28 >= 0xe) return false;
  if ((load_be16(header + ipv4::kFragment) & ipv4::kFragmentOffset) != 0) return false;
  if (header[ipv4::kProtocol] != protocol::kIcmp) return true;
  const std::size_t type = ipv4::header_length(header);
  return type < length && !icmp::is_ipv4_error(header[type]);
}

/// RFC 4443 section 2.4 (e). Extension headers are stepped over to find an ICMPv6 error; what can't
/// be told is taken for one.
bool may_cause_error(Ipv6Family, const std::uint8_t* header, std::size_t length) {
  const std::uint8_t* const source = header + ipv6::kSource;
  const bool unspecified = std::all_of(source, source + 16, [](auto byte) { return byte == 0; });
  if (unspecified || source[0] == 0xff || !Ipv6Family::has_routable_source(header)) return false;
  std::uint8_t next = header[ipv6::kNextHeader];
  std::size_t at = ipv6::kHeaderSize;
  for (int steps = 0; steps < 8; ++steps) {
    if (next == protocol::kIcmpv6) return at < length && icmp::may_cause_ipv6_error(header[at]);
    const bool fragment = next == 44;
    if (next != 0 && next != 43 && next != 60 && !fragment) return true;
    if (at + 8 > length) return false;
    // What follows a later fragment's header is no header.
    if (fragment && (load_be16(header + at + 2) & 0xfff8) != 0) {
      return header[at] != protocol::kIcmpv6;
    }
    next = header[at];
    at += fragment ? 8 : (std::size_t{header[at + 1]} + 1) * 8;
  }
  return false;
}

// --- the error itself ----------------------------------------------------------------------------

/// Makes the buffer begin `before` bytes in front of `header` (and with an Ethernet header that has
/// no addresses yet: an error may be dropped, and captured, before it gets them), and hold `quoted`
/// bytes from there on. False if it has no such room.
template <class Family>
bool reshape(rte_mbuf* packet, const std::uint8_t* header, std::size_t before, std::size_t quoted) {
  const auto* const buffer = static_cast<const std::uint8_t*>(packet->buf_addr);
  const auto offset = static_cast<std::size_t>(header - buffer);
  const std::size_t room = before + ethernet::kHeaderSize;
  if (offset < room) return false;
  if (packet->next != nullptr) {
    rte_pktmbuf_free(packet->next);
    packet->next = nullptr;
    packet->nb_segs = 1;
  }
  packet->data_off = static_cast<std::uint16_t>(offset - room);
  packet->data_len = static_cast<std::uint16_t>(room + quoted);
  packet->pkt_len = packet->data_len;
  auto* const frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
  std::memset(frame, 0, ethernet::kTypeOffset);
  store_raw(frame + ethernet::kTypeOffset, Family::kEthertype);
  return true;
}

void write_icmp(std::uint8_t* at, std::uint8_t type, std::uint8_t code, IcmpDetail detail) {
  std::memset(at, 0, icmp::kHeaderSize);
  at[0] = type;
  at[1] = code;
  store_be32(at + 4, detail.word);
}

std::uint8_t* write_error(Ipv4Family, rte_mbuf* packet, std::uint8_t* offending,
                          const Answer& answer, IcmpDetail detail, const Ipv4Address& own) {
  constexpr std::size_t kHeaders = ipv4::kHeaderSize + icmp::kHeaderSize;
  const std::size_t quoted =
      std::min({std::size_t{Ipv4Family::length(offending)}, contiguous_bytes(packet, offending),
                kLongestIpv4 - kHeaders});
  if (!reshape<Ipv4Family>(packet, offending, kHeaders, quoted)) return nullptr;
  std::uint8_t* const header = offending - kHeaders;
  const std::size_t length = kHeaders + quoted;
  std::memset(header, 0, ipv4::kHeaderSize);
  header[0] = 0x45;
  header[1] = kTrafficClass;
  store_be16(header + ipv4::kTotalLength, static_cast<std::uint16_t>(length));
  store_be16(header + ipv4::kFragment, ipv4::kDontFragment);
  header[ipv4::kTtl] = kHopsOfOurs;
  header[ipv4::kProtocol] = protocol::kIcmp;
  store_be32(header + ipv4::kSource, own.value());
  std::memcpy(header + ipv4::kDestination, offending + ipv4::kSource, 4);
  store_raw(header + ipv4::kChecksum, internet_checksum({header, ipv4::kHeaderSize}));

  std::uint8_t* const message = header + ipv4::kHeaderSize;
  write_icmp(message, answer.ipv4_type, answer.ipv4_code, detail);
  store_raw(message + 2, internet_checksum({message, length - ipv4::kHeaderSize}));
  return header;
}

std::uint8_t* write_error(Ipv6Family, rte_mbuf* packet, std::uint8_t* offending,
                          const Answer& answer, IcmpDetail detail, const Ipv6Address& own) {
  constexpr std::size_t kHeaders = ipv6::kHeaderSize + icmp::kHeaderSize;
  const std::size_t quoted =
      std::min({std::size_t{Ipv6Family::length(offending)}, contiguous_bytes(packet, offending),
                kLongestIpv6 - kHeaders});
  if (!reshape<Ipv6Family>(packet, offending, kHeaders, quoted)) return nullptr;
  std::uint8_t* const header = offending - kHeaders;
  const auto payload = static_cast<std::uint16_t>(icmp::kHeaderSize + quoted);
  store_be32(header, 0x60000000U | std::uint32_t{kTrafficClass} << 20U);
  store_be16(header + ipv6::kPayloadLength, payload);
  header[ipv6::kNextHeader] = protocol::kIcmpv6;
  header[ipv6::kHopLimit] = kHopsOfOurs;
  std::memcpy(header + ipv6::kSource, own.bytes().data(), 16);
  std::memcpy(header + ipv6::kDestination, offending + ipv6::kSource, 16);

  std::uint8_t* const message = header + ipv6::kHeaderSize;
  write_icmp(message, answer.ipv6_type, answer.ipv6_code, detail);
  // The pseudo header (RFC 8200 section 8.1): addresses, length, next header.
  const std::uint32_t pseudo = std::uint32_t{ones_complement_sum({header + ipv6::kSource, 32})} +
                               raw16(payload) + raw16(protocol::kIcmpv6);
  const auto sum = ones_complement_sum({message, payload}, pseudo);
  store_raw(message + 2, static_cast<std::uint16_t>(~sum));
  return header;
}

}  // namespace

IcmpErrors::IcmpErrors(const WorkerHost& host, std::uint64_t cycles_per_second,
                       WorkerCounters& counters, Exits& exits)
    : counters_(counters),
      exits_(exits),
      own_ipv4_(host.own_ipv4),
      own_ipv6_(host.own_ipv6),
      host_buckets_{{cycles_per_second, kIcmpErrorRate, kIcmpErrorBurst},
                    {cycles_per_second, kIcmpErrorRate, kIcmpErrorBurst}} {
  port_buckets_.fill(host_buckets_);
}

IcmpErrors::~IcmpErrors() {
  for (const Waiting* waiting : {&ipv4_, &ipv6_}) {
    for (unsigned i = 0; i < waiting->count; ++i) rte_pktmbuf_free(waiting->errors[i].packet);
  }
}

template <class Family>
IcmpErrors::Waiting& IcmpErrors::waiting() {
  if constexpr (std::is_same_v<Family, Ipv4Family>) {
    return ipv4_;
  } else {
    return ipv6_;
  }
}

TokenBucket& IcmpErrors::bucket(const Ingress& ingress, DropReason reason) {
  Buckets& buckets =
      ingress.is_host() ? host_buckets_ : port_buckets_[ingress.port->id.value() % kMaxPorts];
  return reason == DropReason::kFragmentationNeeded ? buckets.too_long : buckets.others;
}

template <class Family>
void IcmpErrors::refuse(const Ingress& ingress, rte_mbuf* packet, std::uint8_t* header,
                        DropReason reason, std::uint64_t now, IcmpDetail detail) {
  exits_.count(packet, reason);
  const auto error = [&]() -> std::uint8_t* {
    const Answer* const answer = answer_to(reason);
    if (answer == nullptr) return nullptr;
    if (!may_cause_error(Family{}, header, contiguous_bytes(packet, header))) return nullptr;
    Waiting& list = waiting<Family>();
    if (list.count == kWaiting || !bucket(ingress, reason).take(now)) {
      counters_.icmp_errors_limited.add(1);
      return nullptr;
    }
    if constexpr (std::is_same_v<Family, Ipv4Family>) {
      if (!own_ipv4_) return nullptr;
      // From its own address the kernel would take none.
      return write_error(Family{}, packet, header, *answer, detail,
                         ingress.is_host() ? icmp::kDummySource : *own_ipv4_);
    } else {
      if (!own_ipv6_) return nullptr;
      return write_error(Family{}, packet, header, *answer, detail, *own_ipv6_);
    }
  };
  std::uint8_t* const written = error();
  if (written == nullptr) return rte_pktmbuf_free(packet);
  Waiting& list = waiting<Family>();
  list.errors[list.count++] = {packet, written};
  counters_.icmp_errors.add(1);
}
template void IcmpErrors::refuse<Ipv4Family>(const Ingress&, rte_mbuf*, std::uint8_t*, DropReason,
                                             std::uint64_t, IcmpDetail);
template void IcmpErrors::refuse<Ipv6Family>(const Ingress&, rte_mbuf*, std::uint8_t*, DropReason,
                                             std::uint64_t, IcmpDetail);

template <class Family>
std::span<const IcmpError> IcmpErrors::take() {
  Waiting& list = waiting<Family>();
  return {list.errors.data(), std::exchange(list.count, 0)};
}
template std::span<const IcmpError> IcmpErrors::take<Ipv4Family>();
template std::span<const IcmpError> IcmpErrors::take<Ipv6Family>();

}  // namespace lastmile
