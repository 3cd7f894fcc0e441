// One family of one peer, as its update group sees it.
#pragma once

#include <cstdint>
#include <optional>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/event/effects.h"
#include "controlplane/rib/journal.h"
#include "controlplane/rib/missed_routes.h"

namespace lastmile::rib {

template <class Address>
struct UpdateGroupMember {
  bgp::PeerId id;
  bgp::CodecContext codec;
  bgp::NextHop next_hop;
  bool marks_refreshes = false;  ///< their begin and end (RFC 7313)
  bool end_of_rib_due = true;    ///< the initial table is not complete (RFC 4724 section 2)
  /// What the initial table consists of: what was known when the member came.
  Milestone initial;
  bool mark_due = false;  ///< the end of a refresh that was begun

  /// A lap: from where the member joined to what was the end then (what has come since is a change,
  /// and was told as one), then from the beginning to where it joined.
  struct Lap {
    std::uint32_t cursor = 0;
    std::uint32_t start = 0;
    std::uint32_t end = 0;
    bool turned = false;  ///< has come by the end
  };
  std::optional<Lap> lap;

  bool behind = false;  ///< not waited for any more
  MissedRoutes<Address> missed;
  /// Set when the group has come by the initial table: with which round of `missed` the member has,
  /// too.
  std::optional<std::uint64_t> round_of_end;
  /// Since when its full send queue has kept others waiting.
  std::optional<TimePoint> full_since;
};

}  // namespace lastmile::rib
