// The edges of the rewrite stage: where a packet goes whose next hop doesn't simply forward it.
//
//   kForward      too long, and may be cut ──> fragments (fragment.h)
//                 hops used up, too long, refused ──> drop, and tell the sender (icmp_errors.h)
//   kUnresolved   ──> hold, and ask for the neighbor's link-layer address
//   kGlean        ──> hold, and ask for the destination's
//   kLocalHost    ──> the host interface
//   kLocalPort    ──> the port's kernel twin
//   the rest      ──> drop
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/family.h"

namespace lastmile {

/// A packet as the rewrite stage has it.
struct Leaving {
  rte_mbuf* packet;
  std::uint8_t* header;
  GroupId group;
  NextHopId next_hop;
};

/// Takes the packet over. `hop` is the record of `leaving.next_hop` as the caller loaded it.
template <class Family>
void leave_by_edge(PipelineContext& context, const Ingress& ingress, const Leaving& leaving,
                   const NextHop& hop);

extern template void leave_by_edge<Ipv4Family>(PipelineContext&, const Ingress&, const Leaving&,
                                               const NextHop&);
extern template void leave_by_edge<Ipv6Family>(PipelineContext&, const Ingress&, const Leaving&,
                                               const NextHop&);

}  // namespace lastmile
