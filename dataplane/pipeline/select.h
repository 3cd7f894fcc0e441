// Select: group to next hop. A group of one needs no hash; a vector with any other group in it
// hashes all its flows, because a guess per packet would cost more than a hash.
#pragma once

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/vector.h"

namespace lastmile {

void select(const PipelineContext& context, Ipv4Vector& vector);
void select(const PipelineContext& context, Ipv6Vector& vector);

}  // namespace lastmile
