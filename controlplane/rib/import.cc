#include "controlplane/rib/import.h"

#include <algorithm>

namespace lastmile::rib {
namespace {

bool is_host_address(const IpAddress& address) {
  return std::visit(
      [](const auto& a) { return !a.is_unspecified() && !a.is_multicast() && !a.is_loopback(); },
      address);
}

bool is_own_on_session(const IpAddress& address, const bgp::NextHop& own) {
  if (const auto* v4 = std::get_if<Ipv4Address>(&address)) return own.v4 == *v4;
  const auto& v6 = std::get<Ipv6Address>(address);
  return own.link_local == v6 || own.global == v6;
}

bool has_set(const bgp::AsPath& path) {
  using Type = bgp::AsPath::SegmentType;
  return std::ranges::any_of(path.segments, [](const bgp::AsPath::Segment& segment) {
    return segment.type == Type::kSet || segment.type == Type::kConfedSet;
  });
}

/// RFC 9234 section 5, the first two of the ingress procedure.
bool leaks(const bgp::PathAttributes& attributes, const ImportContext& context) {
  using MarkedIn = bgp::RoleFacts::MarkedIn;
  if (!context.role || !attributes.only_to_customer) return false;
  switch (bgp::facts(*context.role).marked_in) {
    case MarkedIn::kFine:
      return false;
    case MarkedIn::kLeak:
      return true;
    case MarkedIn::kLeakUnlessTheirs:
      return attributes.only_to_customer != context.peer_asn;
  }
  return false;
}

}  // namespace

std::optional<IpAddress> announced_address(const bgp::NextHop& next_hop) {
  if (next_hop.link_local && !next_hop.link_local->is_unspecified()) return *next_hop.link_local;
  if (next_hop.global && !next_hop.global->is_unspecified()) return *next_hop.global;
  if (next_hop.v4 && !next_hop.v4->is_unspecified()) return *next_hop.v4;
  return std::nullopt;
}

bgp::NextHop as_next_hop(const IpAddress& address) {
  bgp::NextHop next_hop;
  if (const auto* v4 = std::get_if<Ipv4Address>(&address)) {
    next_hop.v4 = *v4;
  } else {
    const auto& v6 = std::get<Ipv6Address>(address);
    (v6.is_link_local() ? next_hop.link_local : next_hop.global) = v6;
  }
  return next_hop;
}

bool shuts_down(const bgp::PathAttributes& attributes, const ImportChanges& changes) {
  return changes.external &&
         std::ranges::binary_search(attributes.communities, bgp::Community{bgp::kGracefulShutdown});
}

bool needs_changes(const bgp::PathAttributes& attributes, const ImportChanges& changes) {
  return changes.prepend || (changes.only_to_customer && !attributes.only_to_customer) ||
         shuts_down(attributes, changes);
}

void apply(const ImportChanges& changes, bgp::PathAttributes& attributes) {
  if (changes.prepend) attributes.as_path.prepend(*changes.prepend);
  if (!attributes.only_to_customer) attributes.only_to_customer = changes.only_to_customer;
  if (shuts_down(attributes, changes)) attributes.local_preference = 0;
}

Refusal check_attributes(const bgp::PathAttributes& attributes, const ImportContext& context) {
  if (context.mode != RouterMode::kHost && context.external && !context.has_policy) {
    return Refusal::kNoPolicy;
  }
  const bgp::AsPath& path = attributes.as_path;
  if (path.count(context.own_asn) > context.allow_own_as) return Refusal::kOwnAsInPath;
  if (context.session_asn != context.own_asn &&
      path.count(context.session_asn) > context.allow_own_as) {
    return Refusal::kOwnAsInPath;
  }
  if (path.count(bgp::Asn{0}) != 0) return Refusal::kAsZero;
  if (context.external && context.enforce_first_as && path.first() != context.peer_asn) {
    return Refusal::kWrongFirstAs;
  }
  if (context.reject_as_sets && has_set(path)) return Refusal::kAsSet;
  if (leaks(attributes, context)) return Refusal::kRouteLeak;
  if (!context.external && attributes.originator_id == context.own_identifier) {
    return Refusal::kOwnOriginator;
  }
  return Refusal::kNone;
}

tl::expected<HopKey, Refusal> resolve_next_hop(const bgp::NextHop& next_hop,
                                               const ImportContext& context,
                                               const OwnAddresses& own) {
  const IpAddress address = announced_address(next_hop).value_or(context.peer.address);
  if (!is_host_address(address)) {
    return tl::unexpected(announced_address(next_hop) ? Refusal::kNextHopInvalid
                                                      : Refusal::kNextHopMissing);
  }
  if (own.is_ours(address) || is_own_on_session(address, context.own_next_hop)) {
    return tl::unexpected(Refusal::kNextHopOurs);
  }

  HopKey hop;
  hop.kind = NextHopKind::kForward;
  hop.address = address;
  if (is_ipv6_link_local(address)) {
    // Meaningless without a port: the session's own, or the one whose subnet the peer is in.
    const auto port =
        context.peer.port ? context.peer.port : own.connected_port(context.peer.address);
    if (!port) return tl::unexpected(Refusal::kNextHopUnreachable);
    hop.port = *port;
    return hop;
  }
  if (const auto port = own.connected_port(address)) {
    hop.port = *port;
    return hop;
  }
  // An unnumbered link has no subnets. A global IPv6 next hop from a peer on it, with no link-local
  // one beside it, can only be on the same link.
  if (context.peer.port && std::holds_alternative<Ipv6Address>(address)) {
    hop.port = *context.peer.port;
    return hop;
  }
  return tl::unexpected(Refusal::kNextHopUnreachable);
}

}  // namespace lastmile::rib
