// Rewrite: the selected next hop's Ethernet header, one hop less, into the port's transmit buffer.
//
// One predicate lets a packet leave: its next hop forwards, it has hops left, it fits the egress
// MTU, and it doesn't go from an uplink to an uplink in host mode. Every other packet takes an edge
// of egress.h. The predicate's per-packet inputs are the next hop's record and the port's facts;
// what the ingress decides is a constant of the vector.
#pragma once

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/vector.h"

namespace lastmile {

/// Empties the vector: each packet waits in a transmit buffer, is held, punted or dropped.
void rewrite(PipelineContext& context, const Ingress& ingress, Ipv4Vector& vector);
void rewrite(PipelineContext& context, const Ingress& ingress, Ipv6Vector& vector);

}  // namespace lastmile
