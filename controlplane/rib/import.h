// What we take from a peer, and why not: the checks between an UPDATE and Adj-RIB-In.
//
// The checks of attributes and next hop are made once for an UPDATE, those of a prefix for each
// route. All are pure functions; a refused route is kept with the reason.
#pragma once

#include <cstdint>
#include <optional>

#include <tl/expected.hpp>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/config/config.h"
#include "controlplane/rib/next_hop_tracker.h"
#include "controlplane/rib/own_addresses.h"
#include "controlplane/rib/path.h"

namespace lastmile::rib {

/// What the checks need to know of a session.
struct ImportContext {
  RouterMode mode = RouterMode::kHost;
  bgp::Asn own_asn;
  bgp::BgpIdentifier own_identifier;
  std::uint8_t allow_own_as = 0;
  bool external = true;
  bgp::Asn peer_asn;
  Endpoint peer;
  bgp::NextHop own_next_hop;  ///< our addresses on the session's port
};

/// Checks that concern all routes of an UPDATE.
[[nodiscard]] Refusal check_attributes(const bgp::PathAttributes& attributes,
                                       const ImportContext& context);

/// Where packets for the routes go: port and address, with no session yet. Of a global and a
/// link-local address the link-local one is taken (RFC 2545 section 3: it is the one that is on
/// the link for sure). A next hop that is unspecified or absent is the peer itself.
[[nodiscard]] tl::expected<HopKey, Refusal> resolve_next_hop(const bgp::NextHop& next_hop,
                                                             const ImportContext& context,
                                                             const OwnAddresses& own);

/// Checks of one destination. In host mode no policy can lift them.
template <class Address>
[[nodiscard]] Refusal check_prefix(const Prefix<Address>& prefix, const ImportContext& context,
                                   const OwnAddresses& own) {
  if (is_martian(prefix)) return Refusal::kMartian;
  if (context.mode == RouterMode::kHost && own.takes_ours(prefix)) return Refusal::kOwnAddress;
  return Refusal::kNone;
}

}  // namespace lastmile::rib
