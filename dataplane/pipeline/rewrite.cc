#include "dataplane/pipeline/rewrite.h"

#include <array>
#include <bit>

#include "dataplane/pipeline/egress.h"
#include "dataplane/pipeline/equal_mask.h"
#include "dataplane/pipeline/ethernet_header.h"
#include "dataplane/pipeline/family.h"

namespace lastmile {
namespace {

/// The packets of a vector that take one next hop: bit i is for packet `first` + i.
struct Share {
  unsigned first;
  std::uint64_t packets;
};

/// What a next hop asks for is looked up once, and what it counts is added once, for all packets of
/// the share.
template <class Family>
void rewrite_share(PipelineContext& context, const Ingress& ingress,
                   const typename Family::Vector& vector, NextHopId id, Share share) {
  const NextHop hop = context.tables.next_hops.load(id);
  const PortTable::Egress egress = context.tables.ports.egress(hop.port());
  const bool may_leave = (hop.kind() == NextHopKind::kForward) &
                         (static_cast<std::uint8_t>(egress.zone) != ingress.refused_zone);
  const unsigned longest = may_leave ? egress.mtu : 0;
  const unsigned cost = ingress.hop_cost;

  const EthernetHeader ethernet_header{hop, Family::kEthertype};

  std::array<rte_mbuf*, kEqualMaskWidth> leaving;
  unsigned count = 0;
  std::uint64_t bytes = 0;
  for (std::uint64_t left = share.packets; left != 0; left &= left - 1) {
    const unsigned i = share.first + static_cast<unsigned>(std::countr_zero(left));
    std::uint8_t* const header = vector.headers[i];
    const unsigned length = Family::length(header);
    if (!((Family::hops(header) > cost) & (length <= longest) &
          Family::has_routable_source(header))) [[unlikely]] {
      leave_by_edge<Family>(context, ingress,
                            {.packet = vector.packets[i],
                             .header = header,
                             .group = GroupId{vector.groups[i]},
                             .next_hop = id},
                            hop);
      continue;
    }
    Family::spend_hops(header, cost);
    ethernet_header.write_before(header);
    leaving[count++] = vector.packets[i];
    bytes += length;
  }
  if (count == 0) return;
  NextHopCounters& counted = context.counters.next_hops[id.value()];
  counted.packets.add(count);
  counted.bytes.add(bytes);
  context.exits.port(hop.port())
      .append({leaving.data(), count}, bytes + std::uint64_t{count} * ethernet::kHeaderSize);
}

/// Share by share: a vector has few next hops, and one look at all of them finds who has the same.
template <class Family>
void rewrite_vector(PipelineContext& context, const Ingress& ingress,
                    typename Family::Vector& vector) {
  for (unsigned first = 0; first < vector.count; first += kEqualMaskWidth) {
    const NextHopId* const next_hops = vector.next_hops.data() + first;
    std::uint64_t left = first_bits(vector.count - first);
    while (left != 0) {
      const NextHopId id = next_hops[std::countr_zero(left)];
      const std::uint64_t packets = equal_mask(next_hops, id) & left;
      rewrite_share<Family>(context, ingress, vector, id, {.first = first, .packets = packets});
      left &= ~packets;
    }
  }
  vector.count = 0;
}

}  // namespace

void rewrite(PipelineContext& context, const Ingress& ingress, Ipv4Vector& vector) {
  rewrite_vector<Ipv4Family>(context, ingress, vector);
}

void rewrite(PipelineContext& context, const Ingress& ingress, Ipv6Vector& vector) {
  rewrite_vector<Ipv6Family>(context, ingress, vector);
}

}  // namespace lastmile
