#include "dataplane/pipeline/egress.h"

#include <optional>

namespace lastmile {
namespace {

/// Why a packet that is longer than an MTU is dropped.
template <class Family>
DropReason too_long(const std::uint8_t* header) {
  return Family::may_be_fragmented(header) ? DropReason::kFragmentationSkipped
                                           : DropReason::kFragmentationNeeded;
}

/// Why a packet may not leave by a port at all, whatever the state of the next hop there.
template <class Family>
std::optional<DropReason> refusal(const PipelineContext& context, const Ingress& ingress,
                                  const Leaving& leaving, const NextHop& hop) {
  if (!context.exits.has_port(hop.port())) return DropReason::kNoSuchPort;
  // The guard of host mode comes before anything that the sender could learn from.
  const PortTable::Egress egress = context.tables.ports.egress(hop.port());
  if (static_cast<std::uint8_t>(egress.zone) == ingress.refused_zone) {
    return DropReason::kTransitRefused;
  }
  if (!Family::has_routable_source(leaving.header)) return DropReason::kIpv6SourceLinkLocal;
  if (Family::hops(leaving.header) <= ingress.hop_cost) return DropReason::kTtlExpired;
  if (Family::length(leaving.header) > egress.mtu) return too_long<Family>(leaving.header);
  return std::nullopt;
}

/// The next hop is on a port: the packet is refused, or waits for a link-layer address. (A kForward
/// hop whose port was changed between two looks waits, too, and goes on with the next check.)
template <class Family>
void leave_by_port(PipelineContext& context, const Ingress& ingress, const Leaving& leaving,
                   const NextHop& hop) {
  if (const auto reason = refusal<Family>(context, ingress, leaving, hop)) {
    return context.exits.drop(leaving.packet, *reason);
  }
  context.holds.hold({.kind = hop.kind(),
                      .next_hop = leaving.next_hop,
                      .port = hop.port(),
                      .destination = Family::destination(leaving.header)},
                     {.packet = leaving.packet, .header = leaving.header, .ingress = &ingress},
                     context.now);
}

}  // namespace

template <class Family>
[[gnu::noinline, gnu::cold]] void leave_by_edge(PipelineContext& context, const Ingress& ingress,
                                                const Leaving& leaving, const NextHop& hop) {
  Exits& exits = context.exits;
  if (context.bfd != nullptr &&
      context.bfd->take(ingress, leaving.packet, leaving.header, context.now)) {
    return;
  }
  if (leaving.next_hop == kNoLiveNextHop) {
    const bool routed = leaving.group != kNoGroup;
    return exits.drop(leaving.packet, routed ? DropReason::kNoneAlive : DropReason::kNoRoute);
  }
  switch (hop.kind()) {
    case NextHopKind::kForward:
    case NextHopKind::kUnresolved:
    case NextHopKind::kGlean:
      return leave_by_port<Family>(context, ingress, leaving, hop);
    case NextHopKind::kLocalHost:
      // The kernel's interface would drop it, and nobody would count it.
      if (Family::length(leaving.header) > exits.host_mtu()) {
        return exits.drop(leaving.packet, too_long<Family>(leaving.header));
      }
      return exits.deliver_to_host(leaving.packet, leaving.header, Family::kEthertype,
                                   Family::punt_class(leaving.packet, leaving.header), context.now);
    case NextHopKind::kLocalPort:
      if (!context.exits.has_port(hop.port())) {
        return exits.drop(leaving.packet, DropReason::kNoTwin);
      }
      if (Family::length(leaving.header) > context.tables.ports.egress(hop.port()).mtu) {
        return exits.drop(leaving.packet, too_long<Family>(leaving.header));
      }
      return exits.deliver_to_twin(leaving.packet, leaving.header, Family::kEthertype, hop.port(),
                                   Family::punt_class(leaving.packet, leaving.header), context.now);
    case NextHopKind::kBlackhole:
      return exits.drop(leaving.packet, DropReason::kBlackhole);
    case NextHopKind::kUnreachable:
      return exits.drop(leaving.packet, DropReason::kUnreachable);
  }
  exits.drop(leaving.packet, DropReason::kUnreachable);
}

template void leave_by_edge<Ipv4Family>(PipelineContext&, const Ingress&, const Leaving&,
                                        const NextHop&);
template void leave_by_edge<Ipv6Family>(PipelineContext&, const Ingress&, const Leaving&,
                                        const NextHop&);

}  // namespace lastmile
