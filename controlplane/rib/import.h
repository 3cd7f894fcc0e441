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
#include "dataplane/net/martian.h"

namespace lastmile::rib {

/// What the checks need to know of a session.
struct ImportContext {
  RouterMode mode = RouterMode::kHost;
  bgp::Asn own_asn;
  bgp::BgpIdentifier own_identifier;
  bgp::Asn session_asn;  ///< the one that the peer sees: own_asn, or local-as
  std::uint8_t allow_own_as = 0;
  bool enforce_first_as = true;
  bool reject_as_sets = true;
  bool has_policy = false;  ///< an import policy (RFC 8212)
  bool external = true;
  std::optional<bgp::Role> role;  ///< what we are to the peer (RFC 9234)
  bgp::Asn peer_asn;
  Endpoint peer;
  bgp::NextHop own_next_hop;  ///< our addresses on the session's port
};

/// Checks that concern all routes of an UPDATE.
[[nodiscard]] Refusal check_attributes(const bgp::PathAttributes& attributes,
                                       const ImportContext& context);

/// What is changed in what a peer sends before any policy looks at it: local-as in front of the
/// path (RFC 7705), Only-to-Customer (RFC 9234), and no preference for what is about to go away
/// (RFC 8326).
struct ImportChanges {
  std::optional<bgp::Asn> prepend;
  std::optional<bgp::Asn> only_to_customer;  ///< for routes without the mark
  bool external = true;
};
/// The peer marks routes that will be gone soon (RFC 8326).
[[nodiscard]] bool shuts_down(const bgp::PathAttributes& attributes, const ImportChanges& changes);
[[nodiscard]] bool needs_changes(const bgp::PathAttributes& attributes,
                                 const ImportChanges& changes);
void apply(const ImportChanges& changes, bgp::PathAttributes& attributes);

/// Where packets for the routes go: port and address, with no session yet. Of a global and a
/// link-local address the link-local one is taken (RFC 2545 section 3: it is the one that is on
/// the link for sure). A next hop that is unspecified or absent is the peer itself.
[[nodiscard]] tl::expected<HopKey, Refusal> resolve_next_hop(const bgp::NextHop& next_hop,
                                                             const ImportContext& context,
                                                             const OwnAddresses& own);

/// The address that stands for the route's next hop; nullopt if there is none in the message.
[[nodiscard]] std::optional<IpAddress> announced_address(const bgp::NextHop& next_hop);
/// An address as a next hop.
[[nodiscard]] bgp::NextHop as_next_hop(const IpAddress& address);

/// Checks of one destination. In host mode no policy can lift them.
template <class Address>
[[nodiscard]] Refusal check_prefix(const Prefix<Address>& prefix, const ImportContext& context,
                                   const OwnAddresses& own) {
  if (is_martian(prefix)) return Refusal::kMartian;
  if (context.mode == RouterMode::kHost && own.takes_ours(prefix)) return Refusal::kOwnAddress;
  return Refusal::kNone;
}

}  // namespace lastmile::rib
