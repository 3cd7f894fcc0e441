#include "dataplane/trace/flow_tracer.h"

#include <fmt/format.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "dataplane/net/headers.h"
#include "dataplane/pipeline/admit.h"
#include "dataplane/pipeline/classify.h"
#include "dataplane/pipeline/context.h"
#include "dataplane/pipeline/family.h"
#include "dataplane/pipeline/lookup.h"
#include "dataplane/pipeline/rewrite.h"
#include "dataplane/pipeline/select.h"
#include "dataplane/pipeline/transmit_handover.h"
#include "dataplane/pipeline/validate.h"
#include "dataplane/pipeline/vlan_tags.h"
#include "dataplane/trace/traced_packet.h"
#include "dataplane/worker/ingress.h"

namespace lastmile {
namespace {

/// There is one packet at a time, or the fragments of one, of which no MTU that a port can have
/// makes more; and each gives its buffer back. (DPDK's pools like 2^n - 1.)
constexpr unsigned kBuffers = 15;
constexpr std::uint16_t kBufferSize =
    kLongestTraced + ethernet::kHeaderSize + VlanTags::kMostBytes + RTE_PKTMBUF_HEADROOM;
/// The clock of a trace stands still, so all that its speed decides is how full policers are: full.
constexpr std::uint64_t kCyclesPerSecond = 1'000'000'000;

std::shared_ptr<TransmitHandover> ring_for(DeviceId device, std::uint16_t queue) {
  return device == kNoDevice ? nullptr : std::make_shared<TransmitHandover>(device, queue);
}

/// The same worker, with nothing that another thread would notice: what it transmits goes to rings
/// that nobody sends from.
WorkerConfig silenced(WorkerConfig worker) {
  worker.sends_for.clear();
  worker.bfd = {};
  worker.captures = nullptr;
  for (WorkerPort& port : worker.ports) {
    port.transmit_through = ring_for(port.device, port.transmit_queue);
    port.twin_transmit_through = ring_for(port.twin, port.twin_transmit_queue);
  }
  worker.host.segments = nullptr;
  worker.host.transmit_through = ring_for(worker.host.device, worker.host.transmit_queue);
  return worker;
}

MacAddress mac_at(const std::uint8_t* bytes) {
  MacAddress::Bytes mac;
  std::memcpy(mac.data(), bytes, mac.size());
  return MacAddress{mac};
}

/// `came_with`: TTL or hop limit.
TracedFrame frame_of(const rte_mbuf* packet, unsigned came_with) {
  const auto* at = rte_pktmbuf_mtod(packet, const std::uint8_t*);
  TracedFrame frame{.destination = mac_at(at), .source = mac_at(at + ethernet::kSourceOffset)};
  at += ethernet::kTypeOffset;
  for (; is_tag(load_be16(at)); at += VlanTags::kTagSize) {
    const auto vlan = static_cast<std::uint16_t>(load_be16(at + 2) & VlanTags::kIdMask);
    frame.tags.push_back({static_cast<VlanProtocol>(load_be16(at)), VlanId{vlan}});
  }
  frame.ethertype = load_be16(at);
  const std::uint8_t* const header = at + 2;
  const unsigned hops =
      ipv4::version(header) == 4 ? Ipv4Family::hops(header) : Ipv6Family::hops(header);
  frame.hops_spent = came_with - hops;
  return frame;
}

TracedHop hop_of(const ForwardingTables& tables, NextHopId id, TracedHop::Role role) {
  const NextHop hop = tables.next_hops.load(id);
  return {.id = id,
          .role = role,
          .kind = hop.kind(),
          .port = hop.port(),
          .destination = hop.destination(),
          .down = tables.next_hops.down_causes(id)};
}

/// One packet's way. Made for it: what its stages count, hold and police is nobody else's.
class Passage {
 public:
  Passage(const WorkerConfig& worker, const ForwardingTables& tables, const WorkerPort* port,
          const TracedFlow& flow)
      : hops_(flow.hops),
        worker_(worker),
        tables_(tables),
        counters_(tables.next_hops.capacity()),
        context_(tables, worker.ports, worker.host, worker.flow_seed, kCyclesPerSecond, counters_,
                 events_, nullptr, worker.id),
        ingress_(port == nullptr ? ingress_of_host(counters_)
                                 : ingress_of(*port, worker.transit, counters_)) {
    context_.now = kCyclesPerSecond;
  }

  /// The stages in the pipeline's order (pipeline.cc). Takes the packet over.
  FlowTrace run(rte_mbuf* packet) {
    classify(context_, ingress_, {&packet, 1}, ipv4_, ipv6_);
    pass<Ipv4Family>(ipv4_);
    pass<Ipv6Family>(ipv6_);
    context_.exits.flush(context_.now);
    look_at_the_end();
    return std::move(trace_);
  }

 private:
  template <class Family>
  void pass(typename Family::Vector& vector) {
    if (vector.count == 0) return;
    validate(context_, ingress_, vector);
    if (ingress_.admission.asks()) admit(context_, ingress_, vector);
    if (vector.count == 0) return;
    lookup(context_, vector);
    select(context_, vector);
    TracedChoice found{.group = GroupId{vector.groups[0]}, .chosen = vector.next_hops[0]};
    if (tables_.groups.needs_hash(found.group)) found.hash = vector.hashes[0];
    trace_.choice = explained(std::move(found));
    rewrite(context_, ingress_, vector);
    look_at_errors<Family>();
  }

