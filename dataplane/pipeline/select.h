// Select: group to next hop. A server sends most of what it sends by one group (its default route),
// so a vector of one group is the case that is fast: the group is read once, and a group of one
// needs no hash. A mixed vector with any larger group in it hashes all its flows, because a guess
// per packet would cost more than a hash.
#pragma once

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/vector.h"

namespace lastmile {

void select(const PipelineContext& context, Ipv4Vector& vector);
void select(const PipelineContext& context, Ipv6Vector& vector);

}  // namespace lastmile
