// A flow, and what a worker does with its packets, step by step. Values; no DPDK here.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/forwarding/spec.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/net/strong_id.h"
#include "dataplane/net/vlan.h"
#include "dataplane/pipeline/drop_reason.h"
#include "dataplane/pipeline/punt_class.h"

namespace lastmile {

/// Lengths that a traced packet may have, its IP header included: room for the header of any
/// protocol that a stage looks into, and what goes into any device's buffer.
inline constexpr unsigned kShortestTracedIpv4 = 40;
inline constexpr unsigned kShortestTracedIpv6 = 60;
inline constexpr unsigned kLongestTraced = 9600;
/// TTL or hop limit that traced packets come in with, unless told otherwise.
inline constexpr std::uint8_t kTracedHops = 64;

/// Whether an IPv4 packet may be cut on its way; one of IPv6 never is.
enum class Cutting : std::uint8_t { kAllowed, kForbidden };

/// What the packets of a flow have in common.
struct TracedFlow {
  IpAddress source;
  IpAddress destination;       ///< of the same family
  std::uint8_t protocol = 17;  ///< 17: UDP
  /// Of protocols that have ports (TCP, UDP, SCTP); no others look at them.
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  unsigned length = 0;  ///< of the IP packet; 0: the shortest
  std::uint8_t hops = kTracedHops;
  Cutting cutting = Cutting::kAllowed;
};

/// A next hop that the flow's group may choose.
struct TracedHop {
  enum class Role : std::uint8_t { kMember, kBackup };

  NextHopId id{};
  Role role = Role::kMember;
  NextHopKind kind = NextHopKind::kUnreachable;
  PortId port{};             ///< of kinds that have one (has_port)
  MacAddress destination{};  ///< of the neighbor, for kForward
  std::uint8_t down = 0;     ///< DownCause bits; 0: alive
  unsigned buckets = 0;      ///< of the group, that are its own
};

/// What the stages lookup and select have found.
struct TracedChoice {
  GroupId group{};                      ///< kNoGroup: no route
  std::optional<std::uint32_t> hash{};  ///< of the flow; nullopt: the group's shape needs none
  unsigned buckets = 0;                 ///< of the group; 0: no route
  unsigned bucket = 0;                  ///< that the hash names
  NextHopId owner{};                    ///< of the bucket; another one than `chosen`: it is dead
  NextHopId chosen{};                   ///< kNoLiveNextHop: none
  std::vector<TracedHop> hops{};        ///< members, then backups
};

/// A VLAN tag as it leaves.
struct TracedTag {
  VlanProtocol protocol = VlanProtocol::kCustomer;
  VlanId vlan{};

  friend bool operator==(const TracedTag&, const TracedTag&) = default;
};

/// The frame that leaves, as the device would get it.
struct TracedFrame {
  MacAddress destination{};
  MacAddress source{};
  std::vector<TracedTag> tags{};  ///< outer one first
  std::uint16_t ethertype = 0;
  unsigned hops_spent = 0;  ///< taken off the TTL or hop limit
};

/// What the sender of a dropped packet is told.
struct TracedError {
  IpAddress from;
  std::uint8_t type = 0;  ///< of ICMP (RFC 792) or ICMPv6 (RFC 4443), by the flow's family
  std::uint8_t code = 0;
  std::optional<unsigned> mtu{};  ///< for one that was too long
};

/// Where the packet ended.
enum class TraceEnd : std::uint8_t {
  kSent,     ///< out of `port`
  kHost,     ///< the host interface: the machine's own programs
  kTwin,     ///< the kernel twin of `port`
  kWaits,    ///< until the link-layer address of the next hop, or of the destination, is known
  kDropped,  ///< for the reason `drop`
};

struct FlowTrace {
  std::optional<TracedChoice> choice;  ///< nullopt: it did not get as far as the routes
  TraceEnd end = TraceEnd::kDropped;
  std::optional<PortId> port;        ///< kSent, kTwin, kWaits
  std::optional<DropReason> drop;    ///< kDropped
  std::optional<PuntClass> punt;     ///< kHost, kTwin
  std::optional<TracedFrame> frame;  ///< kSent, kHost, kTwin; the first one
  unsigned packets = 0;              ///< kSent: 1, or so many fragments
  std::optional<TracedError> error;  ///< kDropped, if its sender is told
  /// Longest IP packet that goes this way uncut: kSent, kHost, kTwin, kWaits.
  std::optional<unsigned> mtu;
};

}  // namespace lastmile
