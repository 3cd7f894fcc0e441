// The paths in the record of one prefix, with what each of them holds: a reference to its
// attributes, one to its target, a place in the counts of its source and, where a neighbor sends
// several paths, a number.
//
//   RecordPaths<Address> paths(core, prefix, list);
//   if (paths.set(path)) ...        // a decision may come out differently
//
// A view for a moment. Its functions are in this header because they are called for every route.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>
#include <variant>

#include "controlplane/rib/path_list.h"
#include "controlplane/rib/path_numbers.h"
#include "controlplane/rib/rib_core.h"
#include "dataplane/net/ip.h"

namespace lastmile::rib {

template <class Address>
class RecordPaths {
 public:
  RecordPaths(RibCore& core, const Prefix<Address>& prefix, PathList& list)
      : core_(core), prefix_(prefix), list_(list) {}

  [[nodiscard]] std::span<Path> all() { return list_.paths(core_.arena); }

  /// Adds the path or replaces the one of the same source and number; an identical one is left as
  /// it is, and one more than PathList::kMost is left out. True if that matters to a decision.
  bool set(const Path& path) {
    for (Path& known : all()) {
      if (known.source != path.source || known.path_number != path.path_number) continue;
      if (same_content(known, path)) return false;
      const bool matters = known.refusal == Refusal::kNone || path.refusal == Refusal::kNone;
      hold(path);  // before the old one is given up: what they hold may be the same
      give_up(known);
      known = path;
      return matters;
    }
    // A prefix that thousands of neighbors have, and each of them by hundreds of paths.
    if (list_.size() == PathList::kMost) return false;
    hold(path);
    list_.add(core_.arena, path);
    return path.refusal == Refusal::kNone;
  }

  /// Where the path is; nullopt: there is none.
  [[nodiscard]] std::optional<std::size_t> find(SourceId source, std::uint16_t path_number) {
    const std::span<const Path> paths = all();
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (paths[i].source == source && paths[i].path_number == path_number) return i;
    }
    return std::nullopt;
  }

  /// The last path takes its place. True if that matters to a decision.
  bool drop(std::size_t position) {
    const Path path = all()[position];
    give_up(path);
    list_.remove(core_.arena, position);
    return path.refusal == Refusal::kNone;
  }

  /// Those of departing sources go. True if there was one.
  bool purge() {
    bool any = false;
    for (std::size_t i = list_.size(); i-- > 0;) {
      if (core_.sources[all()[i].source].state != SourceState::kDeparting) continue;
      forget(i);
      any = true;
    }
    return any;
  }

  /// Those of the source become the last choice; those that must not be kept so long go (RFC 9494
  /// section 4.2). True if there was one.
  bool age(SourceId source) {
    bool any = false;
    for (std::size_t i = list_.size(); i-- > 0;) {
      Path& path = all()[i];
      if (path.source != source) continue;
      any = true;
      if (!mark_long_lived(path)) forget(i);
    }
    return any;
  }

 private:
  static bool same_content(const Path& a, const Path& b) {
    return a.attributes == b.attributes && a.target == b.target && a.refusal == b.refusal &&
           a.announced == b.announced;
  }

  void count(const Path& path, int sign) {
    constexpr auto kFamily = static_cast<std::size_t>(kFamilyOf<Address>);
    Source& source = core_.sources[path.source];
    const auto delta = static_cast<std::uint32_t>(sign);
    source.held += delta;
    source.received[kFamily] += delta;
    if (path.refusal == Refusal::kNone) source.accepted[kFamily] += delta;
  }
  void hold(const Path& path) {
    core_.attributes.add_reference(path.attributes);
    if (path.target != kNoTarget) core_.targets.add_reference(path.target);
    count(path, +1);
  }
  void give_up(const Path& path) {
    count(path, -1);
    core_.attributes.release(path.attributes);
    core_.targets.release(path.target);
  }

  /// A path goes that its neighbor has not withdrawn: its number is free again, unless a path that
  /// has come since has it.
  void forget(std::size_t position) {
    const Path path = all()[position];
    drop(position);
    const auto& numbers = core_.sources[path.source].path_numbers;
    if (!numbers) return;
    const bool in_use = std::ranges::any_of(all(), [&](const Path& other) {
      return other.path_number == path.path_number &&
             core_.sources[other.source].path_numbers == numbers;
    });
    if (!in_use) std::get<PathNumbers<Address>>(*numbers).free(prefix_, path.path_number);
  }

  /// False if the path must not outlive its neighbor for so long.
  bool mark_long_lived(Path& path) {
    bgp::PathAttributes attributes = core_.attributes.attributes(path.attributes);
    const auto marked = [&](std::uint32_t community) {
      return std::ranges::binary_search(attributes.communities, bgp::Community{community});
    };
    if (marked(bgp::kNoLongLived)) return false;
    if (marked(bgp::kLongLivedStale)) return true;
    attributes.communities.push_back({bgp::kLongLivedStale});
    std::ranges::sort(attributes.communities);
    const AttributeId aged = core_.attributes.intern(attributes);
    core_.attributes.release(std::exchange(path.attributes, aged));
    return true;
  }

  RibCore& core_;
  const Prefix<Address>& prefix_;
  PathList& list_;
};

}  // namespace lastmile::rib
