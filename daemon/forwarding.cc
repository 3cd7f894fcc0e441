#include "daemon/forwarding.h"

#include <utility>

namespace lastmile {
namespace {

ForwardingLimits limits(const DataplaneConfig& dataplane) {
  ForwardingLimits result;
  result.readers = dataplane.workers + 1;  // one for `trace` and the like
  result.ipv4.max_routes = dataplane.max_routes_ipv4;
  result.ipv6.max_routes = dataplane.max_routes_ipv6;
  result.ipv6.second_level_groups = dataplane.max_routes_ipv6;
  return result;
}

/// Receive queues are dealt out to the workers in turn. A device with one queue serves one worker.
std::vector<std::uint16_t> share(std::uint16_t queues, unsigned worker, unsigned workers) {
  std::vector<std::uint16_t> mine;
  for (unsigned queue = worker; queue < queues; queue += workers) {
    mine.push_back(static_cast<std::uint16_t>(queue));
  }
  return mine;
}

std::uint16_t transmit_queue(std::uint16_t queues, unsigned worker) {
  return static_cast<std::uint16_t>(worker % queues);
}

WorkerConfig worker_config(const Config& config, const Devices& devices, unsigned worker) {
  const unsigned workers = config.dataplane.workers;
  WorkerConfig result;
  result.id = WorkerId{static_cast<std::uint8_t>(worker)};
  result.transit =
      config.router.mode == RouterMode::kHost ? TransitPolicy::kRefuse : TransitPolicy::kAllow;
  result.idle =
      config.dataplane.idle == IdleMode::kPoll ? IdleStrategy::kPoll : IdleStrategy::kAdaptive;
  if (worker < config.dataplane.cpus.size()) result.cpu = config.dataplane.cpus[worker];
  // Routers in a row must not all choose alike, or half of their links stay empty.
  result.flow_seed = hash_value(config.router.id);

  for (const OpenPort& open : devices.ports()) {
    const auto& facts = open.port->facts();
    const auto& twin = open.twin->port().facts();
    WorkerPort port;
    port.id = open.id;
    port.device = DeviceId{facts.ethdev};
    port.twin = DeviceId{twin.ethdev};
    port.mac = facts.mac;
    port.zone = zone_of(config, open.id);
    port.receive_queues = share(facts.rx_queues, worker, workers);
    if (facts.priority_queue && worker == priority_worker(open.id, workers)) {
      port.priority_queues = {*facts.priority_queue};
    }
    port.transmit_queue = transmit_queue(facts.tx_queues, worker);
    port.twin_receive_queues = share(twin.rx_queues, worker, workers);
    port.twin_transmit_queue = transmit_queue(twin.tx_queues, worker);
    result.ports.push_back(std::move(port));
  }
  const auto& host = devices.host().port().facts();
  result.host.device = DeviceId{host.ethdev};
  result.host.mac = devices.host().mac();
  result.host.router_mac = host.mac;
  result.host.receive_queues = share(host.rx_queues, worker, workers);
  result.host.transmit_queue = transmit_queue(host.tx_queues, worker);
  return result;
}

}  // namespace

unsigned priority_worker(PortId port, unsigned workers) {
  return port.value() % workers;
}

Forwarding::Forwarding(const Config& config, const Devices& devices)
    : tables_(limits(config.dataplane)), client_(tables_, channel_), writer_(tables_, channel_) {
  for (const OpenPort& open : devices.ports()) {
    const auto& facts = open.port->facts();
    tables_.ports.set(open.id,
                      {.mac = facts.mac, .mtu = facts.mtu, .zone = zone_of(config, open.id)});
  }
  for (unsigned i = 0; i < config.dataplane.workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(worker_config(config, devices, i), tables_));
  }
}

tl::expected<void, std::string> Forwarding::start() {
  writer_.start();
  for (const auto& worker : workers_) {
    if (auto started = worker->start(); !started) return started;
  }
  return {};
}

}  // namespace lastmile
