// What the RIB tells of itself: plain values for `show routes` and `show bgp`, made into JSON and
// tables by controlplane/control.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/bgp/wire/message.h"
#include "controlplane/event/time.h"
#include "dataplane/forwarding/spec.h"
#include "dataplane/net/ip.h"

namespace lastmile::rib {

/// Where a path comes from, best first: a lower one wins over any higher one. An aggregate stands
/// before what neighbors say of the same prefix, which may be that very aggregate; a default route
/// of our own making behind it: where somebody knows the way, packets take it.
enum class SourceKind : std::uint8_t { kLocal, kConnected, kStatic, kAggregate, kBgp, kDefault };
/// There because of other routes (generated.h).
[[nodiscard]] constexpr bool is_generated(SourceKind kind) {
  return kind == SourceKind::kAggregate || kind == SourceKind::kDefault;
}
/// "local", "connected", "static", "aggregate", "bgp", "default".
[[nodiscard]] const char* to_string(SourceKind kind);

/// One member of a path's next-hop set.
struct NextHopView {
  NextHopKind kind = NextHopKind::kForward;
  std::optional<PortId> port;        ///< none for local delivery and blackholes
  std::optional<IpAddress> address;  ///< none for an undiscovered neighbor, glean, local, blackhole
  std::optional<MacAddress> mac;     ///< once resolved
  std::uint16_t weight = 1;
  bool alive = true;
  NextHopId id{};  ///< in the forwarding tables
};

/// One path to one prefix.
struct RouteView {
  IpPrefix prefix;
  SourceKind source = SourceKind::kBgp;
  std::optional<bgp::PeerId> peer;  ///< BGP paths
  std::string peer_name;            ///< as configured: the port's name or the address
  bool best = false;                ///< the one best path
  bool multipath = false;           ///< forwards beside the best one, or is the best one
  bool backup = false;              ///< forwards when every multipath is dead
  bool stale = false;               ///< kept over the peer's restart, not announced again yet
  std::string refusal;              ///< why the path is not a candidate; empty if it is one
  std::string why;                  ///< the rule that made it best, or that it lost by
  std::vector<NextHopView> next_hops;
  bgp::PathAttributes attributes;        ///< BGP paths
  std::uint32_t local_preference = 100;  ///< the one that the decision used
  float link_bandwidth = 0;              ///< bytes a second; 0: not said
  Duration age{0};                       ///< since the path took this form
  bool installed = false;                ///< the prefix was given to the forwarding tables
  bool forwarding = false;               ///< … and workers are known to see it
  std::string fib_error;                 ///< the forwarding tables refused the prefix
  GroupId group{};                       ///< that the prefix was given with; kNoGroup: none
  /// Of the best path: who has been told of it; of others: who hears of several (RFC 7911).
  std::vector<bgp::PeerId> advertised_to;
};

/// Which of the paths to show.
struct PathFilter {
  enum class Paths : std::uint8_t { kAll, kAccepted };
  std::optional<bgp::PeerId> peer;  ///< nullopt: of everybody
  Paths paths = Paths::kAll;

  friend bool operator==(const PathFilter&, const PathFilter&) = default;
};

/// Which routes to show. With nothing set: all.
struct RouteQuery {
  std::optional<IpPrefix> prefix;    ///< exactly this one
  std::optional<IpAddress> address;  ///< the longest match for this address
  std::optional<bgp::PeerId> peer;   ///< paths of this peer only
  PathFilter::Paths paths = PathFilter::Paths::kAll;
};

/// A route as a peer has been told of it.
struct AdvertisedView {
  IpPrefix prefix;
  SourceKind source = SourceKind::kLocal;
  std::string peer_name;                 ///< whom it came from; BGP paths
  bgp::NextHop next_hop;                 ///< as announced
  bgp::PathAttributes attributes;        ///< as announced
  std::optional<std::uint32_t> path_id;  ///< with which, where the peer hears of several (RFC 7911)
};

/// Where a walk over all routes stands; a default-made one starts at the beginning.
struct RouteCursor {
  bgp::Family family = bgp::Family::kIpv4Unicast;
  std::uint32_t index = 0;
  bool done = false;
};

/// Paths, by family (index: bgp::Family).
using PathCounts = std::array<std::uint32_t, bgp::kFamilyCount>;

/// Sums for one neighbor.
struct PeerCounts {
  PathCounts received{};    ///< in Adj-RIB-In, refused ones included
  PathCounts accepted{};    ///< candidates for the decision
  PathCounts stale{};       ///< of `received`: kept over a restart, not announced again yet
  PathCounts advertised{};  ///< in Adj-RIB-Out
};

struct RibSummary {
  PathCounts prefixes{};             ///< distinct prefixes known
  PathCounts paths{};                ///< paths known, refused ones included
  PathCounts installed{};            ///< prefixes given to the forwarding tables
  std::uint32_t attribute_sets = 0;  ///< distinct sets of path attributes
  std::uint32_t next_hops = 0;       ///< entries in the next-hop tracker
  std::uint32_t groups = 0;          ///< distinct next-hop sets in use
  std::uint32_t fib_failures = 0;    ///< prefixes that the forwarding tables refused
  std::uint32_t undecided = 0;       ///< prefixes waiting for a decision
  std::uint64_t memory_bytes = 0;    ///< held by tables, paths and attributes
};

}  // namespace lastmile::rib
