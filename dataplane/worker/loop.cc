#include "dataplane/worker/loop.h"

#include <rte_ethdev.h>

#include <algorithm>
#include <span>

#include "dataplane/pipeline/send_burst.h"
#include "dataplane/pipeline/transmit_handover.h"
#include "dataplane/segments/segment_queue.h"
#include "dataplane/worker/ingress.h"

namespace lastmile {
namespace {

/// Of a port's room for urgent packets, what the kernel's leave to BFD.
constexpr unsigned kUrgentForBfd = 64;
static_assert(kUrgentForBfd < TransmitBuffer::kUrgent);

}  // namespace

WorkerLoop::WorkerLoop(const WorkerConfig& config, ForwardingTables& tables,
                       std::uint64_t cycles_per_second, WorkerCounters& counters, EventRing& events)
    : ports_(config.ports),
      counters_(counters),
      host_segments_(config.host.segments),
      sends_for_(config.sends_for),
      pipeline_(std::make_unique<Pipeline>(tables, ports_, config.host,
                                           PipelineOptions{.flow_seed = config.flow_seed,
                                                           .cycles_per_second = cycles_per_second,
                                                           .worker = config.id,
                                                           .bfd = config.bfd,
                                                           .captures = config.captures},
                                           counters, events)) {
  for (const WorkerPort& port : ports_) {
    if (!port.vlan.empty()) demuxes_.try_emplace(port.device);
  }
  std::vector<ReceiveQueue> ordinary;
  for (const WorkerPort& port : ports_) {
    ingresses_.push_back(std::make_unique<Ingress>(ingress_of(port, config.transit, counters)));
    const Ingress* ingress = ingresses_.back().get();
    const auto demux = demuxes_.find(port.device);
    VlanDemux* const vlans = demux == demuxes_.end() ? nullptr : &demux->second;
    if (vlans != nullptr) vlans->add(port.vlan, *ingress, port.outer_tag);
    for (const std::uint16_t queue : port.priority_queues) {
      receive_queues_.push_back({port.slot.get(), port.device, queue, ingress, vlans});
    }
    for (const std::uint16_t queue : port.receive_queues) {
      ordinary.push_back({port.slot.get(), port.device, queue, ingress, vlans});
    }
    if (port.twin == kNoDevice) continue;
    for (const std::uint16_t queue : port.twin_receive_queues) {
      injections_.push_back({port.twin.value(), queue, port.id, &counters.ports[port.id.value()]});
    }
  }
  receive_queues_.insert(receive_queues_.end(), ordinary.begin(), ordinary.end());
  if (config.host.device != kNoDevice) {
    ingresses_.push_back(std::make_unique<Ingress>(ingress_of_host(counters)));
    host_ingress_ = ingresses_.back().get();
    if (host_segments_ == nullptr) {
      for (const std::uint16_t queue : config.host.receive_queues) {
        receive_queues_.push_back({nullptr, config.host.device, queue, host_ingress_, nullptr});
      }
    }
  }
}

unsigned WorkerLoop::run_once(std::uint64_t now) {
  unsigned injected = sends_for_.empty() ? 0 : send_for_others();
  for (const Injection& injection : injections_) injected += inject(injection, now);

  unsigned total = 0;
  Backlog backlog = Backlog::kNo;
  pipeline_->begin(now);
  for (const ReceiveQueue& queue : receive_queues_) {
    const DeviceId device = current_device(queue.device, queue.slot);
    if (device == kNoDevice) [[unlikely]]
      continue;
    const unsigned count =
        rte_eth_rx_burst(device.value(), queue.queue, received_.data(), kReceiveBurst);
    pipeline_->received(count);
    if (count == 0) continue;
    if (count == kReceiveBurst) backlog = Backlog::kMaybe;
    const std::span<rte_mbuf* const> packets{received_.data(), count};
    if (queue.vlans == nullptr) [[likely]] {
      pipeline_->process(*queue.ingress, packets);
    } else {
      pipeline_->process(*queue.vlans, packets);
    }
    total += count;
  }
  if (host_segments_ != nullptr) {
    const unsigned count = receive_segments();
    if (count == kReceiveBurst) backlog = Backlog::kMaybe;
    total += count;
  }
  pipeline_->finish(total, backlog);
  return total + injected;
}

unsigned WorkerLoop::receive_segments() {
  const unsigned count = host_segments_->receive(received_);
  if (const std::uint32_t refused = host_segments_->take_refused(); refused != 0) [[unlikely]] {
    counters_.drops[static_cast<std::size_t>(DropReason::kHostBadFrame)].add(refused);
  }
  pipeline_->received(count);
  if (count != 0) pipeline_->process(*host_ingress_, {received_.data(), count});
  return count;
}

unsigned WorkerLoop::inject(const Injection& injection, std::uint64_t now) {
  TransmitBuffer& port = pipeline_->exits().port(injection.port);
  // What finds no room here waits in the kernel, which holds its senders back.
  const unsigned room = port.urgent_room();
  if (room <= kUrgentForBfd) return 0;
  const auto most = static_cast<std::uint16_t>(std::min(room - kUrgentForBfd, kReceiveBurst));
  const std::uint16_t count =
      rte_eth_rx_burst(injection.twin, injection.twin_queue, received_.data(), most);
  if (count == 0) return 0;
  for (unsigned i = 0; i < count; ++i) port.append_urgent(received_[i], now);
  port.flush_urgent();
  injection.counters->injected_packets.add(count);
  return count;
}

unsigned WorkerLoop::send_for_others() {
  unsigned total = 0;
  for (const auto& handover : sends_for_) {
    const auto count = static_cast<unsigned>(handover->take(received_));
    if (count == 0) continue;
    give_up(send_burst(handover->device(), handover->queue(), {received_.data(), count}), count);
    total += count;
  }
  return total;
}

void WorkerLoop::give_up(unsigned first, unsigned count) {
  if (first == count) return;
  pipeline_->tap().dropped({received_.data() + first, count - first}, DropReason::kTxFull);
  rte_pktmbuf_free_bulk(received_.data() + first, count - first);
  counters_.drops[static_cast<std::size_t>(DropReason::kTxFull)].add(count - first);
}

}  // namespace lastmile
