// Admit: may a packet from this source come in by this port?
//
// Only for ports that ask for it (worker/admission.h); the pipeline decides that once a vector, so
// the others pay nothing. The sources of the vector are looked up in bulk, as destinations are, and
// what the routes say of a source is judged once for each group that the vector's sources have.
//
// Refused packets cause no ICMP error: whom could one be sent to?
#pragma once

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/vector.h"

namespace lastmile {

/// Leaves the packets that go on. Writes `groups`, which belongs to the lookup stage.
void admit(PipelineContext& context, const Ingress& ingress, Ipv4Vector& vector);
void admit(PipelineContext& context, const Ingress& ingress, Ipv6Vector& vector);

}  // namespace lastmile
