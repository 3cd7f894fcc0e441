// Lookup: destination address to group, by longest-prefix match. "No route" is group 0, which the
// next stages carry like any other: the rewrite stage drops it.
#pragma once

#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/vector.h"

namespace lastmile {

inline void lookup(const PipelineContext& context, Ipv4Vector& vector) {
  context.tables.ipv4.lookup_bulk(vector.destinations.data(), vector.groups.data(), vector.count);
}

inline void lookup(const PipelineContext& context, Ipv6Vector& vector) {
  context.tables.ipv6.lookup_bulk(vector.destinations.data(), vector.groups.data(), vector.count);
}

}  // namespace lastmile
