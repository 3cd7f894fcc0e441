#include "dataplane/pipeline/rewrite.h"

#include "dataplane/pipeline/egress.h"
#include "dataplane/pipeline/family.h"

namespace lastmile {
namespace {

template <class Family>
void rewrite_vector(PipelineContext& context, const Ingress& ingress,
                    typename Family::Vector& vector) {
  const NextHopTable& next_hops = context.tables.next_hops;
  const PortTable& ports = context.tables.ports;
  // Stores into packets may alias anything: what the loop needs is fetched once, here.
  NextHopCounters* const counters = context.counters.next_hops.data();
  Exits& exits = context.exits;
  const unsigned cost = ingress.hop_cost;
  const std::uint8_t refused_zone = ingress.refused_zone;

  for (unsigned i = 0; i < vector.count; ++i) {
    rte_mbuf* const packet = vector.packets[i];
    std::uint8_t* const header = vector.headers[i];
    const NextHopId id = vector.next_hops[i];
    const NextHop hop = next_hops.load(id);
    const PortTable::Egress egress = ports.egress(hop.port());
    const unsigned length = Family::length(header);

    const bool may_leave = (hop.kind() == NextHopKind::kForward) & (Family::hops(header) > cost) &
                           (length <= egress.mtu) &
                           (static_cast<std::uint8_t>(egress.zone) != refused_zone) &
                           Family::has_routable_source(header);
    if (!may_leave) [[unlikely]] {
      leave_by_edge<Family>(
          context, ingress,
          {.packet = packet, .header = header, .group = GroupId{vector.groups[i]}, .next_hop = id},
          hop);
      continue;
    }
    Family::spend_hops(header, cost);
    hop.write_ethernet(header - ethernet::kHeaderSize, Family::kEthertype);
    NextHopCounters& counted = counters[id.value()];
    counted.packets.add(1);
    counted.bytes.add(length);
    exits.port(hop.port()).append(packet);
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
