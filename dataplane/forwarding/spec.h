// What the control plane asks of the forwarding tables, in its own words: next hops and groups as
// values. The tables that workers read are in next_hop_table.h and group_table.h; how a wish
// becomes a table entry is in dataplane/update/.
//
//   route 10.0.2.2/32 ──> group {up1 via fe80::1, up2 via fe80::2}  ──> next hop: port + rewrite
//
// No DPDK here: the control plane and its tests link this alone.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/net/mac.h"
#include "dataplane/net/strong_id.h"

namespace lastmile {

/// What a worker does with a packet that reaches a next hop.
enum class NextHopKind : std::uint8_t {
  kForward,      ///< rewrite the Ethernet header and transmit on `port`
  kUnresolved,   ///< hold a few packets and ask the control plane for the link-layer address
  kGlean,        ///< connected subnet: ask the control plane to resolve the packet's destination
  kLocalHost,    ///< to the machine's own programs through the host interface
  kLocalPort,    ///< to the machine's own programs through the kernel twin of `port`
  kBlackhole,    ///< drop silently, counted
  kUnreachable,  ///< drop, counted; the sender is told
  kBroadcast,    ///< all hosts of a connected subnet: drop silently, counted (RFC 2644)
};

/// Does a next hop of this kind lead to a port?
[[nodiscard]] constexpr bool has_port(NextHopKind kind) {
  return kind == NextHopKind::kForward || kind == NextHopKind::kUnresolved ||
         kind == NextHopKind::kGlean || kind == NextHopKind::kLocalPort;
}

/// A next hop as the control plane knows it. `destination` matters for kForward only.
struct NextHopSpec {
  NextHopKind kind = NextHopKind::kBlackhole;
  PortId port{};
  MacAddress destination{};

  friend bool operator==(const NextHopSpec&, const NextHopSpec&) = default;
};

/// A member of a group. `weight` is relative to the other members' (1 to 65535).
struct GroupMember {
  NextHopId next_hop{};
  std::uint16_t weight = 1;

  friend auto operator<=>(const GroupMember&, const GroupMember&) = default;
};

/// A set of next hops over which flows are spread. `backups` are used, in order, only when every
/// primary is dead. Both lists are sorted by next hop and hold each next hop once, so that equal
/// sets are equal values; at most `kMaxGroupMembers` primaries and `kMaxGroupBackups` backups.
struct GroupSpec {
  std::vector<GroupMember> primaries{};
  std::vector<NextHopId> backups{};

  friend bool operator==(const GroupSpec&, const GroupSpec&) = default;
};

inline constexpr unsigned kMaxGroupMembers = 64;
inline constexpr unsigned kMaxGroupBackups = 8;

/// Why a next hop can't carry packets now. Each cause has one writer; a next hop is alive while no
/// cause holds. One byte for all causes is what a worker reads.
enum class DownCause : std::uint8_t {
  kLink = 1U << 0,     ///< the port's link is down. Writer: control thread.
  kBfd = 1U << 1,      ///< BFD or echo detection. Writer: the worker that owns the session.
  kRouting = 1U << 2,  ///< the routing session with the neighbor is gone. Writer: control thread.
};

}  // namespace lastmile
