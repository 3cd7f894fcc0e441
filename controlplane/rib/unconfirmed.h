// Prefixes that are announced when the forwarding tables have come so far: a neighbor must not send
// what workers can't forward yet.
//
//   unconfirmed.add(prefix, core.submitted);
//   while (unconfirmed.is_due(applied)) {
//     if (const auto prefix = unconfirmed.take()) ...   // nullopt: it has ended meanwhile
//   }
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>

#include "controlplane/rib/forwarding_plane.h"
#include "dataplane/net/ip.h"

namespace lastmile::rib {

template <class Address>
class Unconfirmed {
 public:
  /// `sequence`: not before that of the one added last.
  void add(const Prefix<Address>& prefix, FibSequence sequence) {
    waiting_.push_back({sequence, prefix, Kind::kAnnouncement});
  }
  /// The prefix is no longer forwarded: what waits of it is void, and must not be taken for the
  /// confirmation of a later route. One of its kind does wait.
  void end(const Prefix<Address>& prefix) {
    assert(!waiting_.empty());
    const FibSequence with_the_last = waiting_.back().sequence;
    waiting_.push_back({with_the_last, prefix, Kind::kEnd});
    ++ends_[prefix];
  }

  [[nodiscard]] bool is_due(FibSequence applied) const {
    return !waiting_.empty() && waiting_.front().sequence <= applied;
  }
  /// Takes the first one, if it is not void.
  std::optional<Prefix<Address>> take() {
    const auto [sequence, prefix, kind] = waiting_.front();
    waiting_.pop_front();
    const auto end = ends_.find(prefix);
    if (end == ends_.end()) return prefix;
    if (kind == Kind::kEnd && --end->second == 0) ends_.erase(end);
    return std::nullopt;
  }

  [[nodiscard]] std::size_t memory_bytes() const { return waiting_.size() * sizeof(Entry); }

 private:
  /// An announcement; or, behind those of its kind, the end of a prefix: they are void.
  enum class Kind : std::uint8_t { kAnnouncement, kEnd };
  struct Entry {
    FibSequence sequence;
    Prefix<Address> prefix;
    Kind kind;
  };

  std::deque<Entry> waiting_;                                ///< in order of sequence
  std::unordered_map<Prefix<Address>, std::uint32_t> ends_;  ///< how many of a prefix wait there
};

}  // namespace lastmile::rib
