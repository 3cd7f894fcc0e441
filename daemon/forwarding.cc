#include "daemon/forwarding.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "controlplane/config/capacity.h"
#include "dataplane/net/icmp.h"
#include "dataplane/pipeline/transmit_handover.h"
#include "logging/log.h"

namespace lastmile {
namespace {

// Of what the configuration may have, workers have room for all.
static_assert(config::kMaxPorts <= kMaxPorts);

// What a table can have of second-level groups (dataplane/fib).
constexpr std::uint32_t kMostSecondLevelGroups = 1U << 23;

ForwardingLimits limits(const DataplaneConfig& dataplane) {
  ForwardingLimits result;
  result.readers = dataplane.workers + 1;  // one for `trace` and the like
  result.ipv4.max_routes = dataplane.max_routes_ipv4;
  result.ipv6.max_routes = dataplane.max_routes_ipv6;
  // A route alone in its /24 takes up to 13 groups, routes that lie close together two each; the
  // memory is only reserved until groups are used.
  result.ipv6.second_level_groups =
      std::min(kMostSecondLevelGroups, std::max(13U * 65'536U, 2 * dataplane.max_routes_ipv6));
  return result;
}

/// The first loopback of the family, or else the first address of a port that others can reach.
template <class Address>
std::optional<Address> own_address(const Config& config) {
  for (const IpPrefix& loopback : config.loopbacks) {
    if (const auto* prefix = std::get_if<Prefix<Address>>(&loopback)) return prefix->address();
  }
  for (const PortConfig& port : config.ports) {
    for (const auto& own : port.addresses) {
      const auto* address = std::get_if<Address>(&own.address);
      if (address != nullptr && !is_ipv6_link_local(own.address)) return *address;
    }
  }
  return std::nullopt;
}

/// Receive queues are dealt out to the workers in turn, beginning with another worker for each port
/// (`first`): so two ports with one queue each keep two workers busy.
std::vector<std::uint16_t> share(std::uint16_t queues, unsigned first, unsigned worker,
                                 unsigned workers) {
  std::vector<std::uint16_t> mine;
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    if ((first + queue) % workers == worker) mine.push_back(queue);
  }
  return mine;
}

/// The transmit queue for a worker, of as many as there are: that of its first receive queue.
std::uint16_t transmit_queue(std::uint16_t queues, unsigned first, unsigned worker,
                             unsigned workers) {
  return static_cast<std::uint16_t>((worker + workers - first % workers) % workers % queues);
}

/// The way to the machine's own programs, but for the router's own addresses.
WorkerHost worker_host(const HostInterface& host, unsigned worker, unsigned workers) {
  WorkerHost result;
  result.mac = host.mac();
  if (const SegmentPort* const segments = host.segments()) {
    // Each worker has a queue of its own, both ways.
    result.device = kHostSegments;
    result.segments = &segments->queue(worker);
    result.router_mac = segments->mac();
    result.mtu = segments->mtu();
    result.receive_queues = {static_cast<std::uint16_t>(worker)};
    result.transmit_queue = static_cast<std::uint16_t>(worker);
    return result;
  }
  const DeviceFacts& facts = host.port().facts();
  result.device = DeviceId{facts.ethdev};
  result.router_mac = facts.mac;
  result.mtu = facts.mtu;
  result.receive_queues = share(facts.rx_queues, 0, worker, workers);
  result.transmit_queue = transmit_queue(facts.tx_queues, 0, worker, workers);
  return result;
}

using DeviceSlots = std::map<PortId, std::shared_ptr<DeviceSlot>>;

WorkerConfig worker_config(const Config& config, const Devices& devices, const DeviceSlots& slots,
                           unsigned worker) {
  const unsigned workers = config.dataplane.workers;
  WorkerConfig result;
  result.id = WorkerId{static_cast<std::uint8_t>(worker)};
  result.transit =
      config.router.mode == RouterMode::kHost ? TransitPolicy::kRefuse : TransitPolicy::kAllow;
  result.idle =
      config.dataplane.idle == IdleMode::kPoll ? IdleStrategy::kPoll : IdleStrategy::kAdaptive;
  result.scheduling = config.dataplane.scheduling == SchedulingMode::kRealtime
                          ? Scheduling::kRealtime
                          : Scheduling::kFair;
  if (worker < config.dataplane.cpus.size()) result.cpu = config.dataplane.cpus[worker];
  // Routers in a row must not all choose alike, or half of their links stay empty.
  result.flow_seed = hash_value(config.router.id);

  for (const OpenPort& open : devices.ports()) {
    const auto& facts = open.facts();
    const auto& twin = open.twin->port().facts();
    WorkerPort port;
    port.id = open.id;
    port.device = DeviceId{facts.ethdev};
    if (const auto slot = slots.find(open.device->owner); slot != slots.end()) {
      port.slot = slot->second;
    }
    port.twin = DeviceId{twin.ethdev};
    port.mac = facts.mac;
    port.zone = zone_of(config, open.id);
    port.vlan = open.vlan;
    port.outer_tag = facts.outer_tag;
    port.admission = config.ports[open.id.value()].admission;
    const unsigned first = open.device->owner.value();
    port.receive_queues.clear();
    if (open.owns_device()) {
      port.receive_queues = share(facts.rx_queues, first, worker, workers);
      if (facts.priority_queue && worker == priority_worker(open.id, workers)) {
        port.priority_queues = {*facts.priority_queue};
      }
    }
    port.transmit_queue = transmit_queue(facts.tx_queues, first, worker, workers);
    port.twin_receive_queues = share(twin.rx_queues, first, worker, workers);
    port.twin_transmit_queue = transmit_queue(twin.tx_queues, first, worker, workers);
    result.ports.push_back(std::move(port));
  }
  result.host = worker_host(devices.host(), worker, workers);
  // Everywhere the same one, so that traceroute shows the router by its name; a port of an
  // unnumbered link has none of its own (RFC 1812 section 4.3.2.4).
  result.host.own_ipv4 = own_address<Ipv4Address>(config).value_or(icmp::kDummySource);
  result.host.own_ipv6 = own_address<Ipv6Address>(config);
  return result;
}

/// Calls `visit(device, slot, transmit queue, receive queues, through)` for each way out of a
/// worker.
template <class Visitor>
void for_each_way_out(WorkerConfig& worker, Visitor&& visit) {
  using Slot = std::shared_ptr<const DeviceSlot>;
  const auto unless_absent = [&](DeviceId device, const Slot& slot, std::uint16_t queue,
                                 const std::vector<std::uint16_t>& receives,
                                 std::shared_ptr<TransmitHandover>& through) {
    if (device != kNoDevice) visit(device, slot, queue, receives, through);
  };
  for (WorkerPort& port : worker.ports) {
    unless_absent(port.device, port.slot, port.transmit_queue, port.receive_queues,
                  port.transmit_through);
    unless_absent(port.twin, nullptr, port.twin_transmit_queue, port.twin_receive_queues,
                  port.twin_transmit_through);
  }
  unless_absent(worker.host.device, nullptr, worker.host.transmit_queue, worker.host.receive_queues,
                worker.host.transmit_through);
}

/// A transmit queue has one user: the worker that receives from the queue of the same number, so
/// that what answers a packet needs no second worker; else the first one. The others hand their
/// packets to that one.
void settle_transmit_queues(std::vector<WorkerConfig>& workers) {
  std::map<std::pair<DeviceId, std::uint16_t>, WorkerConfig*> owners;
  for (WorkerConfig& worker : workers) {
    for_each_way_out(worker, [&](DeviceId device, const auto&, std::uint16_t queue,
                                 const auto& receives, auto&) {
      if (std::ranges::find(receives, queue) != receives.end()) owners[{device, queue}] = &worker;
    });
  }
  for (WorkerConfig& worker : workers) {
    for_each_way_out(worker, [&](DeviceId device, const auto& slot, std::uint16_t queue,
                                 const auto&, auto& through) {
      const auto owner = owners.try_emplace({device, queue}, &worker).first->second;
      if (owner == &worker) return;
      through = std::make_shared<TransmitHandover>(device, queue, slot);
      owner->sends_for.push_back(through);
    });
  }
}

/// With several workers: says which device can't use them all.
void tell_of_few_queues(const Config& config, const Devices& devices) {
  const unsigned workers = config.dataplane.workers;
  for (const OpenPort& open : devices.ports()) {
    const auto& facts = open.facts();
    if (!open.owns_device()) continue;
    if (facts.rx_queues >= workers && facts.tx_queues >= workers) continue;
    log::warn(
        "port {}: {} receive and {} transmit queue(s) for {} workers; the others do not receive "
        "from it, and send through those that have a queue",
        facts.name, facts.rx_queues, facts.tx_queues, workers);
  }
}

}  // namespace

unsigned priority_worker(PortId port, unsigned workers) {
  return port.value() % workers;
}

std::vector<WorkerSnapshot> snapshots(const Forwarding& forwarding) {
  std::vector<WorkerSnapshot> result;
  for (const auto& worker : forwarding.workers()) result.push_back(snapshot(worker->counters(), 0));
  return result;
}

Forwarding::Forwarding(const Config& config, const Devices& devices)
    : tables_(limits(config.dataplane)),
      client_(tables_, channel_),
      writer_(tables_, channel_),
      bfd_(devices, config.dataplane.workers),
      captures_(tables_.rcu) {
  for (const OpenPort& open : devices.ports()) {
    tables_.ports.set(open.id, {.mac = open.facts().mac,
                                .mtu = config.ports[open.id.value()].mtu,
                                .zone = zone_of(config, open.id)});
    if (open.owns_device() && open.device->is_exchangeable()) {
      slots_[open.id] = std::make_shared<DeviceSlot>(DeviceId{open.facts().ethdev});
    }
  }
  std::vector<WorkerConfig> workers;
  for (unsigned i = 0; i < config.dataplane.workers; ++i) {
    workers.push_back(worker_config(config, devices, slots_, i));
    workers.back().captures = &captures_;
    workers.back().bfd = bfd_.worker(i, devices.bfd_pool(i));
    for (WorkerPort& port : workers.back().ports) port.bfd_owner = bfd_.owner(port.id);
  }
  settle_transmit_queues(workers);
  tell_of_few_queues(config, devices);
  for (WorkerConfig& worker : workers) {
    workers_.push_back(std::make_unique<Worker>(std::move(worker), tables_));
  }
}

RcuToken Forwarding::take_out(PortId owner) {
  slots_.at(owner)->empty();
  return tables_.rcu.start();
}

void Forwarding::put_in(PortId owner, DeviceId device) {
  slots_.at(owner)->fill(device);
}

tl::expected<void, std::string> Forwarding::start() {
  writer_.start();
  for (const auto& worker : workers_) {
    if (auto started = worker->start(); !started) return started;
  }
  return {};
}

}  // namespace lastmile
