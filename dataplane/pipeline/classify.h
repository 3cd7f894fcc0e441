// Classify: what kind of frame is this, and is it ours?
//
//   frame ─┬─ IPv4, for our MAC ────────────> ipv4 vector
//          ├─ IPv6, for our MAC ────────────> ipv6 vector
//          ├─ ARP, link-scope multicast, LLDP … ──> punt to the port's kernel twin, by class
//          └─ for another station, of a VLAN, too short ──> drop
//
// BFD packets are IP like any other here: they leave the fast path where packets to us do, and are
// taken there (bfd_stage.h).
#pragma once

#include <rte_mbuf.h>

#include <span>

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/vector.h"

namespace lastmile {

/// Sorts up to kVectorSize packets received together into empty vectors, and counts them. A header
/// in a vector is complete (20 or 40 bytes) and in the packet's first segment.
void classify(PipelineContext& context, const Ingress& ingress, std::span<rte_mbuf* const> packets,
              Ipv4Vector& ipv4, Ipv6Vector& ipv6);

}  // namespace lastmile
