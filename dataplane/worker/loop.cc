#include "dataplane/worker/loop.h"

#include <rte_ethdev.h>

#include <cstring>

namespace lastmile {
namespace {

Ingress ingress_of(const WorkerPort& port, TransitPolicy transit, WorkerCounters& counters) {
  Ingress ingress;
  std::array<std::uint8_t, 8> station{};
  std::memcpy(station.data(), port.mac.bytes().data(), port.mac.bytes().size());
  ingress.station = load_raw<std::uint64_t>(station.data());
  station = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0};
  ingress.station_mask = load_raw<std::uint64_t>(station.data());
  ingress.port = &port;
  ingress.counters = &counters.ports[port.id.value()];
  if (port.zone == PortZone::kUplink && transit == TransitPolicy::kRefuse) {
    ingress.refused_zone = static_cast<std::uint8_t>(PortZone::kUplink);
  }
  return ingress;
}

Ingress ingress_of_host(WorkerCounters& counters) {
  Ingress ingress;
  ingress.counters = &counters.host;
  ingress.hop_cost = 0;
  return ingress;
}

}  // namespace

WorkerLoop::WorkerLoop(const WorkerConfig& config, const ForwardingTables& tables,
                       std::uint64_t cycles_per_second, WorkerCounters& counters, EventRing& events)
    : ports_(config.ports),
      counters_(counters),
      pipeline_(std::make_unique<Pipeline>(
          tables, ports_, config.host,
          PipelineOptions{.flow_seed = config.flow_seed, .cycles_per_second = cycles_per_second},
          counters, events)) {
  std::vector<ReceiveQueue> ordinary;
  for (const WorkerPort& port : ports_) {
    ingresses_.push_back(std::make_unique<Ingress>(ingress_of(port, config.transit, counters)));
    const Ingress* ingress = ingresses_.back().get();
    for (const std::uint16_t queue : port.priority_queues) {
      receive_queues_.push_back({port.device.value(), queue, ingress});
    }
    for (const std::uint16_t queue : port.receive_queues) {
      ordinary.push_back({port.device.value(), queue, ingress});
    }
    if (port.twin == kNoDevice) continue;
    for (const std::uint16_t queue : port.twin_receive_queues) {
      injections_.push_back({port.twin.value(), queue, port.device.value(), port.transmit_queue,
                             &counters.ports[port.id.value()]});
    }
  }
  receive_queues_.insert(receive_queues_.end(), ordinary.begin(), ordinary.end());
  if (config.host.device != kNoDevice) {
    ingresses_.push_back(std::make_unique<Ingress>(ingress_of_host(counters)));
    for (const std::uint16_t queue : config.host.receive_queues) {
      receive_queues_.push_back({config.host.device.value(), queue, ingresses_.back().get()});
    }
  }
}

unsigned WorkerLoop::run_once(std::uint64_t now) {
  unsigned injected = 0;
  for (const Injection& injection : injections_) injected += inject(injection);

  unsigned total = 0;
  pipeline_->begin(now);
  for (const ReceiveQueue& queue : receive_queues_) {
    const unsigned count =
        rte_eth_rx_burst(queue.device, queue.queue, received_.data(), kReceiveBurst);
    pipeline_->received(count);
    if (count == 0) continue;
    pipeline_->process(*queue.ingress, {received_.data(), count});
    total += count;
  }
  pipeline_->finish(total);
  return total + injected;
}

unsigned WorkerLoop::inject(const Injection& injection) {
  const std::uint16_t count =
      rte_eth_rx_burst(injection.twin, injection.twin_queue, received_.data(), kReceiveBurst);
  if (count == 0) return 0;
  std::uint16_t sent = 0;
  while (sent < count) {
    const std::uint16_t taken =
        rte_eth_tx_burst(injection.device, injection.device_queue, received_.data() + sent,
                         static_cast<std::uint16_t>(count - sent));
    if (taken == 0) break;
    sent = static_cast<std::uint16_t>(sent + taken);
  }
  injection.counters->injected_packets.add(sent);
  if (sent < count) {
    rte_pktmbuf_free_bulk(received_.data() + sent, static_cast<unsigned>(count - sent));
    counters_.drops[static_cast<std::size_t>(DropReason::kTxFull)].add(count - sent);
  }
  return count;
}

}  // namespace lastmile
