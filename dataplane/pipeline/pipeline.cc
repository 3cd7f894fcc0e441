#include "dataplane/pipeline/pipeline.h"

#include <variant>

#include "dataplane/pipeline/admit.h"
#include "dataplane/pipeline/classify.h"
#include "dataplane/pipeline/family.h"
#include "dataplane/pipeline/lookup.h"
#include "dataplane/pipeline/rewrite.h"
#include "dataplane/pipeline/select.h"
#include "dataplane/pipeline/validate.h"

namespace lastmile {

Pipeline::Pipeline(ForwardingTables& tables, std::span<const WorkerPort> ports,
                   const WorkerHost& host, const PipelineOptions& options, WorkerCounters& counters,
                   EventRing& events)
    : context_(tables, ports, host, options.flow_seed, options.cycles_per_second, counters, events,
               options.captures, options.worker),
      self_{.hop_cost = 0},
      clock_(counters) {
  if (options.bfd.channel == nullptr) return;
  context_.bfd =
      std::make_unique<BfdStage>(options.bfd, options.worker, ports, tables.next_hops,
                                 options.cycles_per_second, counters, events, context_.exits);
}

void Pipeline::process(const Ingress& ingress, std::span<rte_mbuf* const> packets) {
  context_.counters.vectors.add(1);
  context_.counters.packets.add(packets.size());
  context_.tap.received(ingress.is_host() ? kHostInterface : CaptureTap::of(ingress.port->id),
                        packets);

  classify(context_, ingress, packets, ipv4_, ipv6_);
  clock_.lap(Stage::kClassify, static_cast<unsigned>(packets.size()));
  if (const unsigned count = ipv4_.count; count != 0) {
    validate(context_, ingress, ipv4_);
    if (ingress.admission.asks()) admit(context_, ingress, ipv4_);
    clock_.lap(Stage::kValidate, count);
    forward(ingress, ipv4_);
  }
  if (const unsigned count = ipv6_.count; count != 0) {
    validate(context_, ingress, ipv6_);
    if (ingress.admission.asks()) admit(context_, ingress, ipv6_);
    clock_.lap(Stage::kValidate, count);
    forward(ingress, ipv6_);
  }
}

void Pipeline::process(VlanDemux& ports, std::span<rte_mbuf* const> packets) {
  context_.counters.packets.add(ports.split(packets, context_.exits));
  ports.take(
      [this](const Ingress& ingress, std::span<rte_mbuf* const> mine) { process(ingress, mine); });
}

template <class Vector>
void Pipeline::forward(const Ingress& ingress, Vector& vector) {
  const unsigned count = vector.count;
  if (count == 0) return;  // BFD, neighbor discovery: validation has sent them elsewhere
  lookup(context_, vector);
  clock_.lap(Stage::kLookup, count);
  select(context_, vector);
  clock_.lap(Stage::kSelect, count);
  rewrite(context_, ingress, vector);
  clock_.lap(Stage::kRewrite, count);
}

void Pipeline::finish(unsigned packets, Backlog backlog) {
  if (context_.holds.is_due(context_.now)) [[unlikely]] {
    context_.holds.service(
        context_.now, [this](const HoldKey& key) { return is_over(key); },
        [this](const HeldPacket& held) { resume(held); });
  }
  if (!context_.errors.empty()) [[unlikely]] {
    send_errors<Ipv4Family>(ipv4_);
    send_errors<Ipv6Family>(ipv6_);
  }
  // In front of the flush that carries what the timers send, and behind all that was received: what
  // has come in counts before what is missing.
  if (context_.now >= next_deadline()) [[unlikely]]
    context_.bfd->run(context_.now, backlog);
  if (context_.bfd != nullptr && context_.bfd->has_routed()) [[unlikely]]
    send_routed();
  clock_.start();
  context_.exits.flush(context_.now);
  clock_.lap(Stage::kTransmit, packets);
}

bool Pipeline::is_over(const HoldKey& key) const {
  const ForwardingTables& tables = context_.tables;
  if (key.kind != NextHopKind::kGlean) {
    return tables.next_hops.load(key.next_hop).kind() != NextHopKind::kUnresolved;
  }
  const GroupId group = std::visit(
      [&](const auto& address) {
        if constexpr (std::is_same_v<std::decay_t<decltype(address)>, Ipv4Address>) {
          return tables.ipv4.lookup(address);
        } else {
          return tables.ipv6.lookup(address);
        }
      },
      key.destination);
  const NextHopId next_hop = tables.groups.select(group, 0, tables.next_hops);
  return tables.next_hops.load(next_hop).kind() != NextHopKind::kGlean;
}

template <class Family>
void Pipeline::send_errors(typename Family::Vector& vector) {
  for (const IcmpError& error : context_.errors.take<Family>()) {
    vector.destinations[vector.count] = Family::destination_column(error.header);
    vector.append(error.packet, error.header);
  }
  if (vector.count != 0) forward(self_, vector);
}

/// What BFD sends over several hops.
void Pipeline::send_routed() {
  for (rte_mbuf* const packet : context_.bfd->take_routed()) {
    auto* const header = rte_pktmbuf_mtod_offset(packet, std::uint8_t*, ethernet::kHeaderSize);
    if (ipv4::version(header) == 4) {
      ipv4_.destinations[ipv4_.count] = Ipv4Family::destination_column(header);
      ipv4_.append(packet, header);
    } else {
      ipv6_.destinations[ipv6_.count] = Ipv6Family::destination_column(header);
      ipv6_.append(packet, header);
    }
  }
  if (ipv4_.count != 0) forward(self_, ipv4_);
  if (ipv6_.count != 0) forward(self_, ipv6_);
}

void Pipeline::resume(const HeldPacket& held) {
  // Again from the lookup: the answer may be another next hop than the one waited for.
  if (ipv4::version(held.header) == 4) {
    ipv4_.destinations[0] = Ipv4Family::destination_column(held.header);
    ipv4_.append(held.packet, held.header);
    forward(*held.ingress, ipv4_);
  } else {
    ipv6_.destinations[0] = Ipv6Family::destination_column(held.header);
    ipv6_.append(held.packet, held.header);
    forward(*held.ingress, ipv6_);
  }
}

}  // namespace lastmile
