#include "dataplane/pipeline/admit.h"

#include <algorithm>
#include <array>
#include <optional>

#include "dataplane/pipeline/family.h"
#include "dataplane/pipeline/martians.h"

namespace lastmile {
namespace {

const Ipv4Fib& fib(const ForwardingTables& tables, const Ipv4Vector&) {
  return tables.ipv4;
}
const Ipv6Fib& fib(const ForwardingTables& tables, const Ipv6Vector&) {
  return tables.ipv6;
}

/// What the routes say of a source.
enum class Back : std::uint8_t {
  kByThisPort,
  kByOtherPorts,
  kNowhere,  ///< no route, or one that discards (which makes a blackhole one for sources, RFC 5635)
  kOurs,     ///< an address of this router
};

/// Liveness does not count: a neighbor that we no longer send to may well still send to us.
Back way_back(const ForwardingTables& tables, GroupId group, PortId port) {
  Back back = Back::kNowhere;
  const GroupTable::View view = tables.groups.view(group);
  for (const auto& members : {view.members, view.backups}) {
    for (const NextHopId id : members) {
      const NextHop hop = tables.next_hops.load(id);
      switch (hop.kind()) {
        case NextHopKind::kForward:
        case NextHopKind::kUnresolved:
        case NextHopKind::kGlean:
          if (hop.port() == port) return Back::kByThisPort;
          back = Back::kByOtherPorts;
          break;
        case NextHopKind::kLocalHost:
        case NextHopKind::kLocalPort:
          return Back::kOurs;
        case NextHopKind::kBlackhole:
        case NextHopKind::kUnreachable:
        case NextHopKind::kBroadcast:
          break;
      }
    }
  }
  return back;
}

std::optional<DropReason> fault_of(Back back, const Admission& admission) {
  if (back == Back::kOurs) return DropReason::kSourceOurs;
  if (admission.reverse_path == ReversePath::kOff) return std::nullopt;
  if (back == Back::kNowhere) return DropReason::kReversePathNone;
  if (back == Back::kByOtherPorts && admission.reverse_path == ReversePath::kStrict) {
    return DropReason::kReversePathOther;
  }
  return std::nullopt;
}

/// BFD echo of our own (RFC 9747) comes back from and to an address of ours.
template <class Family>
bool is_to_us(const ForwardingTables& tables, const typename Family::Vector& vector,
              unsigned index) {
  std::uint16_t group = 0;
  fib(tables, vector).lookup_bulk(&vector.destinations[index], &group, 1);
  return way_back(tables, GroupId{group}, PortId{}) == Back::kOurs;
}

/// A packet whose source is at fault, or whose addresses want a closer look. True if it goes on.
template <class Family>
[[gnu::noinline, gnu::cold]] bool examine(PipelineContext& context, const Ingress& ingress,
                                          const typename Family::Vector& vector, unsigned index,
                                          Back back) {
  rte_mbuf* const packet = vector.packets[index];
  const std::uint8_t* const header = vector.headers[index];
  if (back == Back::kOurs && context.bfd != nullptr &&
      is_to_us<Family>(context.tables, vector, index) &&
      context.bfd->take(ingress, packet, header, Addressed::kToUs, context.now)) {
    return false;
  }
  std::optional<DropReason> fault;
  // No route knows a link-local source, and none needs to: it is not forwarded.
  if (Family::has_routable_source(header)) fault = fault_of(back, ingress.admission);
  if (!fault && ingress.admission.martians == Martians::kFull) fault = martian(Family{}, header);
  if (fault) context.exits.drop(packet, *fault);
  return !fault;
}

template <class Family>
void admit_vector(PipelineContext& context, const Ingress& ingress,
                  typename Family::Vector& vector) {
  const unsigned count = vector.count;
  if (count == 0) return;
  decltype(vector.destinations) sources;
  for (unsigned i = 0; i < count; ++i) sources[i] = Family::source_column(vector.headers[i]);
  fib(context.tables, vector).lookup_bulk(sources.data(), vector.groups.data(), count);

  const bool full = ingress.admission.martians == Martians::kFull;
  const auto judge = [&](std::uint16_t group) {
    return way_back(context.tables, GroupId{group}, ingress.port->id);
  };
  std::uint16_t judged = vector.groups[0];
  Back back = judge(judged);
  bool good = !fault_of(back, ingress.admission);
  unsigned kept = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (vector.groups[i] != judged) {
      judged = vector.groups[i];
      back = judge(judged);
      good = !fault_of(back, ingress.admission);
    }
    const bool plain = good && !(full && may_be_martian(Family{}, vector.headers[i]));
    if (!plain && !examine<Family>(context, ingress, vector, i, back)) continue;
    vector.packets[kept] = vector.packets[i];
    vector.headers[kept] = vector.headers[i];
    vector.destinations[kept] = vector.destinations[i];
    ++kept;
  }
  vector.count = kept;
}

}  // namespace

void admit(PipelineContext& context, const Ingress& ingress, Ipv4Vector& vector) {
  admit_vector<Ipv4Family>(context, ingress, vector);
}

void admit(PipelineContext& context, const Ingress& ingress, Ipv6Vector& vector) {
  admit_vector<Ipv6Family>(context, ingress, vector);
}

}  // namespace lastmile
