#include "dataplane/pipeline/egress.h"

#include <algorithm>
#include <optional>
#include <type_traits>

#include "dataplane/pipeline/ethernet_header.h"
#include "dataplane/pipeline/fragment.h"

namespace lastmile {
namespace {

/// Why a packet that is longer than an MTU of the machine's own interfaces is dropped.
template <class Family>
DropReason too_long(const std::uint8_t* header) {
  return Family::may_be_fragmented(header) ? DropReason::kFragmentationSkipped
                                           : DropReason::kFragmentationNeeded;
}

/// Drops a packet and tells its sender, if that is due.
template <class Family>
void refuse(PipelineContext& context, const Ingress& ingress, const Leaving& leaving,
            DropReason reason, IcmpDetail detail = {}) {
  context.errors.refuse<Family>(ingress, leaving.packet, leaving.header, reason, context.now,
                                detail);
}

/// Why a packet may not leave by a port at all, whatever the state of the next hop there.
template <class Family>
std::optional<DropReason> refusal(const PipelineContext& context, const Ingress& ingress,
                                  const Leaving& leaving, const NextHop& hop,
                                  const PortTable::Egress& egress) {
  if (!context.exits.has_port(hop.port())) return DropReason::kNoSuchPort;
  // The guard of host mode comes before what the sender could learn of this way out.
  if (static_cast<std::uint8_t>(egress.zone) == ingress.refused_zone) {
    return DropReason::kTransitRefused;
  }
  if (!Family::has_routable_source(leaving.header)) return DropReason::kIpv6SourceLinkLocal;
  if (Family::hops(leaving.header) <= ingress.hop_cost) return DropReason::kTtlExpired;
  if (Family::length(leaving.header) > egress.mtu && !Family::may_be_fragmented(leaving.header)) {
    return DropReason::kFragmentationNeeded;
  }
  return std::nullopt;
}

/// A packet has no live next hop. What would be refused while a next hop lives is refused while
/// none does, in silence: to an uplink in host mode we are a host (RFC 1122 section 3.2.1.3).
template <class Family>
void leave_nowhere(PipelineContext& context, const Ingress& ingress, const Leaving& leaving) {
  const ForwardingTables& tables = context.tables;
  if (leaving.group == kNoGroup) {
    if (ingress.is_guarded()) return context.exits.drop(leaving.packet, DropReason::kNoRoute);
    return refuse<Family>(context, ingress, leaving, DropReason::kNoRoute);
  }
  const GroupTable::View view = tables.groups.view(leaving.group);
  const auto is_allowed = [&](NextHopId id) {
    const PortTable::Egress egress = tables.ports.egress(tables.next_hops.load(id).port());
    return static_cast<std::uint8_t>(egress.zone) != ingress.refused_zone;
  };
  if (std::ranges::none_of(view.members, is_allowed) &&
      std::ranges::none_of(view.backups, is_allowed)) {
    return context.exits.drop(leaving.packet, DropReason::kTransitRefused);
  }
  refuse<Family>(context, ingress, leaving, DropReason::kNoneAlive);
}

/// Sends a packet that is too long for a way that is otherwise good in fragments.
void leave_in_fragments(PipelineContext& context, const Ingress& ingress, const Leaving& leaving,
                        const NextHop& hop, unsigned mtu) {
  Ipv4Family::spend_hops(leaving.header, ingress.hop_cost);
  Fragments cut;
  const auto fragments = fragment_ipv4(leaving.packet, leaving.header, mtu, cut);
  if (fragments.empty()) {
    return context.exits.drop(leaving.packet, DropReason::kFragmentationFailed);
  }
  const EthernetHeader ethernet_header{hop, Ipv4Family::kEthertype};
  NextHopCounters& counted = context.counters.next_hops[leaving.next_hop.value()];
  for (const Fragment& fragment : fragments) {
    ethernet_header.write_before(fragment.header);
    counted.packets.add(1);
    counted.bytes.add(Ipv4Family::length(fragment.header));
    context.exits.port(hop.port()).append(fragment.packet);
  }
}

/// The next hop is on a port: the packet is refused, leaves in fragments, or waits for a link-layer
/// address. (A kForward hop whose port was changed between two looks waits, too, and goes on with
/// the next check.)
template <class Family>
void leave_by_port(PipelineContext& context, const Ingress& ingress, const Leaving& leaving,
                   const NextHop& hop) {
  const PortTable::Egress egress = context.tables.ports.egress(hop.port());
  if (const auto reason = refusal<Family>(context, ingress, leaving, hop, egress)) {
    const bool too_long = *reason == DropReason::kFragmentationNeeded;
    return refuse<Family>(context, ingress, leaving, *reason,
                          too_long ? IcmpDetail::mtu(egress.mtu) : IcmpDetail{});
  }
  if constexpr (std::is_same_v<Family, Ipv4Family>) {
    if (hop.kind() == NextHopKind::kForward && Family::length(leaving.header) > egress.mtu) {
      return leave_in_fragments(context, ingress, leaving, hop, egress.mtu);
    }
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
  const auto punt = [&] {
    return Exits::Punt{.ingress = ingress,
                       .punt_class = Family::punt_class(leaving.packet, leaving.header),
                       .now = context.now};
  };
  const bool to_us = leaving.next_hop != kNoLiveNextHop && (hop.kind() == NextHopKind::kLocalHost ||
                                                            hop.kind() == NextHopKind::kLocalPort);
  if (context.bfd != nullptr &&
      context.bfd->take(ingress, leaving.packet, leaving.header,
                        to_us ? Addressed::kToUs : Addressed::kElsewhere, context.now)) {
    return;
  }
  if (leaving.next_hop == kNoLiveNextHop) return leave_nowhere<Family>(context, ingress, leaving);
  switch (hop.kind()) {
    case NextHopKind::kForward:
    case NextHopKind::kUnresolved:
    case NextHopKind::kGlean:
      return leave_by_port<Family>(context, ingress, leaving, hop);
    case NextHopKind::kLocalHost:
      // The kernel's interface would drop it, and nobody would count it.
      if (Family::length(leaving.header) > exits.host_mtu()) {
        return refuse<Family>(context, ingress, leaving, too_long<Family>(leaving.header),
                              IcmpDetail::mtu(exits.host_mtu()));
      }
      return exits.deliver_to_host(leaving.packet, leaving.header, Family::kEthertype, punt());
    case NextHopKind::kLocalPort:
      if (!context.exits.has_port(hop.port())) {
        return exits.drop(leaving.packet, DropReason::kNoTwin);
      }
      if (const unsigned mtu = context.tables.ports.egress(hop.port()).mtu;
          Family::length(leaving.header) > mtu) {
        return refuse<Family>(context, ingress, leaving, too_long<Family>(leaving.header),
                              IcmpDetail::mtu(mtu));
      }
      return exits.deliver_to_twin(leaving.packet, leaving.header, Family::kEthertype, hop.port(),
                                   punt());
    case NextHopKind::kBlackhole:
      return exits.drop(leaving.packet, DropReason::kBlackhole);
    case NextHopKind::kBroadcast:
      return exits.drop(leaving.packet, DropReason::kDirectedBroadcast);
    case NextHopKind::kUnreachable:
      // A route to nowhere is no place of ours: as silent to an uplink as if there were none.
      if (ingress.is_guarded()) return exits.drop(leaving.packet, DropReason::kUnreachable);
      break;
  }
  refuse<Family>(context, ingress, leaving, DropReason::kUnreachable);
}

template void leave_by_edge<Ipv4Family>(PipelineContext&, const Ingress&, const Leaving&,
                                        const NextHop&);
template void leave_by_edge<Ipv6Family>(PipelineContext&, const Ingress&, const Leaving&,
                                        const NextHop&);

}  // namespace lastmile
