// What has changed for those who are told of routes: prefixes in the order in which it happened.
//
// Each reader keeps a position of its own and reads on from there; what all of them have read is
// trimmed. Position 0 was the first prefix ever.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "dataplane/net/ip.h"

namespace lastmile::rib {

/// Prefixes whose announcement may have changed.
template <class Address>
struct Journal {
  std::deque<Prefix<Address>> entries;
  std::uint64_t start = 0;  ///< position of entries[0]

  [[nodiscard]] std::uint64_t end() const { return start + entries.size(); }
  /// What is before the position is no longer needed.
  void trim(std::uint64_t position) {
    const auto gone = static_cast<std::ptrdiff_t>(std::min(position, end()) - start);
    if (gone <= 0) return;
    entries.erase(entries.begin(), entries.begin() + gone);
    start += static_cast<std::uint64_t>(gone);
  }
};

/// All that was known at a moment, on its way through decisions and forwarding tables to the
/// journal. However much comes after it, it arrives.
struct Milestone {
  enum class Stage : std::uint8_t { kDeciding, kConfirming, kJournaled };
  Stage stage = Stage::kDeciding;
  std::uint64_t until = 0;  ///< records decided, sequence of the tables, place in the journal
};

}  // namespace lastmile::rib
