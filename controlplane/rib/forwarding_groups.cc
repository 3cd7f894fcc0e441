#include "controlplane/rib/forwarding_groups.h"

#include <algorithm>
#include <cassert>

namespace lastmile::rib {
namespace {

std::uint16_t saturated(unsigned a, unsigned b) {
  return static_cast<std::uint16_t>(std::min(a + b, unsigned{UINT16_MAX}));
}

}  // namespace

ForwardingGroups::~ForwardingGroups() {
  for (std::size_t i = 1; i < entries_.size(); ++i) {
    if (entries_[i].references != 0) drop(ForwardingId{static_cast<std::uint16_t>(i)});
  }
}

GroupSpec ForwardingGroups::spec(const ForwardingChoice& choice, std::vector<HopId>& hops) const {
  GroupSpec spec;
  for (std::size_t i = 0; i < choice.primaries.size(); ++i) {
    for (const TargetMember& member : targets_.members(choice.primaries[i])) {
      const NextHopId next_hop = hops_.next_hop(member.hop);
      const auto known = std::ranges::find(spec.primaries, next_hop, &GroupMember::next_hop);
      if (known != spec.primaries.end()) {
        // Links behind one next hop bear more together; of one path said twice the weight is one.
        if (!choice.weights.empty()) known->weight = saturated(known->weight, choice.weights[i]);
        continue;
      }
      if (spec.primaries.size() == kMaxGroupMembers) break;
      spec.primaries.push_back(
          {next_hop, choice.weights.empty() ? member.weight : choice.weights[i]});
      hops.push_back(member.hop);
    }
  }
  for (const TargetId target : choice.backups) {
    for (const TargetMember& member : targets_.members(target)) {
      if (spec.backups.size() == kMaxGroupBackups) break;
      if (std::ranges::find(hops, member.hop) != hops.end()) continue;
      spec.backups.push_back(hops_.next_hop(member.hop));
      hops.push_back(member.hop);
    }
  }
  std::ranges::sort(spec.primaries);
  std::ranges::sort(spec.backups);
  return spec;
}

tl::expected<ForwardingId, FibError> ForwardingGroups::acquire(const ForwardingChoice& choice,
                                                               ForwardingId resemble) {
  assert(!choice.primaries.empty());
  if (last_ != kNotForwarded && entries_[last_.value()].choice == choice) {
    ++entries_[last_.value()].references;
    return last_;
  }
  if (const auto found = by_choice_.find(choice); found != by_choice_.end()) {
    last_ = found->second;
    ++entries_[last_.value()].references;
    return last_;
  }

  if (free_.empty() && entries_.size() > UINT16_MAX) {
    return tl::unexpected(FibError::kTooManyGroups);
  }
  Entry entry;
  entry.choice = choice;
  entry.references = 1;
  const GroupSpec wanted = spec(choice, entry.hops);
  std::optional<GroupId> like;
  if (resemble != kNotForwarded) like = group(resemble);
  const auto acquired = plane_.acquire_group(wanted, like);
  if (!acquired) return tl::unexpected(acquired.error());
  entry.group = *acquired;
  for (const TargetId target : choice.primaries) targets_.add_reference(target);
  for (const TargetId target : choice.backups) targets_.add_reference(target);
  hops_.group_added(entry.hops);

  ForwardingId id;
  if (free_.empty()) {
    id = ForwardingId{static_cast<std::uint16_t>(entries_.size())};
    entries_.push_back(std::move(entry));
  } else {
    id = free_.back();
    free_.pop_back();
    entries_[id.value()] = std::move(entry);
  }
  by_choice_.emplace(choice, id);
  last_ = id;
  return id;
}

bool ForwardingGroups::release(ForwardingId id) {
  if (id == kNotForwarded) return false;
  Entry& entry = entries_[id.value()];
  assert(entry.references > 0);
  if (--entry.references != 0) return false;
  drop(id);
  by_choice_.erase(entry.choice);
  entry = Entry{};
  free_.push_back(id);
  if (last_ == id) last_ = kNotForwarded;
  return true;
}

void ForwardingGroups::drop(ForwardingId id) {
  const Entry& entry = entries_[id.value()];
  plane_.release_group(entry.group);
  hops_.group_removed(entry.hops);
  // The group is gone first: a next hop must not be released while a group holds it.
  for (const TargetId target : entry.choice.primaries) targets_.release(target);
  for (const TargetId target : entry.choice.backups) targets_.release(target);
}

}  // namespace lastmile::rib
