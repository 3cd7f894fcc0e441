// How a set of weighted members becomes buckets, and how one set of buckets becomes the next with
// the fewest moves. FIB writer only; no reader ever sees a layout in the making.
//
//   GroupLayout layout = lay_out(spec);                       // a set unlike any other
//   GroupLayout next = lay_out(spec2, table.view(old).buckets);  // one that followed `old`
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "dataplane/forwarding/spec.h"

namespace lastmile {

/// The most buckets a group may have.
inline constexpr std::size_t kMaxBuckets = 4096;

struct GroupLayout {
  std::vector<NextHopId> buckets;  ///< a power of two of them
  std::vector<NextHopId> members;
  std::vector<NextHopId> backups;
};

/// Buckets that give the members their shares. As few buckets as the shares allow: a power of two
/// of equal members has one bucket each (and stays in the group's cache line); other sets get the
/// smallest number for which a chi-square test over a million flows could not tell the shares from
/// the exact ones, up to kMaxBuckets. Every member has at least one bucket.
///
/// `resemble`: buckets of a group whose flows should stay where they are. Only what must move
/// moves: the buckets of lost members, and as many of each member as it holds above its new share.
/// `spec` must have 1 to kMaxGroupMembers primaries with weight 1 or more.
[[nodiscard]] GroupLayout lay_out(const GroupSpec& spec, std::span<const NextHopId> resemble = {});

}  // namespace lastmile
