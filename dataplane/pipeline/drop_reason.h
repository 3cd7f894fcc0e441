// Why a packet was dropped: every reason there is, in one table.
//
// The enumerators, their names in `show drops` and metrics, and the clause each comes from are made
// from LASTMILE_DROP_REASONS; to add a reason, add a line. A packet that is dropped is counted
// under exactly one reason. No DPDK here: the control plane reads this too.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lastmile {

// clang-format off
//  enumerator             name                        why, and the clause that says so
#define LASTMILE_DROP_REASONS(X)                                                                   \
  /* Ethernet */                                                                                   \
  X(kNotForUs,             "not-for-us",               "unicast frame for another station") \
  X(kFrameTooShort,        "frame-too-short",          "frame ends before its Ethernet header does") \
  X(kVlanTagged,           "vlan-tagged",              "802.1Q tag on a port without VLANs") \
  X(kVlanUnknown,          "vlan-unknown",             "VLAN tags of no port, on a device with VLANs") \
  X(kVlanMissing,          "vlan-missing",             "no tag, on a device whose ports all have VLANs") \
  X(kVlanTruncated,        "vlan-truncated",           "frame ends inside its VLAN tags") \
  X(kVlanNoRoom,           "vlan-no-room",             "no room in front of a frame for its VLAN tags") \
  X(kBroadcastFrame,       "ip-in-broadcast-frame",    "unicast IP in a broadcast or multicast frame (RFC 1812 5.3.4, RFC 1122 3.3.6)") \
  X(kHostNotIp,            "host-not-ip",              "the host interface carries IP only") \
  X(kHostBadFrame,         "host-bad-frame",           "the host interface can't cut into packets what it was given, or it has a VLAN tag") \
  /* IPv4 header, in the order of the checks */                                                    \
  X(kIpv4Truncated,        "ipv4-truncated-header",    "frame shorter than an IPv4 header (RFC 1812 5.2.2 (1))") \
  X(kIpv4BadChecksum,      "ipv4-bad-checksum",        "header checksum is wrong (RFC 1812 5.2.2 (2))") \
  X(kIpv4BadVersion,       "ipv4-bad-version",         "version is not 4 (RFC 1812 5.2.2 (3))") \
  X(kIpv4BadHeaderLength,  "ipv4-bad-header-length",   "header length below 5 words (RFC 1812 5.2.2 (4))") \
  X(kIpv4LengthBelowHeader,"ipv4-length-below-header", "total length below header length (RFC 1812 5.2.2 (5))") \
  X(kIpv4LengthBeyondFrame,"ipv4-length-beyond-frame", "total length beyond the frame (RFC 1812 5.2.2, RFC 791 3.1)") \
  X(kIpv4BadOption,        "ipv4-bad-option",          "malformed option (RFC 1812 4.2.2.1, 5.3.13)") \
  X(kIpv4SourceRoute,      "ipv4-source-route",        "source route option (RFC 7126 4.3, 4.4)") \
  /* IPv4 addresses */                                                                             \
  X(kIpv4SourceZero,       "ipv4-source-this-network", "source in 0.0.0.0/8 (RFC 1812 5.3.7)") \
  X(kIpv4SourceLoopback,   "ipv4-source-loopback",     "source in 127.0.0.0/8 (RFC 1812 5.3.7)") \
  X(kIpv4SourceMulticast,  "ipv4-source-multicast",    "source in 224.0.0.0/4 (RFC 1812 5.3.7)") \
  X(kIpv4SourceReserved,   "ipv4-source-reserved",     "source in 240.0.0.0/4 (RFC 1812 5.3.7)") \
  X(kIpv4SourceBroadcast,  "ipv4-source-broadcast",    "source 255.255.255.255 (RFC 1812 5.3.7)") \
  X(kIpv4DestinationZero,  "ipv4-destination-this-network", "destination in 0.0.0.0/8 (RFC 1812 5.3.7)") \
  X(kIpv4DestinationLoopback, "ipv4-destination-loopback", "destination in 127.0.0.0/8 (RFC 1812 5.3.7)") \
  X(kIpv4DestinationReserved, "ipv4-destination-reserved", "destination in 240.0.0.0/4 (RFC 1812 5.3.7)") \
  X(kIpv4Multicast,        "ipv4-multicast",           "multicast destination that is not link-local: not routed (RFC 1812 5.2.1)") \
  /* IPv6 */                                                                                       \
  X(kIpv6Truncated,        "ipv6-truncated-header",    "frame shorter than an IPv6 header (RFC 8200 3)") \
  X(kIpv6BadVersion,       "ipv6-bad-version",         "version is not 6 (RFC 8200 3)") \
  X(kIpv6LengthBeyondFrame,"ipv6-length-beyond-frame", "payload length beyond the frame (RFC 8200 3)") \
  X(kIpv6SourceMulticast,  "ipv6-source-multicast",    "source in ff00::/8 (RFC 4291 2.7)") \
  X(kIpv6SourceUnspecified,"ipv6-source-unspecified",  "source :: on a forwarded packet (RFC 4291 2.5.2)") \
  X(kIpv6SourceLoopback,   "ipv6-source-loopback",     "source ::1 (RFC 4291 2.5.3)") \
  X(kIpv6SourceLinkLocal,  "ipv6-source-link-local",   "link-local source on a forwarded packet (RFC 4291 2.5.6)") \
  X(kIpv6DestinationUnspecified, "ipv6-destination-unspecified", "destination :: (RFC 4291 2.5.2)") \
  X(kIpv6DestinationLoopback, "ipv6-destination-loopback", "destination ::1 (RFC 4291 2.5.3)") \
  X(kIpv6Multicast,        "ipv6-multicast",           "multicast destination beyond link scope: not routed") \
  X(kIpv6LinkLocal,        "ipv6-link-local",          "link-local destination from the host interface (RFC 4291 2.5.6)") \
  X(kIpv6Mapped,           "ipv6-mapped",              "IPv4-mapped source or destination (RFC 6890 2.2.3, RFC 4942 2.2)") \
  /* what a port asks of sources, and of addresses */                                              \
  X(kReversePathNone,      "reverse-path-none",        "no route leads back to the source (RFC 3704 2.4)") \
  X(kReversePathOther,     "reverse-path-other-port",  "no route leads back to the source by the port it came by (RFC 3704 2.2, 2.3)") \
  X(kSourceOurs,           "source-ours",              "an address of ours as source, from outside") \
  X(kMartianSource,        "martian-source",           "source that is not forwarded (RFC 6890)") \
  X(kMartianDestination,   "martian-destination",      "destination that is not forwarded (RFC 6890)") \
  /* forwarding */                                                                                 \
  X(kNoRoute,              "no-route",                 "no route to the destination (RFC 1812 5.2.4.3)") \
  X(kNoneAlive,            "no-next-hop-alive",        "every next hop of the route is dead") \
  X(kBlackhole,            "blackhole",                "route says discard") \
  X(kDirectedBroadcast,    "directed-broadcast",       "to all hosts of a connected subnet (RFC 2644, RFC 1812 5.3.5.2)") \
  X(kUnreachable,          "unreachable",              "route says unreachable") \
  X(kTransitRefused,       "transit-refused",          "from one uplink to another in host mode") \
  X(kTtlExpired,           "ttl-expired",              "TTL or hop limit used up (RFC 1812 5.3.1, RFC 8200 3)") \
  X(kFragmentationNeeded,  "fragmentation-needed",     "longer than the egress MTU and may not be fragmented (RFC 1812 5.2.6, RFC 8200 5)") \
  X(kFragmentationSkipped, "fragmentation-skipped",    "longer than the MTU towards the machine's own programs") \
  X(kFragmentationFailed,  "fragmentation-failed",     "longer than the egress MTU; no buffers, or too many fragments (RFC 1812 5.2.6)") \
  X(kNoSuchPort,           "no-such-port",             "next hop on a port that this worker does not have") \
  /* resolution of link-layer addresses */                                                         \
  X(kHoldFull,             "hold-full",                "too many packets wait for a link-layer address (RFC 1122 2.3.2.2)") \
  X(kHoldExpired,          "hold-expired",             "link-layer address not found in time (RFC 1122 2.3.2.2)") \
  /* exception path */                                                                             \
  X(kPolicedBgp,           "policed-bgp",              "above the rate of class bgp") \
  X(kPolicedBgpOpen,       "policed-bgp-open",         "above the rate of class bgp-open: connections asked for") \
  X(kPolicedNeighbor,      "policed-neighbor-discovery", "above the rate of class neighbor-discovery") \
  X(kPolicedArp,           "policed-arp",              "above the rate of class arp") \
  X(kPolicedIcmp,          "policed-icmp",             "above the rate of class icmp") \
  X(kPolicedFragment,      "policed-fragment",         "above the rate of class fragment") \
  X(kPolicedHost,          "policed-host",             "above the rate of class host") \
  X(kPolicedUnknown,       "policed-unknown",          "above the rate of class unknown") \
  X(kNoTwin,               "no-twin",                  "for the machine, on a port with no kernel twin") \
  X(kNoHost,               "no-host-interface",        "for the machine, with no host interface") \
  X(kBfdNoBuffer,          "bfd-no-buffer",            "no packet buffer for a BFD packet of ours") \
  X(kBfdHandoverFull,      "bfd-handover-full",        "BFD packet for another worker, whose ring is full") \
  /* transmit */                                                                                   \
  X(kTxFull,               "tx-full",                  "the transmit queue took no more") \
  X(kTwinFull,             "twin-full",                "the kernel twin took no more") \
  X(kHostFull,             "host-full",                "the host interface took no more")
// clang-format on

enum class DropReason : std::uint8_t {
#define LASTMILE_X(enumerator, name, text) enumerator,
  LASTMILE_DROP_REASONS(LASTMILE_X)
#undef LASTMILE_X
};

struct DropReasonFacts {
  std::string_view name;  ///< for `show drops` and metrics; stable
  std::string_view text;  ///< for people
};

inline constexpr std::array kDropReasons{
#define LASTMILE_X(enumerator, name, text) DropReasonFacts{name, text},
    LASTMILE_DROP_REASONS(LASTMILE_X)
#undef LASTMILE_X
};
inline constexpr std::size_t kDropReasonCount = kDropReasons.size();

[[nodiscard]] constexpr std::string_view to_string(DropReason reason) {
  return kDropReasons[static_cast<std::size_t>(reason)].name;
}

}  // namespace lastmile
