// One path to a prefix: what a source (a BGP session, the configuration) offers, in 16 bytes.
//
// Everything that paths share is elsewhere and named by a small number: the attributes in the
// AttributePool, the next hops in the TargetTable, the session in the SourceTable. A refused path
// is kept like any other, with the reason in place of a target, so that `show routes` can tell why.
#pragma once

#include <cstdint>

#include "dataplane/net/strong_id.h"

namespace lastmile::rib {

/// An interned set of path attributes (attribute_pool.h).
using AttributeId = StrongId<struct AttributeTag, std::uint32_t>;
/// Whoever offers paths: one incarnation of a BGP session, the static routes, … (source.h).
using SourceId = StrongId<struct SourceTag, std::uint16_t>;
/// Numbers the sessions since start; never reused, other than a SourceId.
using Incarnation = StrongId<struct IncarnationTag, std::uint32_t>;
/// An interned set of next hops (target_table.h). 0 is none.
using TargetId = StrongId<struct TargetTag, std::uint16_t>;

inline constexpr TargetId kNoTarget{0};

/// Why a path is not used. The texts are a table in refusal.cc.
enum class Refusal : std::uint8_t {
  kNone,                ///< accepted
  kOwnAsInPath,         ///< AS loop (RFC 4271 section 9.1.2)
  kAsZero,              ///< AS 0 in the path (RFC 7607 section 2)
  kWrongFirstAs,        ///< leftmost AS is not the eBGP peer's (RFC 4271 section 6.3)
  kOwnOriginator,       ///< ORIGINATOR_ID is ours (RFC 4456 section 8)
  kNextHopMissing,      ///< none, and the session's peer address can't stand in for it
  kNextHopInvalid,      ///< multicast, loopback or otherwise no host (RFC 4271 section 6.3)
  kNextHopOurs,         ///< an address of our own (RFC 4271 section 6.3)
  kNextHopUnreachable,  ///< no port leads to it
  kOwnAddress,          ///< host guard: equals or is inside one of our own addresses
  kMartian,             ///< never valid as a route's destination
  kNoPolicy,            ///< eBGP in transit mode without policy (RFC 8212)
  kTooManyNextHops,     ///< the forwarding tables can't hold another next hop
  kAsSet,               ///< AS_SET or AS_CONFED_SET in the path (RFC 9774)
  kRouteLeak,           ///< Only-to-Customer says so (RFC 9234 section 5)
  kPathDown,            ///< a static route: BFD has none of its next hops up (RFC 5882 section 5)
  kPolicy,              ///< the import policy; the rule can be told from the route
};
/// A few words for people; "" for kNone.
[[nodiscard]] const char* to_string(Refusal refusal);

/// What BFD says of the way to a next hop that it watches.
enum class PathState : std::uint8_t { kDown, kUp };

/// Whether a local path is announced to the peers.
enum class Announced : std::uint8_t { kNo, kYes };

struct Path {
  AttributeId attributes;
  std::uint32_t received_s = 0;  ///< ControlClock, whole seconds, when the path took this form
  SourceId source;
  TargetId target = kNoTarget;
  /// Which of the source's paths to the prefix (RFC 7911; path_numbers.h); 0 where there is one.
  std::uint16_t path_number = 0;
  Refusal refusal = Refusal::kNone;
  Announced announced = Announced::kNo;  ///< local paths only
};
static_assert(sizeof(Path) == 16);

}  // namespace lastmile::rib
