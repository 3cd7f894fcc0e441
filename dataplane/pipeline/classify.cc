#include "dataplane/pipeline/classify.h"

#include <algorithm>

#include "dataplane/net/headers.h"
#include "dataplane/pipeline/ip_class.h"
#include "dataplane/pipeline/vlan_tags.h"

namespace lastmile {
namespace {

/// Packets: their first lines are on the way when they are looked at.
constexpr unsigned kPrefetchDistance = 8;
constexpr unsigned kIpv4Frame = ethernet::kHeaderSize + ipv4::kHeaderSize;
constexpr unsigned kIpv6Frame = ethernet::kHeaderSize + ipv6::kHeaderSize;

void prefetch(const rte_mbuf* packet) {
  __builtin_prefetch(rte_pktmbuf_mtod(packet, const void*));
}

bool is_group_addressed(const std::uint8_t* frame) {
  return (frame[0] & 1) != 0;
}

/// One frame that is not plain IP for our MAC address.
class OddFrame {
 public:
  OddFrame(PipelineContext& context, const Ingress& ingress, rte_mbuf* packet, Ipv4Vector& ipv4,
           Ipv6Vector& ipv6)
      : context_(context),
        ingress_(ingress),
        packet_(packet),
        frame_(rte_pktmbuf_mtod(packet, std::uint8_t*)),
        header_(frame_ + ethernet::kHeaderSize),
        ipv4_(ipv4),
        ipv6_(ipv6) {}

  void sort() {
    if (packet_->data_len < ethernet::kHeaderSize) return drop(DropReason::kFrameTooShort);
    if (!is_group_addressed(frame_) && !ingress_.is_for_us(frame_)) {
      return drop(DropReason::kNotForUs);
    }
    switch (load_be16(frame_ + ethernet::kTypeOffset)) {
      case ethernet::kIpv4:
        return sort_ipv4();
      case ethernet::kIpv6:
        return sort_ipv6();
      case ethernet::kArp:
        return punt(PuntClass::kArp);
      case ethernet::kVlan:
      case ethernet::kServiceVlan:
        return sort_tagged();
      default:
        return punt(PuntClass::kUnknown);  // LLDP, LACP, …: the kernel's daemons may care
    }
  }

 private:
  /// A tag that carries a priority and no VLAN is as none (IEEE 802.1Q section 6.9); a second one
  /// is not looked at.
  void sort_tagged() {
    constexpr unsigned kSize = VlanTags::kTagSize;
    constexpr std::size_t kTci = ethernet::kTypeOffset + 2;
    if (packet_->data_len < ethernet::kHeaderSize + kSize ||
        (load_be16(frame_ + kTci) & VlanTags::kIdMask) != 0 ||
        is_tag(load_be16(frame_ + ethernet::kTypeOffset + kSize))) {
      return drop(DropReason::kVlanTagged);
    }
    pop_tags(packet_, kSize);
    frame_ += kSize;
    header_ += kSize;
    sort();
  }

  void drop(DropReason reason) { context_.exits.drop(packet_, reason); }

  void punt(PuntClass punt_class) {
    if (ingress_.is_host()) return drop(DropReason::kHostNotIp);
    context_.exits.punt(packet_,
                        {.ingress = ingress_, .punt_class = punt_class, .now = context_.now});
  }

  void sort_ipv4() {
    if (packet_->data_len < kIpv4Frame) return drop(DropReason::kIpv4Truncated);
    if (is_group_addressed(frame_)) {
      // RFC 1122 3.3.6: an IP unicast in a link-layer broadcast is not for us to touch.
      const std::uint8_t first = header_[ipv4::kDestination];
      const bool group = first >= 224;
      if (!group) return drop(DropReason::kBroadcastFrame);
    }
    ipv4_.append(packet_, header_);
  }

  void sort_ipv6() {
    if (packet_->data_len == ethernet::kHeaderSize) return drop(DropReason::kIpv6Truncated);
    if (ipv4::version(header_) == 4) {
      // Some switches forward IPv4 over an IPv6 next hop (RFC 8950) and leave the EtherType of
      // the resolution in the frame.
      store_be16(frame_ + ethernet::kTypeOffset, ethernet::kIpv4);
      ingress_.counters->ethertype_repairs.add(1);
      return sort_ipv4();
    }
    if (ipv4::version(header_) != 6) return drop(DropReason::kIpv6BadVersion);
    if (packet_->data_len < kIpv6Frame) return drop(DropReason::kIpv6Truncated);
    if (is_group_addressed(frame_) && header_[ipv6::kDestination] != 0xff) {
      return drop(DropReason::kBroadcastFrame);
    }
    ipv6_.append(packet_, header_);
  }

  PipelineContext& context_;
  const Ingress& ingress_;
  rte_mbuf* packet_;
  std::uint8_t* frame_;
  std::uint8_t* header_;
  Ipv4Vector& ipv4_;
  Ipv6Vector& ipv6_;
};

[[gnu::noinline, gnu::cold]] void sort_odd_frame(PipelineContext& context, const Ingress& ingress,
                                                 rte_mbuf* packet, Ipv4Vector& ipv4,
                                                 Ipv6Vector& ipv6) {
  OddFrame{context, ingress, packet, ipv4, ipv6}.sort();
}

}  // namespace

void classify(PipelineContext& context, const Ingress& ingress, std::span<rte_mbuf* const> packets,
              Ipv4Vector& ipv4, Ipv6Vector& ipv6) {
  const std::size_t ahead = std::min<std::size_t>(kPrefetchDistance, packets.size());
  for (std::size_t i = 0; i < ahead; ++i) prefetch(packets[i]);

  std::uint64_t bytes = 0;
  // Vectors count in memory, which the packets' stores might change for all the compiler knows.
  unsigned ipv4_count = ipv4.count;
  const auto sort = [&](rte_mbuf* packet) {
    auto* const frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
    std::uint8_t* const header = frame + ethernet::kHeaderSize;
    const std::uint16_t type = load_raw<std::uint16_t>(frame + ethernet::kTypeOffset);
    bytes += packet->pkt_len;

    const bool ours = ingress.is_for_us(frame);
    if (ours && type == raw16(ethernet::kIpv4) && packet->data_len >= kIpv4Frame) [[likely]] {
      ipv4.packets[ipv4_count] = packet;
      ipv4.headers[ipv4_count] = header;
      ++ipv4_count;
    } else if (ours && type == raw16(ethernet::kIpv6) && packet->data_len >= kIpv6Frame &&
               ipv4::version(header) == 6) {
      ipv6.append(packet, header);
    } else {
      ipv4.count = ipv4_count;
      sort_odd_frame(context, ingress, packet, ipv4, ipv6);
      ipv4_count = ipv4.count;
    }
  };
  std::size_t i = 0;
  for (; i + ahead < packets.size(); ++i) {
    prefetch(packets[i + ahead]);
    sort(packets[i]);
  }
  for (; i < packets.size(); ++i) sort(packets[i]);
  ipv4.count = ipv4_count;
  ingress.counters->received_packets.add(packets.size());
  ingress.counters->received_bytes.add(bytes);
}

}  // namespace lastmile
