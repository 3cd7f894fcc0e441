#include "dataplane/update/group_registry.h"

#include <algorithm>
#include <cassert>

namespace lastmile {
namespace {

// How many groups `closest` looks at for each member. A fabric's sets are few; this bounds the work
// where they are not.
constexpr std::size_t kMaxLooks = 64;

std::size_t members_in_common(const GroupSpec& a, const GroupSpec& b) {
  std::size_t common = 0;
  auto left = a.primaries.begin();
  auto right = b.primaries.begin();
  while (left != a.primaries.end() && right != b.primaries.end()) {
    if (left->next_hop == right->next_hop) {
      ++common;
      ++left;
      ++right;
    } else if (left->next_hop < right->next_hop) {
      ++left;
    } else {
      ++right;
    }
  }
  return common;
}

}  // namespace

std::size_t GroupRegistry::SpecHash::operator()(const GroupSpec& spec) const noexcept {
  std::uint64_t hash = spec.primaries.size();
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32;
  };
  for (const GroupMember& member : spec.primaries) {
    mix(std::uint64_t{member.next_hop.value()} << 16 | member.weight);
  }
  for (const NextHopId backup : spec.backups) mix(std::uint64_t{1} << 32 | backup.value());
  return hash;
}

GroupRegistry::GroupRegistry(unsigned capacity) : slots_(capacity) {
  for (unsigned id = 1; id < capacity; ++id) {
    free_.push(GroupId{static_cast<GroupId::Representation>(id)});
  }
}

std::optional<GroupId> GroupRegistry::find(const GroupSpec& spec) const {
  const auto at = by_spec_.find(spec);
  if (at == by_spec_.end()) return std::nullopt;
  return at->second;
}

std::optional<GroupId> GroupRegistry::insert(const GroupSpec& spec) {
  if (free_.empty()) return std::nullopt;
  const GroupId id = free_.top();
  free_.pop();
  const auto [at, inserted] = by_spec_.emplace(spec, id);
  assert(inserted);
  slots_[id.value()] = {.spec = &at->first, .references = 1};
  if (spec.primaries.size() > 1) {
    for (const GroupMember& member : spec.primaries) by_member_[member.next_hop].push_back(id);
  }
  return id;
}

std::optional<GroupId> GroupRegistry::closest(const GroupSpec& spec) const {
  if (spec.primaries.size() < 2) return std::nullopt;
  std::optional<GroupId> best;
  std::ptrdiff_t best_score = 0;
  for (const GroupMember& member : spec.primaries) {
    const auto at = by_member_.find(member.next_hop);
    if (at == by_member_.end()) continue;
    const std::vector<GroupId>& groups = at->second;
    const std::size_t looks = std::min(groups.size(), kMaxLooks);
    for (auto group = groups.end() - static_cast<std::ptrdiff_t>(looks); group != groups.end();
         ++group) {
      const GroupSpec& other = this->spec(*group);
      // Members that stay, less those that come or go.
      const auto common = static_cast<std::ptrdiff_t>(members_in_common(spec, other));
      const auto both = static_cast<std::ptrdiff_t>(spec.primaries.size() + other.primaries.size());
      const std::ptrdiff_t score = common - (both - 2 * common);
      if (!best || score > best_score) {
        best = *group;
        best_score = score;
      }
    }
  }
  return best;
}

void GroupRegistry::add_reference(GroupId id) {
  assert(contains(id));
  ++slots_[id.value()].references;
}

bool GroupRegistry::drop_reference(GroupId id) {
  assert(contains(id));
  Slot& slot = slots_[id.value()];
  if (--slot.references != 0) return false;
  if (slot.spec->primaries.size() > 1) {
    for (const GroupMember& member : slot.spec->primaries) {
      const auto at = by_member_.find(member.next_hop);
      std::erase(at->second, id);
      if (at->second.empty()) by_member_.erase(at);
    }
  }
  by_spec_.erase(by_spec_.find(*slot.spec));
  slot.spec = nullptr;
  return true;
}

}  // namespace lastmile
