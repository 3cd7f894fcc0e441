#include "dataplane/pipeline/select.h"

#include <algorithm>
#include <span>

#include "dataplane/pipeline/flow_key.h"

namespace lastmile {
namespace {

bool all_the_same(std::span<const std::uint16_t> ids) {
  const std::uint16_t first = ids.front();
  std::uint16_t difference = 0;
  for (const std::uint16_t id : ids) difference |= static_cast<std::uint16_t>(id ^ first);
  return difference == 0;
}

template <class Vector, class Hash>
void hash_flows(const PipelineContext& context, Vector& vector, Hash&& hash) {
  for (unsigned i = 0; i < vector.count; ++i) {
    vector.hashes[i] = hash(context.flow_hash, vector.packets[i], vector.headers[i]);
  }
}

template <class Vector, class Hash>
void select_with(const PipelineContext& context, Vector& vector, Hash&& hash) {
  const unsigned count = vector.count;
  if (count == 0) return;
  const GroupTable& groups = context.tables.groups;
  const NextHopTable& next_hops = context.tables.next_hops;
  const std::span<const std::uint16_t> ids{vector.groups.data(), count};
  const std::span<const std::uint32_t> hashes{vector.hashes.data(), count};
  const std::span<NextHopId> chosen{vector.next_hops.data(), count};

  if (all_the_same(ids)) {
    const GroupId id{ids.front()};
    if (!groups.needs_hash(id)) {
      constexpr std::uint32_t kAnyHash = 0;
      std::ranges::fill(chosen, groups.select(id, kAnyHash, next_hops));
      return;
    }
    hash_flows(context, vector, hash);
    groups.select(id, hashes, next_hops, chosen);
    return;
  }
  bool spread = false;
  for (const std::uint16_t id : ids) spread |= groups.needs_hash(GroupId{id});
  if (spread) hash_flows(context, vector, hash);
  groups.select(ids, hashes, next_hops, chosen);
}

}  // namespace

void select(const PipelineContext& context, Ipv4Vector& vector) {
  select_with(context, vector, ipv4_flow_hash);
}

void select(const PipelineContext& context, Ipv6Vector& vector) {
  select_with(context, vector, ipv6_flow_hash);
}

}  // namespace lastmile
