// OPEN: what we say, and what to make of what the peer says. Pure functions.
#pragma once

#include <cstdint>

#include <tl/expected.hpp>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/bgp/session/settings.h"

namespace lastmile::bgp {

/// Whether our OPEN carries capabilities. Without, it is one that a speaker from before RFC 5492
/// accepts.
enum class CapabilityUse : std::uint8_t { kAnnounce, kOmit };

/// Our OPEN to a peer that is reached from `local`. Extended next hop is announced on IPv6
/// transport only: there it is what lets IPv4 routes do without IPv4 addresses on the link.
[[nodiscard]] Open make_open(const Speaker& speaker, const PeerSettings& settings,
                             const IpAddress& local, CapabilityUse use);

/// Checks the peer's OPEN against the configuration (RFC 4271 section 6.2, RFC 6286, RFC 7607) and
/// settles what both sides can do; or the NOTIFICATION that it deserves.
[[nodiscard]] tl::expected<Negotiated, Notification> negotiate(const Speaker& speaker,
                                                               const PeerSettings& settings,
                                                               const Open& ours, const Open& theirs,
                                                               const Endpoint& local,
                                                               const Endpoint& remote);

/// The interval between our KEEPALIVEs: as configured but at most a third of the hold time
/// (RFC 4271 section 4.4); 0: none.
[[nodiscard]] Duration keepalive_interval(const BgpTimers& timers, std::chrono::seconds hold_time);

/// Who keeps the connection that it opened when two collide: the speaker with the higher BGP
/// Identifier; with equal ones, the higher AS number of those in the OPENs (RFC 4271 section 6.8,
/// RFC 6286 section 2.3).
[[nodiscard]] bool local_speaker_prevails(const Open& ours, const Open& theirs);

}  // namespace lastmile::bgp
