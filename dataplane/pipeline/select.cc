#include "dataplane/pipeline/select.h"

#include <span>

#include "dataplane/pipeline/flow_key.h"

namespace lastmile {
namespace {

template <class Vector, class Hash>
void select_with(const PipelineContext& context, Vector& vector, Hash&& hash) {
  const GroupTable& groups = context.tables.groups;
  const unsigned count = vector.count;
  const std::span<const std::uint16_t> ids{vector.groups.data(), count};
  bool spread = false;
  for (const std::uint16_t id : ids) spread |= groups.needs_hash(GroupId{id});
  if (spread) {
    for (unsigned i = 0; i < count; ++i) {
      vector.hashes[i] = hash(context.flow_hash, vector.packets[i], vector.headers[i]);
    }
  }
  groups.select(ids, {vector.hashes.data(), count}, context.tables.next_hops,
                {vector.next_hops.data(), count});
}

}  // namespace

void select(const PipelineContext& context, Ipv4Vector& vector) {
  select_with(context, vector, ipv4_flow_hash);
}

void select(const PipelineContext& context, Ipv6Vector& vector) {
  select_with(context, vector, ipv6_flow_hash);
}

}  // namespace lastmile