  /// `found`: what the vector's columns say. Adds what the choice was made from.
  [[nodiscard]] TracedChoice explained(TracedChoice found) const {
    const GroupTable::View view = tables_.groups.view(found.group);
    found.buckets = static_cast<unsigned>(view.buckets.size());
    if (found.buckets != 0) {
      found.bucket = static_cast<unsigned>(view.bucket_of(found.hash.value_or(0)));
      found.owner = view.buckets[found.bucket];
    }
    for (const NextHopId id : view.members) {
      TracedHop hop = hop_of(tables_, id, TracedHop::Role::kMember);
      hop.buckets = static_cast<unsigned>(std::ranges::count(view.buckets, id));
      found.hops.push_back(hop);
    }
    for (const NextHopId id : view.backups) {
      found.hops.push_back(hop_of(tables_, id, TracedHop::Role::kBackup));
    }
    return found;
  }

  template <class Family>
  void look_at_errors() {
    for (const IcmpError& error : context_.errors.template take<Family>()) {
      const std::uint8_t* message = error.header;
      TracedError& told = trace_.error.emplace();
      if constexpr (std::is_same_v<Family, Ipv4Family>) {
        told.from = Ipv4Address{Family::source_column(error.header)};
        message += ipv4::header_length(error.header);
      } else {
        told.from = Family::source_column(error.header);
        message += ipv6::kHeaderSize;
      }
      told.type = message[0];
      told.code = message[1];
      if (drop_reason() == DropReason::kFragmentationNeeded) told.mtu = load_be32(message + 4);
      rte_pktmbuf_free(error.packet);
    }
  }

  /// True if the packet is in this ring, or what it was cut into.
  bool took(const std::shared_ptr<TransmitHandover>& ring) {
    if (ring == nullptr) return false;
    for (rte_mbuf* packet = nullptr; ring->take({&packet, 1}) != 0; ++trace_.packets) {
      if (trace_.packets == 0) trace_.frame = frame_of(packet, hops_);
      rte_pktmbuf_free(packet);
    }
    return trace_.packets != 0;
  }

  [[nodiscard]] std::optional<DropReason> drop_reason() const {
    std::optional<DropReason> reason;
    for (std::size_t i = 0; i < kDropReasonCount; ++i) {
      if (counters_.drops[i].read() != 0) reason = static_cast<DropReason>(i);
    }
    return reason;
  }

  void look_at_the_end() {
    for (std::size_t i = 0; i < kPuntClassCount; ++i) {
      if (counters_.punts[i].read() != 0) trace_.punt = static_cast<PuntClass>(i);
    }
    trace_.drop = drop_reason();
    if (took(worker_.host.transmit_through)) return end(TraceEnd::kHost, worker_.host.mtu);
    for (const WorkerPort& port : worker_.ports) {
      const unsigned mtu = tables_.ports.egress(port.id).mtu;
      if (took(port.transmit_through)) return end(TraceEnd::kSent, mtu, port.id);
      if (took(port.twin_transmit_through)) return end(TraceEnd::kTwin, mtu, port.id);
    }
    if (!context_.holds.empty()) {
      const PortId port = tables_.next_hops.load(trace_.choice->chosen).port();
      return end(TraceEnd::kWaits, tables_.ports.egress(port).mtu, port);
    }
    trace_.end = TraceEnd::kDropped;
  }

  void end(TraceEnd where, unsigned mtu, std::optional<PortId> port = std::nullopt) {
    trace_.end = where;
    trace_.mtu = mtu;
    trace_.port = port;
  }

  const unsigned hops_;
  const WorkerConfig& worker_;
  const ForwardingTables& tables_;
  WorkerCounters counters_;
  EventRing events_;
  PipelineContext context_;
  Ingress ingress_;
  Ipv4Vector ipv4_;
  Ipv6Vector ipv6_;
  FlowTrace trace_;
};

rte_mempool* make_buffers() {
  // Pools have names of their own.
  static std::atomic<unsigned> made{0};
  const std::string name = fmt::format("lm_trace_{}", made.fetch_add(1));
  rte_mempool* const pool =
      rte_pktmbuf_pool_create(name.c_str(), kBuffers, 0, 0, kBufferSize, SOCKET_ID_ANY);
  if (pool == nullptr) throw std::bad_alloc{};
  return pool;
}

/// The tables may be read while it lives.
class Online {
 public:
  explicit Online(RcuReader& reader) : reader_(reader) { reader_.online(); }
  ~Online() { reader_.offline(); }
  Online(const Online&) = delete;
  Online& operator=(const Online&) = delete;

 private:
  RcuReader& reader_;
};

}  // namespace

void FlowTracer::Free::operator()(rte_mempool* pool) const {
  rte_mempool_free(pool);
}

FlowTracer::FlowTracer(WorkerConfig worker, ForwardingTables& tables)
    : worker_(silenced(std::move(worker))),
      tables_(tables),
      reader_(tables.rcu),
      buffers_(make_buffers()) {}

FlowTracer::~FlowTracer() = default;

const WorkerPort* FlowTracer::port(PortId id) const {
  const auto found = std::ranges::find(worker_.ports, id, &WorkerPort::id);
  return found == worker_.ports.end() ? nullptr : &*found;
}

FlowTrace FlowTracer::trace(const TracedFlow& flow, std::optional<PortId> ingress) {
  const WorkerPort* const from = ingress ? port(*ingress) : nullptr;
  // What leaves the machine's own programs is addressed to the router's end.
  const auto frame = traced_frame(flow, from == nullptr ? worker_.host.router_mac : from->mac);
  // Before the tables are read: it takes longer than all the rest.
  auto passage = std::make_unique<Passage>(worker_, tables_, from, flow);
  rte_mbuf* const packet = rte_pktmbuf_alloc(buffers_.get());
  if (packet == nullptr) throw std::bad_alloc{};
  std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())), frame.data(),
              frame.size());
  const Online online{reader_};
  return passage->run(packet);
}

}  // namespace lastmile
