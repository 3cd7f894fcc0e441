#include "daemon/flow_tracing.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "controlplane/config/suggest.h"
#include "daemon/next_hop_names.h"
#include "daemon/route_view.h"
#include "dataplane/bfd/wire.h"
#include "dataplane/net/headers.h"
#include "dataplane/net/icmp.h"

namespace lastmile {
namespace {

TraceRewriteView rewrite_view(const TracedFrame& frame) {
  TraceRewriteView view;
  view.source = frame.source;
  view.destination = frame.destination;
  view.ethertype = frame.ethertype;
  view.hops_spent = frame.hops_spent;
  for (const TracedTag& tag : frame.tags) {
    view.vlans.push_back(
        {tag.protocol == VlanProtocol::kService ? "802.1ad" : "802.1q", tag.vlan.value()});
  }
  return view;
}

TraceDropView drop_view(const FlowTrace& trace) {
  const DropReasonFacts& facts = kDropReasons[static_cast<std::size_t>(*trace.drop)];
  TraceDropView view{std::string{facts.name}, std::string{facts.text}, {}};
  if (trace.error) {
    view.icmp = {trace.error->type, trace.error->code, trace.error->from, trace.error->mtu};
  }
  return view;
}

const char* choice_name(const TracedChoice& choice) {
  if (choice.chosen == kNoLiveNextHop) return "none";
  const auto chosen = std::ranges::find(choice.hops, choice.chosen, &TracedHop::id);
  if (chosen != choice.hops.end() && chosen->role == TracedHop::Role::kBackup) return "backup";
  if (choice.buckets == 1) return "only";
  return choice.chosen == choice.owner ? "hash" : "repair";
}

bool is_for_bfd(const TracedFlow& flow) {
  return flow.protocol == protocol::kUdp &&
         (flow.destination_port == bfd::kControlPort || flow.destination_port == bfd::kEchoPort ||
          flow.destination_port == bfd::kMultihopPort);
}

/// Does the path forward, and by this next hop?
const rib::NextHopView* hop_of_path(const rib::RouteView& path, NextHopId id) {
  if (!path.multipath && !path.backup) return nullptr;
  const auto hop = std::ranges::find(path.next_hops, id, &rib::NextHopView::id);
  return hop == path.next_hops.end() ? nullptr : &*hop;
}

}  // namespace

FlowTracing::FlowTracing(const Sources& sources)
    : from_(sources),
      tracer_(sources.forwarding.workers().front()->config(), sources.forwarding.tables()) {}

tl::expected<std::optional<PortId>, std::string> FlowTracing::ingress_named(
    const std::string& name) const {
  if (name.empty() || name == from_.config.host.interface) return std::nullopt;
  std::vector<std::string> names;
  for (const OpenPort& open : from_.devices.ports()) {
    names.push_back(from_.config.ports[open.id.value()].name);
    if (names.back() == name) return open.id;
  }
  return tl::unexpected(
      fmt::format("no port \"{}\"; {}", name.substr(0, 100),
                  hint(name, names,
                       fmt::format("expected one of: {}, {}", fmt::join(names, ", "),
                                   from_.config.host.interface))));
}

std::optional<IpAddress> FlowTracing::own_address_for(const IpAddress& destination) const {
  const WorkerHost& host = from_.forwarding.workers().front()->config().host;
  if (std::holds_alternative<Ipv6Address>(destination)) return host.own_ipv6;
  if (host.own_ipv4 == icmp::kDummySource) return std::nullopt;
  return host.own_ipv4;
}

tl::expected<TraceView, std::string> FlowTracing::trace(TraceRequest request) {
  const auto ingress = ingress_named(request.ingress);
  if (!ingress) return tl::unexpected(ingress.error());
  if (!request.source) request.source = own_address_for(request.destination);
  if (!request.source) {
    return tl::unexpected(
        fmt::format("the router has no address of its own for a flow to {}; expected a source, too",
                    to_string(request.destination)));
  }
  const TracedFlow flow{.source = *request.source,
                        .destination = request.destination,
                        .protocol = request.protocol,
                        .source_port = request.source_port,
                        .destination_port = request.destination_port,
                        .length = request.length.value_or(0),
                        .hops = request.hops,
                        .cutting = request.cutting};
  const FlowTrace trace = tracer_.trace(flow, *ingress);

  TraceView view;
  view.flow = std::move(request);
  add_ingress(view, *ingress);
  add_end(view, trace);
  if (trace.choice) {
    rib::RouteQuery asked;
    asked.address = flow.destination;
    const auto paths = from_.control.rib().routes(asked, ControlClock::now());
    add_path(view, *trace.choice, paths);
    if (trace.choice->group != kNoGroup) view.group = group_view(*trace.choice, paths);
  }
  const bool to_kernel = trace.end == TraceEnd::kHost || trace.end == TraceEnd::kTwin;
  view.maybe_bfd = to_kernel && ingress->has_value() && is_for_bfd(flow);
  return view;
}

void FlowTracing::add_ingress(TraceView& view, std::optional<PortId> ingress) const {
  if (!ingress) {
    view.ingress = from_.config.host.interface;
    view.side = "host";
    view.ingress_mtu = from_.config.host.mtu;
    return;
  }
  view.ingress = from_.config.ports[ingress->value()].name;
  const PortTable::Egress facts = from_.forwarding.tables().ports.egress(*ingress);
  view.ingress_mtu = facts.mtu;
  view.side = facts.zone == PortZone::kUplink ? "uplink" : "local";
}

void FlowTracing::add_end(TraceView& view, const FlowTrace& trace) const {
  view.mtu = trace.mtu;
  view.fragments = trace.packets > 1 ? trace.packets : 0;
  if (trace.frame) view.rewrite = rewrite_view(*trace.frame);
  switch (trace.end) {
    case TraceEnd::kSent:
      view.verdict = "forwarded";
      view.egress = from_.config.ports[trace.port->value()].name;
      break;
    case TraceEnd::kWaits:
      view.verdict = "waits";
      view.egress = from_.config.ports[trace.port->value()].name;
      break;
    case TraceEnd::kHost:
      view.verdict = "delivered";
      view.egress = from_.config.host.interface;
      break;
    case TraceEnd::kTwin:
      view.verdict = "delivered";
      view.egress = from_.devices.ports()[trace.port->value()].twin->interface_name();
      break;
    case TraceEnd::kDropped:
      view.verdict = "dropped";
      if (trace.drop) view.drop = drop_view(trace);
      break;
  }
  const bool to_kernel = trace.end == TraceEnd::kHost || trace.end == TraceEnd::kTwin;
  if (to_kernel && trace.punt) view.punt_class = to_string(*trace.punt);
}

/// The tables have no prefixes that a reader could see; the routes do. That both speak of the same
/// group says that they speak of the same route.
void FlowTracing::add_path(TraceView& view, const TracedChoice& choice,
                           const std::vector<rib::RouteView>& paths) const {
  const GroupId known = paths.empty() ? kNoGroup : paths.front().group;
  view.current = known == choice.group;
  if (paths.empty()) return;
  view.prefix = paths.front().prefix;
  const auto of_chosen = std::ranges::find_if(paths, [&](const rib::RouteView& path) {
    return hop_of_path(path, choice.chosen) != nullptr;
  });
  const rib::RouteView& told = of_chosen == paths.end() ? paths.front() : *of_chosen;
  view.path = route_view(told, from_.config, from_.control.sessions());
}

TraceGroupView FlowTracing::group_view(const TracedChoice& choice,
                                       const std::vector<rib::RouteView>& paths) const {
  TraceGroupView group;
  group.id = choice.group.value();
  group.buckets = choice.buckets;
  group.hash = choice.hash;
  group.bucket = choice.bucket;
  group.choice = choice_name(choice);
  for (const TracedHop& hop : choice.hops) {
    TraceMemberView member = member_view(hop, choice);
    for (const rib::RouteView& path : paths) {
      const rib::NextHopView* const known = hop_of_path(path, hop.id);
      if (known == nullptr) continue;
      if (known->address) member.address = to_string(*known->address);
      member.weight = known->weight;
      break;
    }
    group.members.push_back(std::move(member));
  }
  return group;
}

TraceMemberView FlowTracing::member_view(const TracedHop& hop, const TracedChoice& choice) const {
  TraceMemberView view;
  view.id = hop.id.value();
  view.kind = name_of(hop.kind);
  if (has_port(hop.kind)) view.port = from_.config.ports[hop.port.value()].name;
  if (hop.kind == NextHopKind::kForward) view.mac = hop.destination;
  view.buckets = hop.buckets;
  view.backup = hop.role == TracedHop::Role::kBackup;
  view.chosen = hop.id == choice.chosen;
  view.alive = hop.down == 0;
  view.down = names_of_causes(hop.down);
  return view;
}

}  // namespace lastmile
