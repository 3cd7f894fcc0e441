// Validate: is the IP header one that a router may act on?
//
// A plain packet passes one predicate. Any other is examined clause by clause, and takes the edge
// of the first clause that it fails: a drop with its reason, or the kernel twin for link-scope
// destinations. IPv4: RFC 1812 5.2.2 (header), 5.3.7 (martian addresses), options; the checks run
// in an order in which each is meaningful (the checksum covers what the header length says, so
// version and header length come first). IPv6: RFC 8200 section 3, RFC 4291 section 2.
#pragma once

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/vector.h"

namespace lastmile {

/// Leaves the packets that go on, with padding behind the IP packet cut off and `destinations`
/// filled in.
void validate(PipelineContext& context, const Ingress& ingress, Ipv4Vector& vector);
void validate(PipelineContext& context, const Ingress& ingress, Ipv6Vector& vector);

}  // namespace lastmile
