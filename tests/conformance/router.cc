#include "tests/conformance/router.h"

#include <algorithm>
#include <stdexcept>

#include "dataplane/forwarding/group_layout.h"

namespace lastmile::test {
namespace {

constexpr ForwardingLimits kLimits{
    .readers = 4,
    .next_hops = 256,
    .groups = 256,
    .ipv4 = {.max_routes = 1024, .second_level_groups = 64},
    .ipv6 = {.max_routes = 1024, .second_level_groups = 1024},
};

}  // namespace

Wires::Wires(const Config& config) {
  for (const PortConfig& port : config.ports) {
    ports[port.name] = std::make_unique<TestDevice>(port.name);
    twins[port.name] = std::make_unique<TestDevice>(port.name + "_twin");
  }
}

MacAddress Router::mac(PortId port) {
  return MacAddress{{0x02, 0, 0, 0, 0, static_cast<std::uint8_t>(port.value() + 1)}};
}

MacAddress Router::station(PortId port) {
  return MacAddress{{0x02, 0, 0, 0, 1, static_cast<std::uint8_t>(port.value() + 1)}};
}

Router::Router(const Config& config, const Table& table, Wires& wires)
    : tables_(kLimits), counters_(tables_.next_hops.capacity()), reader_(tables_.rcu) {
  reader_.online();
  for (const PortConfig& port : config.ports) {
    const PortZone zone = port.side == PortSide::kLocal ? PortZone::kLocal : PortZone::kUplink;
    tables_.ports.set(port.id, {.mac = mac(port.id), .mtu = port.mtu, .zone = zone});
    stations_[port.id] = next_hop(NextHopKind::kForward, port.id);
    if (table.down.contains(port.name)) {
      tables_.next_hops.set_down(stations_[port.id], DownCause::kLink);
    }
    add_addresses(port);
    if (const auto neighbors = table.neighbors.find(port.name);
        neighbors != table.neighbors.end()) {
      for (const IpAddress& neighbor : neighbors->second) {
        // Neighbors' link-local addresses are on every link: there are no routes for them.
        if (!is_ipv6_link_local(neighbor)) route(host_prefix(neighbor), stations_[port.id]);
      }
    }
  }
  add_routes(config);
  loop_ = std::make_unique<WorkerLoop>(worker_config(config, wires), tables_, kCyclesPerSecond,
                                       counters_, events_);
}

Router::~Router() = default;

void Router::add_addresses(const PortConfig& port) {
  for (const PortConfig::InterfaceAddress& own : port.addresses) {
    route(own.subnet(), next_hop(NextHopKind::kGlean, port.id));
    route(host_prefix(own.address), next_hop(NextHopKind::kLocalPort, port.id));
    const auto* const ipv4 = std::get_if<Ipv4Address>(&own.address);
    if (ipv4 == nullptr) continue;
    const std::uint32_t hosts = 0xffffffffU >> own.length;
    for (const std::uint32_t all : {ipv4->value() & ~hosts, ipv4->value() | hosts}) {
      route(host_prefix(Ipv4Address{all}), next_hop(NextHopKind::kBroadcast, port.id));
    }
  }
}

void Router::add_routes(const Config& config) {
  for (const IpPrefix& loopback : config.loopbacks) {
    route(loopback, next_hop(NextHopKind::kLocalHost));
  }
  for (const StaticRouteConfig& wanted : config.routes) {
    route(wanted.prefix, wanted.blackhole ? next_hop(NextHopKind::kBlackhole)
                                          : stations_.at(wanted.via.at(0).port));
  }
}

WorkerConfig Router::worker_config(const Config& config, Wires& wires) const {
  WorkerConfig worker;
  worker.transit =
      config.router.mode == RouterMode::kHost ? TransitPolicy::kRefuse : TransitPolicy::kAllow;
  for (const PortConfig& port : config.ports) {
    const PortZone zone = port.side == PortSide::kLocal ? PortZone::kLocal : PortZone::kUplink;
    worker.ports.push_back({.id = port.id,
                            .device = wires.ports.at(port.name)->id(),
                            .twin = wires.twins.at(port.name)->id(),
                            .mac = mac(port.id),
                            .zone = zone,
                            .admission = port.admission});
  }
  worker.host = {.device = wires.host.id(), .mac = kHostMac, .router_mac = kHostMac};
  for (const IpPrefix& loopback : config.loopbacks) {
    const IpAddress own = address_of(loopback);
    if (const auto* ipv4 = std::get_if<Ipv4Address>(&own)) worker.host.own_ipv4 = *ipv4;
    if (const auto* ipv6 = std::get_if<Ipv6Address>(&own)) worker.host.own_ipv6 = *ipv6;
  }
  return worker;
}

NextHopId Router::next_hop(NextHopKind kind, PortId port) {
  const NextHopId id{++used_};
  tables_.next_hops.set(id, {.kind = kind, .port = port, .destination = station(port)},
                        tables_.ports.mac(port));
  GroupSpec spec;
  spec.primaries.push_back({.next_hop = id});
  tables_.groups.publish(GroupId{id.value()}, lay_out(spec));
  return id;
}

/// Each next hop has a group of its own, of the same number.
void Router::route(const IpPrefix& prefix, NextHopId to) {
  const GroupId group{to.value()};
  const bool done = std::visit(
      [&]<class Address>(const Prefix<Address>& p) {
        if constexpr (std::is_same_v<Address, Ipv4Address>) {
          return tables_.ipv4.set(p, group).has_value();
        } else {
          return tables_.ipv6.set(p, group).has_value();
        }
      },
      prefix);
  if (!done) throw std::runtime_error("no room for a route");
}

void Router::advance(std::chrono::microseconds time) {
  now_ += static_cast<std::uint64_t>(time.count()) * (kCyclesPerSecond / 1'000'000);
}

std::uint64_t Router::drops(const std::string& reason) const {
  const auto found = std::ranges::find(kDropReasons, reason, &DropReasonFacts::name);
  if (found == kDropReasons.end()) throw std::runtime_error("no such reason: " + reason);
  return snapshot(counters_).drops[static_cast<std::size_t>(found - kDropReasons.begin())];
}

}  // namespace lastmile::test
