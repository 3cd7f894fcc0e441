// The writer's side of the FIB: the definitions behind fib.h. Included by fib.cc, which
// instantiates them, and by tests that bring grace periods of their own.
//
// Words used here. A *level* is an 8-bit stride: level i is indexed by address byte i. Levels 0 to
// 2 are the *upper* levels, resolved by the first table; their shadow nodes are found by address.
// From level 3 on a level is a second-level group, and its node goes with it. A prefix of length l
// lives in the node of level (l - 1) / 8. To *paint* a prefix is to give its value to every entry
// in its range that no more specific prefix owns.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <stdexcept>

#include "dataplane/fib/fib.h"

namespace lastmile {

namespace detail {

inline constexpr std::size_t kFirstLevelEntries = std::size_t{1} << 24;
// Upper nodes in one array: level 2 first (the busy ones, by the first 16 bits), then level 1, 0.
inline constexpr std::size_t kLevel1 = std::size_t{1} << 16;
inline constexpr std::size_t kLevel0 = kLevel1 + 256;
inline constexpr std::size_t kUpperNodes = kLevel0 + 1;

/// Gathers index with signed 32-bit lanes: 256 entries a group leave 23 bits.
inline constexpr std::uint32_t kMaxGathered = 1U << 23;

/// Slots [first, first + count) of a mask, `count` a power of two and `first` a multiple of it.
inline SlotMask slot_range(unsigned first, unsigned count) {
  SlotMask mask{};
  if (count < 64) {
    mask[first / 64] = ((std::uint64_t{1} << count) - 1) << (first % 64);
  } else {
    for (unsigned i = first / 64; i < (first + count) / 64; ++i) mask[i] = ~std::uint64_t{0};
  }
  return mask;
}

/// Calls `run(first, count)` for each run of slots in `wanted` that are not in `skipped`.
template <class Run>
void for_each_run(const SlotMask& wanted, const SlotMask& skipped, Run run) {
  for (unsigned word = 0; word < wanted.size(); ++word) {
    std::uint64_t left = wanted[word] & ~skipped[word];
    while (left != 0) {
      const auto first = static_cast<unsigned>(std::countr_zero(left));
      const auto count = static_cast<unsigned>(std::countr_one(left >> first));
      run(64 * word + first, count);
      if (first + count == 64) break;
      left &= ~std::uint64_t{0} << (first + count);
    }
  }
}

}  // namespace detail

/// Where the shadow keeps a prefix.
template <class Address, FibEntry Entry, class GracePeriods>
struct Fib<Address, Entry, GracePeriods>::Place {
  unsigned level;
  PrefixNode::Position position;
};

/// The way from the root to a place: what exists of it.
template <class Address, FibEntry Entry, class GracePeriods>
struct Fib<Address, Entry, GracePeriods>::Path {
  unsigned depth;                          ///< levels found; complete if depth > place.level
  std::array<PrefixNode*, kLevels> nodes;  ///< by level
  /// By level, from 3 on: the entry that leads (or would lead) to the group of that level, and the
  /// first entry of the group.
  std::array<Entry*, kLevels> links;
  std::array<Entry*, kLevels> entries;
};

template <class Address, FibEntry Entry, class GracePeriods>
Fib<Address, Entry, GracePeriods>::Fib(GracePeriods& grace_periods, const FibLimits& limits,
                                       LookupKernel kernel)
    : first_(detail::kFirstLevelEntries, PageSize::kHuge),
      narrow_(kHasNarrow ? detail::kFirstLevelEntries : 0, PageSize::kHuge),
      upper_(detail::kUpperNodes, PageSize::kHuge),
      second_(grace_periods, limits.second_level_groups),
      arena_(limits.max_routes, PrefixNode::kInline),
      max_routes_(limits.max_routes) {
  if (limits.second_level_groups > std::min(Code::kMaxSecondLevel, detail::kMaxGathered)) {
    throw std::invalid_argument("more second-level groups than a FIB entry can number");
  }
  view_ = {first_.data(), second_.entries(), &default_, narrow_.data()};
  bulk_ = bulk_lookup<Address, Entry>(kernel);
}

template <class Address, FibEntry Entry, class GracePeriods>
auto Fib<Address, Entry, GracePeriods>::place_of(const Prefix& prefix) -> Place {
  if (prefix.length() == 0) return {0, PrefixNode::kBase};
  const unsigned level = (prefix.length() - 1) / 8;
  const unsigned depth = prefix.length() - 8 * level;
  return {level, PrefixNode::position(depth, Bits::byte(prefix.address(), level))};
}

template <class Address, FibEntry Entry, class GracePeriods>
PrefixNode& Fib<Address, Entry, GracePeriods>::upper_node(unsigned level,
                                                          const Address& address) const {
  const std::uint32_t bits = Bits::first24(address);
  if (level == 2) return upper_[bits >> 8];
  return level == 1 ? upper_[detail::kLevel1 + (bits >> 16)] : upper_[detail::kLevel0];
}

template <class Address, FibEntry Entry, class GracePeriods>
auto Fib<Address, Entry, GracePeriods>::descend(const Place& place, const Address& address) const
    -> Path {
  Path path;
  for (unsigned level = 0; level < kFirstLevelBytes; ++level) {
    path.nodes[level] = &upper_node(level, address);
  }
  path.depth = std::min(place.level + 1, kFirstLevelBytes);
  Entry* link = first_.data() + Bits::first24(address);
  for (unsigned level = kFirstLevelBytes; level <= place.level; ++level) {
    path.links[level] = link;
    const Entry entry = load_entry(link);
    if (!Code::is_extended(entry)) break;
    const std::uint32_t group = Code::second_level(entry);
    path.nodes[level] = &second_.node(group);
    path.entries[level] = second_.entries(group);
    path.depth = level + 1;
    link = path.entries[level] + Bits::byte(address, level);
  }
  return path;
}

template <class Address, FibEntry Entry, class GracePeriods>
std::optional<GroupId> Fib<Address, Entry, GracePeriods>::find(const Prefix& prefix) const {
  const Place place = place_of(prefix);
  const Path path = descend(place, prefix.address());
  if (path.depth <= place.level) return std::nullopt;
  const PrefixNode& node = *path.nodes[place.level];
  if (!node.contains(place.position)) return std::nullopt;
  return GroupId{node.value(place.position)};
}

template <class Address, FibEntry Entry, class GracePeriods>
tl::expected<std::optional<GroupId>, FibError> Fib<Address, Entry, GracePeriods>::set(
    const Prefix& prefix, GroupId group) {
  if (group == kNoGroup || group.value() > kMaxFibGroup) {
    return tl::make_unexpected(FibError::kBadGroup);
  }
  const Address& address = prefix.address();
  const Place place = place_of(prefix);
  Path path = descend(place, address);
  const bool complete = path.depth > place.level;

  if (complete && path.nodes[place.level]->contains(place.position)) {
    PrefixNode::Value& value = path.nodes[place.level]->value(place.position);
    const GroupId previous{value};
    if (previous != group) {
      value = group.value();
      paint(path, place, address, group.value());
    }
    return previous;
  }

  if (routes_.get() >= max_routes_) return tl::make_unexpected(FibError::kTooManyRoutes);
  if (complete) {
    path.nodes[place.level]->insert(place.position, group.value(), arena_);
    paint(path, place, address, group.value());
  } else {
    if (!second_.can_take(place.level + 1 - path.depth)) {
      return tl::make_unexpected(FibError::kOutOfSecondLevel);
    }
    extend(path, place, address, group);
  }
  routes_.add(1);
  return std::nullopt;
}

/// Builds the missing groups of a path, the last one first, and links them with one store. What the
/// new groups inherit is what the entry to link at says now: it is not extended, so it holds
/// the value of the nearest covering prefix.
template <class Address, FibEntry Entry, class GracePeriods>
void Fib<Address, Entry, GracePeriods>::extend(Path& path, const Place& place,
                                               const Address& address, GroupId group) {
  Entry* const link = path.links[path.depth];
  const Entry inherited = load_entry(link);
  Entry below = 0;
  for (unsigned level = place.level; level >= path.depth; --level) {
    const std::uint32_t taken = second_.take();
    Entry* const entries = second_.entries(taken);
    PrefixNode& node = second_.node(taken);
    assert(node.empty());
    fill_entries(entries, kGroupEntries, inherited);
    if (level == place.level) {
      node.insert(place.position, group.value(), arena_);
      fill_entries(entries + PrefixNode::first_slot(place.position),
                   PrefixNode::slot_count(place.position), Entry{group.value()});
    } else {
      node.add_child();
      store_entry(entries + Bits::byte(address, level), below);
    }
    below = Code::extended(taken);
  }
  path.nodes[path.depth - 1]->add_child();
  write(link, 1, below);
}

template <class Address, FibEntry Entry, class GracePeriods>
std::optional<GroupId> Fib<Address, Entry, GracePeriods>::remove(const Prefix& prefix) {
  const Address& address = prefix.address();
  const Place place = place_of(prefix);
  Path path = descend(place, address);
  if (path.depth <= place.level) return std::nullopt;
  PrefixNode& node = *path.nodes[place.level];
  if (!node.contains(place.position)) return std::nullopt;

  const GroupId previous{node.erase(place.position, arena_)};
  routes_.add(-1);
  const Entry inherited = covering_value(path, place, address);
  if (place.level >= kFirstLevelBytes && node.empty()) {
    collapse(path, place.level, inherited);
  } else {
    paint(path, place, address, inherited);
  }
  return previous;
}

/// The value of the longest prefix that covers a place which is itself no longer there; 0 if only
/// the default may be left.
template <class Address, FibEntry Entry, class GracePeriods>
Entry Fib<Address, Entry, GracePeriods>::covering_value(const Path& path, const Place& place,
                                                        const Address& address) const {
  PrefixNode::Position position = place.position;
  for (unsigned level = place.level;; --level) {
    const PrefixNode& node = *path.nodes[level];
    if (const PrefixNode::Position nearest = node.nearest(position)) return node.value(nearest);
    if (level == 0) return 0;
    position = PrefixNode::position(8, Bits::byte(address, level - 1));
  }
}

/// The group of `level` has neither routes nor groups below. It goes, and with it all groups above
/// that held nothing else; one store puts the inherited value in place of them all.
template <class Address, FibEntry Entry, class GracePeriods>
void Fib<Address, Entry, GracePeriods>::collapse(Path& path, unsigned level, Entry inherited) {
  unsigned top = level;
  path.nodes[top - 1]->drop_child();
  while (top > kFirstLevelBytes && path.nodes[top - 1]->empty()) {
    --top;
    path.nodes[top - 1]->drop_child();
  }
  // Read the numbers before the store: afterwards they are no longer linked.
  std::array<std::uint32_t, kLevels> groups;
  for (unsigned l = top; l <= level; ++l) {
    groups[l] = Code::second_level(load_entry(path.links[l]));
  }
  write(path.links[top], 1, inherited);
  for (unsigned l = top; l <= level; ++l) second_.retire(groups[l]);
}

template <class Address, FibEntry Entry, class GracePeriods>
void Fib<Address, Entry, GracePeriods>::paint(const Path& path, const Place& place,
                                              const Address& address, Entry value) {
  if (place.position == PrefixNode::kBase) {  // the default route
    default_.set(static_cast<std::uint16_t>(value));
  } else if (place.level >= kFirstLevelBytes) {
    paint_slots(path.entries[place.level], *path.nodes[place.level], place.position, value);
  } else {
    const std::uint32_t bits = Bits::first24(address);
    paint_upper(place.level, bits >> (24 - 8 * place.level), place.position, value);
  }
}

/// Paints a position of an upper node; `index` numbers the node within its level.
template <class Address, FibEntry Entry, class GracePeriods>
void Fib<Address, Entry, GracePeriods>::paint_upper(unsigned level, std::size_t index,
                                                    PrefixNode::Position position, Entry value) {
  if (level == 2) {
    paint_slots(first_.data() + index * PrefixNode::kSlots, upper_[index], position, value);
    return;
  }
  const PrefixNode& node = upper_[(level == 1 ? detail::kLevel1 : detail::kLevel0) + index];
  const SlotMask range =
      detail::slot_range(PrefixNode::first_slot(position), PrefixNode::slot_count(position));
  detail::for_each_run(range, node.covered_below(position), [&](unsigned first, unsigned count) {
    for (unsigned slot = first; slot < first + count; ++slot) {
      paint_upper(level + 1, index * PrefixNode::kSlots + slot, PrefixNode::kBase, value);
    }
  });
}

/// Paints a position of a node whose slots are `entries`.
template <class Address, FibEntry Entry, class GracePeriods>
void Fib<Address, Entry, GracePeriods>::paint_slots(Entry* entries, PrefixNode& node,
                                                    PrefixNode::Position position, Entry value) {
  const unsigned first = PrefixNode::first_slot(position);
  const unsigned count = PrefixNode::slot_count(position);
  if (count == 1 || node.routes() == 0) {
    paint_run(entries, node, first, count, value);
    return;
  }
  detail::for_each_run(detail::slot_range(first, count), node.covered_below(position),
                       [&](unsigned run_first, unsigned run_count) {
                         paint_run(entries, node, run_first, run_count, value);
                       });
}

/// Paints neighbouring slots that no prefix of the node covers; goes down where they are extended.
template <class Address, FibEntry Entry, class GracePeriods>
void Fib<Address, Entry, GracePeriods>::paint_run(Entry* entries, const PrefixNode& node,
                                                  unsigned first, unsigned count, Entry value) {
  if (node.children() == 0) {
    write(entries + first, count, value);
    return;
  }
  for (unsigned slot = first; slot < first + count; ++slot) {
    const Entry entry = load_entry(entries + slot);
    if (Code::is_extended(entry)) {
      const std::uint32_t group = Code::second_level(entry);
      paint_slots(second_.entries(group), second_.node(group), PrefixNode::kBase, value);
    } else {
      write(entries + slot, 1, value);
    }
  }
}

/// Changes entries of either level that readers may see. The narrow copy comes last: until then
/// readers have the old answer from it or, where it says "see the entry", the new one; never the
/// new one and then the old one.
template <class Address, FibEntry Entry, class GracePeriods>
void Fib<Address, Entry, GracePeriods>::write(Entry* entries, unsigned count, Entry value) {
  fill_entries(entries, count, value);
  if constexpr (kHasNarrow) {
    const auto index = (reinterpret_cast<std::uintptr_t>(entries) -
                        reinterpret_cast<std::uintptr_t>(first_.data())) /
                       sizeof(Entry);
    if (index < detail::kFirstLevelEntries) {
      fill_entries(narrow_.data() + index, count, narrow_code(value));
    }
  }
}

template <class Address, FibEntry Entry, class GracePeriods>
void Fib<Address, Entry, GracePeriods>::prefetch(const Prefix& prefix) const {
  const unsigned level = prefix.length() == 0 ? 0 : (prefix.length() - 1) / 8;
  upper_node(std::min(level, 2U), prefix.address()).prefetch();
  __builtin_prefetch(first_.data() + Bits::first24(prefix.address()), 1);
  if constexpr (kHasNarrow) {
    __builtin_prefetch(narrow_.data() + Bits::first24(prefix.address()), 1);
  }
}

template <class Address, FibEntry Entry, class GracePeriods>
FibStats Fib<Address, Entry, GracePeriods>::stats() const {
  return {routes_.get(), second_.used(), second_.waiting(), second_.total()};
}

}  // namespace lastmile
