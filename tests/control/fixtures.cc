#include "tests/control/fixtures.h"

#include <algorithm>
#include <charconv>

namespace lastmile::test {
namespace {

using std::chrono::seconds;

const IpAddress kLeaf1 = *parse_ip_address("fe80::5eff:fe10:101");
const IpAddress kLeaf2 = *parse_ip_address("fe80::5eff:fe10:201");

RouteView bgp_route(const char* prefix, const char* neighbor, const IpAddress& address,
                    const char* as_path) {
  RouteView route;
  route.prefix = *parse_ip_prefix(prefix);
  route.source = "bgp";
  route.neighbor = neighbor;
  route.next_hops = {{neighbor, address, 1, true, std::nullopt}};
  route.as_path = as_path;
  route.origin = "igp";
  route.local_preference = 100;
  route.age = seconds{7500};
  return route;
}

}  // namespace

VersionView FixedSource::version() const {
  return {"0.1.0", "22.11.5", seconds{7512}, "10.0.1.1", 64512, "/etc/lastmile/server.yaml"};
}

std::vector<PortView> FixedSource::ports() const {
  PortView up1;
  up1.name = "up1";
  up1.device = "0000:03:00.0";
  up1.driver = "net_mlx5";
  up1.twin = "lm-up1";
  up1.mac = *MacAddress::parse("02:00:5e:10:00:01");
  up1.mtu = 9000;
  up1.addresses = {"fe80::5eff:fe10:1/64"};
  up1.link_up = true;
  up1.link_watch = "interrupt";
  up1.speed_mbps = 25000;
  up1.rx_packets = 1234567890;
  up1.rx_bytes = 987654321012;
  up1.tx_packets = 45678;
  up1.tx_bytes = 4567800;
  up1.rx_missed = 17;
  up1.rx_queues = up1.tx_queues = 2;
  PortView up2 = up1;
  up2.name = "up2";
  up2.device = "net_af_packet0,iface=eth1";
  up2.driver = "";
  up2.twin = "lm-up2";
  up2.mac = *MacAddress::parse("02:00:5e:10:00:02");
  up2.addresses = {};
  up2.link_up = false;
  up2.link_watch = "netlink";
  up2.speed_mbps = 0;
  up2.rx_queues = up2.tx_queues = 0;
  up2.rx_packets = up2.rx_bytes = up2.tx_packets = up2.tx_bytes = up2.rx_missed = 0;
  return {up1, up2};
}

std::vector<OffloadView> FixedSource::offload() const {
  const OffloadStepView software{0, "software", "everything on the worker", "reached", "", {}};
  OffloadView up1{"up1", "net_igb", 1, "priority-queue", 1, 0, {software}};
  up1.steps.push_back(
      {1,
       "priority-queue",
       "BFD, BGP and neighbor discovery on a queue that is polled first",
       "partly",
       "Not supported by ntuple filter",
       {{"bfd ipv4", true, "ingress pattern eth / ipv4 proto is 17 / udp dst is 3784 / end", ""},
        {"bfd ipv6", false, "ingress pattern eth / ipv6 / udp dst is 3784 / end",
         "Not supported by ntuple filter"},
        {"router-advertisement", false, "ingress pattern eth / ipv6 / icmp6 type is 134 / end",
         "Not supported by ntuple filter"}}});
  up1.steps.push_back({2,
                       "echo-reflection",
                       "neighbors' BFD echo turned round in the NIC",
                       "refused",
                       "the driver has no hairpin queues",
                       {}});
  up1.steps.push_back({3,
                       "drop-rules",
                       "discards in the NIC",
                       "possible",
                       "nothing in the router asks for discards yet",
                       {}});
  OffloadView up2{"up2", "net_af_packet", 0, "software", {}, {}, {software}};
  for (const auto& step : {up1.steps[1], up1.steps[2], up1.steps[3]}) {
    up2.steps.push_back(
        {step.step, step.name, step.help, "refused", "the driver takes no flow rules", {}});
  }
  return {up1, up2};
}

std::vector<NeighborView> FixedSource::bgp_neighbors() const {
  NeighborView up1;
  up1.name = up1.port = "up1";
  up1.description = "leaf 1, rack 12";
  up1.address = kLeaf1;
  up1.remote_asn = bgp::Asn{65001};
  up1.state = "Established";
  up1.uptime = seconds{7505};
  up1.remote_id = Ipv4Address{10, 255, 255, 1};
  up1.hold_time = seconds{9};
  up1.families = {"ipv4", "ipv6"};
  up1.received = 512621;
  up1.accepted = 512620;
  up1.advertised = 2;
  up1.messages_received = 70000;
  up1.messages_sent = 2502;
  up1.established_count = 1;
  up1.role = "customer";
  up1.remote_role = "provider";
  NeighborView up2;
  up2.name = up2.port = "up2";
  up2.state = "Idle";
  up2.established_count = 1;
  up2.detail = "link is down";
  up2.last_error = "hold timer expired (RFC 4271 section 6.5)";
  return {up1, up2};
}

FixedSource::FixedSource(unsigned more_routes) {
  std::vector<RouteView>& routes = table_;
  RouteView first = bgp_route("0.0.0.0/0", "up1", kLeaf1, "65001 65201");
  first.best = first.multipath = first.installed = first.forwarding = true;
  first.reason = "lower router id";
  first.next_hops.push_back({"up2", kLeaf2, 1, false, std::nullopt});
  RouteView second = bgp_route("0.0.0.0/0", "up2", kLeaf2, "65002 65201");
  second.multipath = true;
  second.reason = "equal to the best path";
  routes.push_back(first);
  routes.push_back(second);

  RouteView loopback;
  loopback.prefix = *parse_ip_prefix("10.0.1.1/32");
  loopback.source = "local";
  loopback.best = loopback.installed = loopback.forwarding = true;
  loopback.advertised_to = {"up1", "up2"};
  routes.push_back(loopback);

  RouteView best = bgp_route("10.0.2.2/32", "up1", kLeaf1, "65001 64512");
  best.best = best.multipath = best.installed = best.forwarding = true;
  best.reason = "shorter AS path";
  best.communities = {"65001:100", "no-export"};
  best.med = 0;
  RouteView longer = bgp_route("10.0.2.2/32", "up2", kLeaf2, "65002 65201 65001 64512");
  longer.reason = "longer AS path";
  longer.backup = true;
  routes.push_back(best);
  routes.push_back(longer);

  for (unsigned i = 0; i < more_routes; ++i) {
    RouteView more = bgp_route("0.0.0.0/0", "up1", kLeaf1, "65001");
    more.prefix = Ipv4Prefix{Ipv4Address{0x0b000000U + (i << 8)}, 24};
    more.best = true;
    routes.push_back(more);
  }
}

// The cursor is the number of prefixes that were given out, which is fit for a table that never
// changes only.
// Of a neighbor: its routes, one that is refused among them; what it is told of is the loopback.
std::vector<RouteView> FixedSource::part(const RouteQuery& query) const {
  std::vector<RouteView> part;
  if (query.side == RouteQuery::Side::kAdvertised) {
    RouteView loopback;
    loopback.prefix = *parse_ip_prefix("10.0.1.1/32");
    loopback.source = "local";
    loopback.next_hops = {{"", parse_ip_address("fe80::5eff:fe10:1"), 1, true, std::nullopt}};
    loopback.as_path = "64512";
    loopback.origin = "igp";
    if (query.neighbor == "up2") loopback.path_id = 257;  // it takes several paths
    return {loopback};
  }
  for (const RouteView& route : table_) {
    if (route.neighbor == query.neighbor) part.push_back(route);
  }
  if (query.side == RouteQuery::Side::kReceived && query.neighbor == "up2") {
    RouteView ours = bgp_route("10.0.1.1/32", "up2", kLeaf2, "65002 64512");
    ours.next_hops.clear();
    ours.refusal = "equals or is inside one of our own addresses (host guard)";
    part.push_back(ours);
  }
  return part;
}

RoutePage FixedSource::routes(const RouteQuery& query) const {
  RoutePage page;
  unsigned index = 0;
  unsigned start = 0;
  std::from_chars(query.cursor.data(), query.cursor.data() + query.cursor.size(), start);
  std::optional<IpPrefix> last;
  unsigned taken = 0;
  const std::vector<RouteView> of_one =
      query.side == RouteQuery::Side::kAll ? std::vector<RouteView>{} : part(query);
  for (const RouteView& route : query.side == RouteQuery::Side::kAll ? table_ : of_one) {
    if (const auto* prefix = std::get_if<IpPrefix>(&query.what)) {
      if (route.prefix != *prefix) continue;
    }
    if (const auto* address = std::get_if<IpAddress>(&query.what)) {
      if (!std::get<Ipv4Prefix>(route.prefix).contains(std::get<Ipv4Address>(*address))) continue;
      if (std::get<Ipv4Prefix>(route.prefix).is_default()) continue;
    }
    if (route.prefix != last) {
      last = route.prefix;
      if (index++ >= start && taken++ == query.limit) {
        page.next = std::to_string(index - 1);
        break;
      }
    }
    if (index > start) page.routes.push_back(route);
  }
  return page;
}

FibStatusView FixedSource::fib() const {
  FibStatusView fib;
  fib.ipv4 = {512621, 1048576, 5, 812, 32768};
  fib.ipv6 = {3, 262144, 5, 14, 32768};
  fib.next_hops = 4;
  fib.queue_depth = 12;
  fib.queue_applied = 512630;
  fib.queue_coalesced = 3;
  return fib;
}

ControlThreadView FixedSource::control_thread() const {
  using std::chrono::microseconds;
  return {104211,
          2,
          microseconds{1834000},
          microseconds{5210},
          "bytes-received",
          microseconds{7430},
          35400000,
          61200000,
          {{"control", false}, {"worker 0", true}}};
}

std::vector<LinkLayerView> FixedSource::link_layer_neighbors() const {
  return {{"up1", kLeaf1, MacAddress::parse("02:00:5e:10:01:01"), "reachable", true},
          {"lan", *parse_ip_address("192.168.101.20"), std::nullopt, "failed", false}};
}

std::vector<NextHopStatusView> FixedSource::next_hops() const {
  NextHopStatusView up1;
  up1.id = 1;
  up1.port = "up1";
  up1.kind = "forward";
  up1.addresses = to_string(kLeaf1);
  up1.mac = MacAddress::parse("02:00:5e:10:01:01");
  up1.alive = true;
  up1.packets = 1230000000;
  up1.bytes = 98400000000;
  NextHopStatusView up2;
  up2.id = 2;
  up2.port = "up2";
  up2.kind = "unresolved";
  up2.down = {"link", "bfd"};
  return {up1, up2};
}

BfdStatusView FixedSource::bfd() const {
  BfdView up;
  up.neighbor = up.port = "up1";
  up.address = *parse_ip_address("fe80::5eff:fe10:101");
  up.profile = "fast";
  up.state = up.remote_state = "up";
  up.uptime = std::chrono::seconds{7500};
  up.interval_us = up.receive_interval_us = 10'000;
  up.multiplier = 3;
  up.detect_us = 30'000;
  up.echo = "off";
  up.offload = "none";
  up.sent = 750'000;
  up.received = 749'998;
  BfdView down = up;
  down.neighbor = down.port = "up2";
  down.state = "down";
  down.uptime.reset();
  down.echo = "unaffiliated";
  down.last_down_reason = "echo function failed";
  down.failures = 2;
  down.rtt_us = down.rtt_mean_us = 41;
  down.rtt_jitter_us = 3;
  return {
      {up, down}, {{"bad-version", "version is not 1 (RFC 5880 6.8.6)", 4}}, 1'500'000, 31, 400};
}

std::vector<WorkerView> FixedSource::workers(const std::string&) const {
  WorkerView worker;
  worker.cpu = 1;
  worker.rx_packets = 1234567890;
  worker.tx_packets = 1234560000;
  worker.punted = 7861;
  worker.icmp_errors = 37;
  worker.held = 5;
  worker.released = 4;
  worker.resolution_requests = 3;
  worker.lost_events = 2;
  worker.cycles_per_packet = 61.4;
  worker.packets_per_vector = 12.25;
  worker.idle_share = 0.834;
  worker.drops = drops();
  worker.stages = {{"receive", 9.5}, {"classify", 7.25}, {"validate", 6},  {"lookup", 11.5},
                   {"select", 8.1},  {"rewrite", 12.5},  {"transmit", 6.5}};
  worker.receives = {"up1/0", "up2/0", "host/0"};
  worker.punts = {{"bgp", 7800, 0}, {"arp", 61, 938'000}, {"unknown", 0, 0}};
  WorkerView idle;
  idle.id = 1;
  idle.idle_share = 1;
  idle.stages = worker.stages;
  idle.punts = {{"bgp", 0, 0}, {"arp", 2, 0}, {"unknown", 0, 0}};
  for (StageView& stage : idle.stages) stage.cycles_per_packet = 0;
  return {worker, idle};
}

std::vector<ServiceView> FixedSource::services() const {
  return {{"web", true, true, false, 120, 3, 2}, {"dns", false, true, true, 40, 60, 5}};
}

std::vector<DropView> FixedSource::drops() const {
  return {{"ttl-expired", "the packet's time to live ended here", 12},
          {"bad-checksum", "IPv4 header checksum is wrong", 0},
          {"no-route", "no route to the destination", 1048577}};
}

}  // namespace lastmile::test
