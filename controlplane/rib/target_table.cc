#include "controlplane/rib/target_table.h"

#include <algorithm>
#include <cassert>

namespace lastmile::rib {

tl::expected<TargetId, FibError> TargetTable::acquire(std::span<const Wish> wishes) {
  assert(!wishes.empty());
  std::vector<TargetMember> members;
  const auto give_back = [&] {
    for (const TargetMember& member : members) hops_.release(member.hop);
  };
  for (const Wish& wish : wishes) {
    const auto hop = hops_.acquire(wish.hop);
    if (!hop) {
      give_back();
      return tl::unexpected(hop.error());
    }
    const auto same = std::ranges::find(members, *hop, &TargetMember::hop);
    if (same == members.end()) {
      members.push_back({*hop, wish.weight});
    } else {
      same->weight = static_cast<std::uint16_t>(std::min(same->weight + wish.weight, 0xffff));
      hops_.release(*hop);
    }
  }
  std::ranges::sort(members);

  if (const auto found = by_members_.find(members); found != by_members_.end()) {
    give_back();
    add_reference(found->second);
    return found->second;
  }
  TargetId id;
  if (!free_.empty()) {
    id = free_.back();
    free_.pop_back();
  } else if (targets_.size() > UINT16_MAX) {
    give_back();
    return tl::unexpected(FibError::kTooManyNextHops);
  } else {
    id = TargetId{static_cast<std::uint16_t>(targets_.size())};
    targets_.emplace_back();
  }
  by_members_.emplace(members, id);
  targets_[id.value()] = Target{std::move(members), 1};
  return id;
}

void TargetTable::release(TargetId id) {
  if (id == kNoTarget) return;
  Target& target = targets_[id.value()];
  assert(target.references > 0);
  if (--target.references != 0) return;
  by_members_.erase(target.members);
  for (const TargetMember& member : target.members) hops_.release(member.hop);
  target = Target{};
  free_.push_back(id);
}

}  // namespace lastmile::rib
