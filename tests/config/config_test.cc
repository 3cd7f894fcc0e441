// Configurations that are right: what they come to.

#include "controlplane/config/config.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "controlplane/config/differences.h"
#include "dataplane/net/format.h"

namespace lastmile {
namespace {

using std::chrono::seconds;

Config good(std::string_view text) {
  const auto config = parse_config(text, "test.yaml");
  if (config) return *config;
  for (const ConfigError& error : config.error()) ADD_FAILURE() << to_string(error);
  return {};
}

constexpr std::string_view kSmallest = "loopbacks: [10.0.1.1/32]\nports: {up1: {device: d1}}\n";

TEST(Config, DefaultsOfTheTableAreThoseOfTheValues) {
  const Config config = good(kSmallest);
  const Config values;
  EXPECT_EQ(config.router.mode, values.router.mode);
  EXPECT_EQ(config.ports.at(0).mtu, PortConfig{}.mtu);
  EXPECT_EQ(config.bgp.enabled, values.bgp.enabled);
  EXPECT_EQ(config.bgp.max_paths, values.bgp.max_paths);
  EXPECT_EQ(config.bgp.multipath_relax, values.bgp.multipath_relax);
  EXPECT_EQ(config.bgp.allow_own_as, values.bgp.allow_own_as);
  EXPECT_EQ(config.bgp.timers.keepalive, values.bgp.timers.keepalive);
  EXPECT_EQ(config.bgp.timers.hold, values.bgp.timers.hold);
  EXPECT_EQ(config.bgp.timers.connect_retry, values.bgp.timers.connect_retry);
  EXPECT_EQ(config.dataplane.workers, values.dataplane.workers);
  EXPECT_EQ(config.dataplane.idle, values.dataplane.idle);
  EXPECT_EQ(config.dataplane.scheduling, values.dataplane.scheduling);
  EXPECT_EQ(config.dataplane.offload, values.dataplane.offload);
  EXPECT_EQ(config.dataplane.max_routes_ipv4, values.dataplane.max_routes_ipv4);
  EXPECT_EQ(config.dataplane.max_routes_ipv6, values.dataplane.max_routes_ipv6);
  EXPECT_EQ(config.control.socket, values.control.socket);
  EXPECT_EQ(config.control.group, values.control.group);
  EXPECT_EQ(config.host.interface, values.host.interface);
  EXPECT_EQ(config.host.mtu, values.host.mtu);
  EXPECT_EQ(config.host.send_mtu, values.host.send_mtu);
  EXPECT_EQ(config.host.default_route_metric, values.host.default_route_metric);
}

TEST(Config, TheHostHearsTheLargestMtuAndSendsTheSmallest) {
  constexpr std::string_view kPorts =
      "router: {id: 10.0.0.1}\n"
      "ports: {up1: {device: d1, mtu: 9000}, up2: {device: d2, mtu: 4000}}\n";
  const HostConfig by_ports = good(kPorts).host;
  EXPECT_EQ(by_ports.mtu, 9000);
  EXPECT_EQ(by_ports.send_mtu, 4000);
  const HostConfig given = good(std::string{kPorts} + "host: {mtu: 2000}\n").host;
  EXPECT_EQ(given.mtu, 2000);
  EXPECT_EQ(given.send_mtu, 2000);
}

TEST(Config, OnlyWhatIsPlainlyLocalIsNoUplink) {
  const Config config = good(R"(
router: {asn: 64512, id: 10.0.0.1}
ports:
  unnumbered: {device: d1}
  lan: {device: d2, addresses: [192.0.2.1/24]}
  peered: {device: d3, addresses: [198.51.100.1/24]}
  routed: {device: d4, addresses: [203.0.113.1/24]}
  behind: {device: d5, addresses: [10.5.0.1/24], side: local}
  quiet: {device: d6, addresses: [10.6.0.1/24], side: uplink}
  discovered: {device: d7, addresses: [10.7.0.1/24]}
  whole: {device: d8, addresses: [10.8.0.1/24]}
  part: {device: d9, addresses: [10.16.1.1/24]}
bgp:
  neighbors:
    - {address: 198.51.100.2, remote-asn: external}
    - {port: discovered, remote-asn: external}
    - {listen: 10.8.0.64/26, remote-asn: external}
    - {listen: 10.16.0.0/12, remote-asn: external}
routes:
  - {prefix: 10.9.0.0/16, via: [{port: routed, address: 203.0.113.2}, {port: behind}]}
)");
  const auto side = [&](std::string_view name) {
    return std::ranges::find(config.ports, name, &PortConfig::name)->side;
  };
  EXPECT_EQ(side("unnumbered"), PortSide::kUplink);
  EXPECT_EQ(side("lan"), PortSide::kLocal);
  EXPECT_EQ(side("peered"), PortSide::kUplink);
  EXPECT_EQ(side("routed"), PortSide::kUplink);
  EXPECT_EQ(side("behind"), PortSide::kLocal);
  EXPECT_EQ(side("quiet"), PortSide::kUplink);
  EXPECT_EQ(side("discovered"), PortSide::kUplink);
  EXPECT_EQ(side("whole"), PortSide::kUplink);
  EXPECT_EQ(side("part"), PortSide::kUplink);
}

TEST(Config, RouterIdIsTheFirstIpv4Loopback) {
  EXPECT_EQ(to_string(good(kSmallest).router.id), "10.0.1.1");
  EXPECT_EQ(to_string(good("loopbacks: [\"2001:db8::1\", 10.0.0.2, 10.0.0.3/32]\n"
                           "ports: {up1: {device: d1}}")
                          .router.id),
            "10.0.0.2");
  EXPECT_EQ(to_string(good("router: {id: 10.9.9.9}\nports: {up1: {device: d1}}").router.id),
            "10.9.9.9");
}

constexpr std::string_view kFlow = R"(
router: {mode: host, asn: 64512, id: 10.0.1.1}
loopbacks: [10.0.1.1/32, "2001:db8:1::1/128"]
ports:
  up1: {device: "net_af_packet0,iface=up1"}
  up2: {device: "0000:03:00.1", mtu: 9000}
  lan: {device: "net_af_packet2,iface=lan", addresses: [192.168.101.254/24, "2001:db8:2::1/64"]}
services:
  - {name: web, address: 192.168.0.250/32}
routes:
  - {prefix: 198.51.100.0/24, via: [{port: lan, address: 192.168.101.20, weight: 2}]}
  - {prefix: 203.0.113.0/24, via: [{port: up1}, {port: up2, address: "fe80::1"}]}
  - {prefix: 10.0.0.0/8, blackhole: true}
bgp:
  timers: {keepalive: 2s, hold: 8s, connect-retry: 5s}
  max-paths: 16
  multipath-relax: off
  allow-own-as: 1
  neighbors:
    - {port: up1, remote-asn: external}
    - {port: up2, address: "fe80::1", remote-asn: 65002, passive: yes, timers: {hold: 30s}}
    - {address: 192.168.101.2, remote-asn: internal, allow-own-as: 0, description: the other one}
dataplane: {workers: 2, cpus: [1, 3], idle: poll, scheduling: realtime, offload: off, max-routes: {ipv4: 4096, ipv6: 2048}}
control: {socket: /tmp/lm.sock, group: users}
host: {interface: lm7, netns: edge, mtu: 9000, segments: off, default-route-metric: none}
)";

constexpr std::string_view kBlock = R"(---
# The same in block style, in another order, and with quotes where YAML allows them.
host:
  default-route-metric: none
  interface: "lm7"
  netns: "edge"
  segments: no
  mtu: 9000
bgp:
  neighbors:
    - port: up1
      remote-asn: external
    - address: fe80::1
      port: up2
      remote-asn: "65002"
      passive: true
      timers:
        hold: 30s
    - address: 192.168.101.2
      allow-own-as: 0
      description: the other one
      remote-asn: internal
  allow-own-as: 1
  max-paths: 16
  multipath-relax: false
  timers:
    connect-retry: 5s
    hold: 8s
    keepalive: 2s
routes:
  - prefix: 198.51.100.0/24
    via:
      - port: lan
        address: 192.168.101.20
        weight: 2
  - prefix: 203.0.113.0/24
    via:
      - port: up1
      - port: up2
        address: fe80::1
  - blackhole: true
    prefix: 10.0.0.0/8
services:
  - name: web
    address: 192.168.0.250
ports:
  up1:
    device: net_af_packet0,iface=up1
  up2:
    device: 0000:03:00.1
    mtu: 9000
  lan:
    device: net_af_packet2,iface=lan
    addresses:
      - 192.168.101.254/24
      - 2001:db8:2::1/64
loopbacks:
  - 10.0.1.1
  - 2001:db8:1::1
router:
  asn: 64512
  id: 10.0.1.1
control:
  group: users
  socket: /tmp/lm.sock
dataplane:
  cpus:
    - 1
    - 3
  idle: poll
  scheduling: realtime
  offload: off
  max-routes:
    ipv4: 4096
    ipv6: 2048
  workers: 2
...
)";

class Styles : public testing::TestWithParam<std::string_view> {};

TEST_P(Styles, SayTheSame) {
  const Config config = good(GetParam());
  EXPECT_EQ(config.router.mode, RouterMode::kHost);
  EXPECT_EQ(config.router.asn, bgp::Asn{64512});
  ASSERT_EQ(config.loopbacks.size(), 2U);
  EXPECT_EQ(to_string(config.loopbacks[1]), "2001:db8:1::1/128");

  ASSERT_EQ(config.ports.size(), 3U);
  EXPECT_EQ(config.ports[1].id, PortId{1});
  EXPECT_EQ(config.ports[1].name, "up2");
  EXPECT_EQ(config.ports[1].device, "0000:03:00.1");
  EXPECT_EQ(config.ports[1].mtu, 9000);
  ASSERT_EQ(config.ports[2].addresses.size(), 2U);
  EXPECT_EQ(to_string(config.ports[2].addresses[0].address), "192.168.101.254");
  EXPECT_EQ(config.ports[2].addresses[0].length, 24);

  ASSERT_EQ(config.services.size(), 1U);
  EXPECT_EQ(config.services[0].name, "web");
  EXPECT_EQ(to_string(config.services[0].address), "192.168.0.250/32");

  ASSERT_EQ(config.routes.size(), 3U);
  EXPECT_EQ(config.routes[0].via.at(0).port, PortId{2});
  EXPECT_EQ(config.routes[0].via.at(0).weight, 2);
  ASSERT_EQ(config.routes[1].via.size(), 2U);
  EXPECT_FALSE(config.routes[1].via[0].address);
  EXPECT_EQ(config.routes[1].via[0].weight, 1);
  EXPECT_TRUE(config.routes[2].blackhole);

  EXPECT_TRUE(config.bgp.enabled);
  EXPECT_EQ(config.bgp.max_paths, 16U);
  EXPECT_FALSE(config.bgp.multipath_relax);
  ASSERT_EQ(config.bgp.neighbors.size(), 3U);
  const BgpNeighborConfig& first = config.bgp.neighbors[0];
  EXPECT_EQ(first.name, "up1");
  EXPECT_EQ(first.port, PortId{0});
  EXPECT_FALSE(first.address);
  EXPECT_EQ(first.remote_asn.kind, RemoteAsn::Kind::kExternal);
  EXPECT_EQ(first.timers.keepalive, seconds{2});
  EXPECT_EQ(first.timers.hold, seconds{8});
  EXPECT_EQ(first.allow_own_as, 1);
  EXPECT_FALSE(first.passive);
  const BgpNeighborConfig& second = config.bgp.neighbors[1];
  EXPECT_EQ(second.name, "fe80::1%up2");
  EXPECT_EQ(second.remote_asn.kind, RemoteAsn::Kind::kNumber);
  EXPECT_EQ(second.remote_asn.number, bgp::Asn{65002});
  EXPECT_TRUE(second.passive);
  EXPECT_EQ(second.timers.hold, seconds{30});
  EXPECT_EQ(second.timers.keepalive, seconds{10});  // a third of its own hold time
  EXPECT_EQ(second.timers.connect_retry, seconds{5});
  const BgpNeighborConfig& third = config.bgp.neighbors[2];
  EXPECT_EQ(third.name, "192.168.101.2");
  EXPECT_FALSE(third.port);
  EXPECT_EQ(third.remote_asn.kind, RemoteAsn::Kind::kInternal);
  EXPECT_EQ(third.allow_own_as, 0);
  EXPECT_EQ(third.description, "the other one");

  EXPECT_EQ(config.dataplane.workers, 2U);
  EXPECT_EQ(config.dataplane.cpus, (std::vector<unsigned>{1, 3}));
  EXPECT_EQ(config.dataplane.idle, IdleMode::kPoll);
  EXPECT_EQ(config.dataplane.scheduling, SchedulingMode::kRealtime);
  EXPECT_EQ(config.dataplane.offload, OffloadMode::kOff);
  EXPECT_EQ(config.dataplane.max_routes_ipv4, 4096U);
  EXPECT_EQ(config.dataplane.max_routes_ipv6, 2048U);
  EXPECT_EQ(config.control.socket, "/tmp/lm.sock");
  EXPECT_EQ(config.control.group, "users");
  EXPECT_EQ(config.host.interface, "lm7");
  EXPECT_EQ(config.host.netns, "edge");
  EXPECT_EQ(config.host.mtu, 9000);
  EXPECT_FALSE(config.host.segments);
  EXPECT_FALSE(config.host.default_route_metric);
}

INSTANTIATE_TEST_SUITE_P(Config, Styles, testing::Values(kFlow, kBlock));

TEST(Config, HoldTimeBringsItsKeepalive) {
  const auto timers = [](const std::string& text) {
    return good(std::string{kSmallest} + "router: {asn: 1}\nbgp: {timers: {" + text +
                "}, neighbors: [{port: up1, remote-asn: external}]}\n")
        .bgp.neighbors.at(0)
        .timers;
  };
  EXPECT_EQ(timers("hold: 90s").keepalive, seconds{30});
  EXPECT_EQ(timers("hold: 2m").hold, seconds{120});
  EXPECT_EQ(timers("hold: 90s, keepalive: 5s").keepalive, seconds{5});
  EXPECT_EQ(timers("hold: 0s").hold, seconds{0});
  EXPECT_EQ(timers("hold: 3s").keepalive, seconds{1});
  EXPECT_EQ(timers("hold: 3000ms").hold, seconds{3});
}

TEST(Config, BgpWithoutNeighborsIsStillBgp) {
  const std::string text = std::string{kSmallest} + "router: {asn: 1}\nbgp:\n";
  EXPECT_TRUE(good(text).bgp.enabled);
  EXPECT_FALSE(good(kSmallest).bgp.enabled);
}

TEST(Config, AnchorsAndByteOrderMarksAreFine) {
  const Config config = good(
      "\xef\xbb\xbfloopbacks: [10.0.1.1/32]\r\n"
      "ports:\r\n  up1: {device: d1, mtu: &mtu 9000}\r\n  up2: {device: d2, mtu: *mtu}\r\n");
  EXPECT_EQ(config.ports.at(1).mtu, 9000);
}

TEST(Config, TheSameLinkLocalAddressMayBeOnSeveralPorts) {
  const Config config = good(
      "router: {asn: 1}\nloopbacks: [10.0.1.1/32]\nports: {up1: {device: a}, up2: {device: b}}\n"
      "bgp: {neighbors: [{port: up1, address: \"fe80::1\", remote-asn: external},\n"
      "                  {port: up2, address: \"fe80::1\", remote-asn: external}]}\n");
  EXPECT_EQ(config.bgp.neighbors.at(0).name, "fe80::1%up1");
  EXPECT_EQ(config.bgp.neighbors.at(1).name, "fe80::1%up2");
}

TEST(Config, TheServerExampleLoads) {
  const auto config = load_config(std::string{LASTMILE_SOURCE_ROOT} + "/conf/server.yaml");
  if (!config) FAIL() << to_string(config.error().front());
  EXPECT_EQ(config->ports.size(), 2U);
  EXPECT_EQ(config->bgp.neighbors.size(), 2U);
  EXPECT_EQ(to_string(config->router.id), "10.0.1.1");
}

TEST(Config, TheServerExampleDiffersInOneLine) {
  std::ifstream file{std::string{LASTMILE_SOURCE_ROOT} + "/conf/server.yaml"};
  int lines = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.find("10.0.1.1") != std::string::npos) ++lines;
  }
  EXPECT_EQ(lines, 1);
}

TEST(Config, RestartsAddPathAndGeneratedRoutes) {
  const Config config = good(R"(
loopbacks: [10.0.1.1/32]
router: {asn: 64512, mode: transit}
ports: {up1: {device: d1}}
policies: {upstream: {default: accept}}
bgp:
  graceful-restart: {mode: restarter, restart-time: 20s, long-lived-limit: 24h}
  aggregates: [{prefix: 10.0.0.0/8, summary-only: yes}, {prefix: "2001:db8::/32"}]
  default-originate: {ipv4: yes, if-present: [198.51.100.0/24], if-policy: upstream}
  neighbors:
    - {port: up1, remote-asn: external, add-path: receive, graceful-restart: {preserve-fw-state: yes}}
)");
  const BgpNeighborConfig& neighbor = config.bgp.neighbors[0];
  EXPECT_EQ(neighbor.add_path, AddPathUse::kReceive);
  EXPECT_EQ(neighbor.graceful_restart.mode, GracefulRestartConfig::Mode::kRestarter);
  EXPECT_EQ(neighbor.graceful_restart.restart_time, seconds{20});
  EXPECT_EQ(neighbor.graceful_restart.long_lived_limit, seconds{86400});
  EXPECT_TRUE(neighbor.graceful_restart.preserve_fw_state);
  EXPECT_FALSE(config.bgp.graceful_restart.preserve_fw_state);
  ASSERT_EQ(config.bgp.aggregates.size(), 2U);
  EXPECT_TRUE(config.bgp.aggregates[0].summary_only);
  EXPECT_EQ(to_string(config.bgp.aggregates[1].prefix), "2001:db8::/32");
  EXPECT_TRUE(config.bgp.default_originate.ipv4);
  EXPECT_FALSE(config.bgp.default_originate.ipv6);
  EXPECT_EQ(config.bgp.default_originate.if_present.size(), 1U);
  EXPECT_EQ(config.bgp.default_originate.if_policy, "upstream");
}

TEST(Config, SeveralPathsAndAigp) {
  const Config config = good(R"(
loopbacks: [10.0.1.1/32]
router: {asn: 64512, mode: transit}
ports: {up1: {device: d1}, up2: {device: d2}, up3: {device: d3}}
policies: {mine: {rules: [{set: {aigp: 18446744073709551614}}]}}
bgp:
  groups: {collectors: {remote-asn: external, add-path: send, add-path-limit: 4, aigp: yes}}
  neighbors:
    - {port: up1, group: collectors, export: mine}
    - {port: up2, group: collectors, add-path: both, add-path-families: ipv6, add-path-limit: all}
    - {port: up3, remote-asn: internal, aigp: no}
)");
  const auto& neighbors = config.bgp.neighbors;
  EXPECT_EQ(neighbors[0].add_path, AddPathUse::kSend);
  EXPECT_EQ(neighbors[0].add_path_limit, 4);
  EXPECT_EQ(neighbors[0].add_path_family, std::nullopt);
  EXPECT_EQ(neighbors[0].aigp, true);
  EXPECT_EQ(neighbors[1].add_path, AddPathUse::kBoth);
  EXPECT_EQ(neighbors[1].add_path_limit, kAllPaths);
  EXPECT_EQ(neighbors[1].add_path_family, bgp::Family::kIpv6Unicast);
  EXPECT_EQ(neighbors[2].add_path, AddPathUse::kOff);
  EXPECT_EQ(neighbors[2].aigp, false);
  EXPECT_EQ(config.policies[0].rules[0].set.aigp, UINT64_MAX - 1);
}

TEST(Config, NeighborsInheritFromTheirGroupAndTheGroupFromBgp) {
  const Config config = good(R"(
loopbacks: [10.0.1.1/32]
router: {asn: 64512}
ports: {up1: {device: d1}, up2: {device: d2}}
bgp:
  timers: {hold: 30s}
  allow-own-as: 2
  graceful-restart: {restart-limit: 30s}
  groups:
    leaves: {remote-asn: external, timers: {connect-retry: 7s}, enforce-first-as: no,
             max-prefixes: {limit: 100, action: warning}, description: a leaf,
             role: customer, role-strict: yes, graceful-restart: {stale-time: 60s}}
  neighbors:
    - {port: up1, group: leaves, graceful-restart: {notifications: yes}}
    - {port: up2, graceful-restart: {mode: off}, group: leaves, remote-asn: 65002, timers: {hold: 12s}, description: the other,
       allow-own-as: 0}
    - {listen: 10.9.0.0/16, port: up1, group: leaves, limit: 5, local-as: {asn: 65100, replace-as: on}}
    - {address: 203.0.113.7, remote-asn: 65003, multihop: 3, source: 10.0.1.1}
)");
  const auto& neighbors = config.bgp.neighbors;
  ASSERT_EQ(neighbors.size(), 4U);
  EXPECT_EQ(neighbors[0].remote_asn.kind, RemoteAsn::Kind::kExternal);
  EXPECT_EQ(neighbors[0].timers.connect_retry, seconds{7});
  EXPECT_EQ(neighbors[0].timers.hold, seconds{30});
  EXPECT_EQ(neighbors[0].timers.keepalive, seconds{10});
  EXPECT_EQ(neighbors[0].allow_own_as, 2);
  EXPECT_FALSE(neighbors[0].enforce_first_as);
  EXPECT_EQ(neighbors[0].max_prefixes.limit, 100U);
  EXPECT_EQ(neighbors[0].description, "a leaf");
  EXPECT_EQ(neighbors[0].role, bgp::Role::kCustomer);
  EXPECT_TRUE(neighbors[0].role_strict);
  EXPECT_FALSE(neighbors[3].role);
  using Mode = GracefulRestartConfig::Mode;
  EXPECT_EQ(neighbors[0].graceful_restart,
            (GracefulRestartConfig{Mode::kHelper, true, seconds{30}, seconds{60}}));
  EXPECT_EQ(neighbors[1].graceful_restart.mode, Mode::kOff);
  EXPECT_EQ(neighbors[3].graceful_restart,
            (GracefulRestartConfig{Mode::kHelper, std::nullopt, seconds{30}, seconds{360}}));
  EXPECT_EQ(neighbors[1].remote_asn.number, bgp::Asn{65002});
  EXPECT_EQ(neighbors[1].timers.hold, seconds{12});
  EXPECT_EQ(neighbors[1].timers.keepalive, seconds{4});
  EXPECT_EQ(neighbors[1].allow_own_as, 0);
  EXPECT_EQ(neighbors[1].description, "the other");
  EXPECT_EQ(neighbors[2].name, "10.9.0.0/16%up1");
  EXPECT_TRUE(neighbors[2].passive);
  EXPECT_EQ(neighbors[2].limit, 5U);
  EXPECT_EQ(neighbors[2].local_as.asn, bgp::Asn{65100});
  EXPECT_TRUE(neighbors[2].local_as.replace_as);
  EXPECT_EQ(neighbors[3].multihop, 3);
  EXPECT_EQ(neighbors[3].source, IpAddress{(Ipv4Address{10, 0, 1, 1})});
}

TEST(Ports, AsSourcesAsTheyAreTold) {
  const Config config = good(
      "loopbacks: [10.0.1.1/32]\nrouter: {asn: 64512}\n"
      "ports:\n"
      "  up1: {device: d1}\n"
      "  up2: {device: d2, admission: {reverse-path: loose}}\n"
      "  edge: {device: d3, admission: {reverse-path: strict, martians: full}}\n");
  EXPECT_EQ(config.ports[0].admission, Admission{});
  EXPECT_EQ(config.ports[1].admission, (Admission{.reverse_path = ReversePath::kLoose}));
  EXPECT_EQ(config.ports[2].admission,
            (Admission{.reverse_path = ReversePath::kStrict, .martians = Martians::kFull}));
}

TEST(Differences, OnlyWhatNeedsARestartIsNamed) {
  const auto with = [](const std::string& more, const char* device = "d1") {
    return good(std::string("loopbacks: [10.0.1.1/32]\nrouter: {asn: 64512}\n") +
                "ports: {up1: {device: " + device + "}}\n" + more);
  };
  using Keys = std::vector<std::string>;
  const Config running = with("bgp: {neighbors: [{port: up1, remote-asn: external}]}");
  EXPECT_EQ(config::restart_needed(running, running), Keys{});
  EXPECT_EQ(config::restart_needed(
                running, with("routes: [{prefix: 10.9.0.0/16, blackhole: yes}]\n"
                              "policies: {p: {default: accept}}\n"
                              "bgp: {neighbors: [{port: up1, remote-asn: 65001, import: p}]}")),
            Keys{});
  EXPECT_EQ(
      config::restart_needed(running, with("bgp: {neighbors: [{port: up1, remote-asn: external}]}",
                                           "d1, admission: {martians: full}")),
      Keys{"ports"});
  EXPECT_EQ(config::restart_needed(running, with("bgp: {max-paths: 2}\nhost: {mtu: 9000}", "d2")),
            (Keys{"ports", "bgp.max-paths, bgp.multipath-relax or bgp.link-bandwidth", "host"}));
  EXPECT_EQ(
      config::restart_needed(running, with("bgp: {neighbors: [{port: up1, remote-asn: external}]}\n"
                                           "host: {netns: edge}")),
      Keys{"host"});
  EXPECT_EQ(
      config::restart_needed(running, with("bgp: {neighbors: [{port: up1, remote-asn: external}]}\n"
                                           "dataplane: {offload: off}")),
      Keys{"dataplane"});
}

TEST(Config, ServiceChecks) {
  const auto config = parse_config(R"(
router: {asn: 64512}
loopbacks: [10.0.1.1/32]
ports: {up1: {device: net_null0}}
services:
  - {name: a, address: 192.168.0.1, check: {tcp: 80, every: 200ms}}
  - name: b
    address: 192.168.0.2
    check: {http: 443, address: 127.0.0.1, path: /up, host: www.example.org, status: 200-399,
            tls: verify, ca-file: /etc/ca.pem, every: 5s, timeout: 2s, rise: 1, fall: 4}
    degraded: {med: 10, communities: [graceful-shutdown]}
  - {name: c, address: 192.168.0.3, check: {exec: [/bin/true, "-x"]}}
  - {name: d, address: 192.168.0.4}
)",
                                   "f");
  ASSERT_TRUE(config) << to_string(config.error()[0]);
  const ServiceCheck& tcp = *config->services[0].check;
  EXPECT_EQ(tcp.tcp, 80);
  EXPECT_EQ(tcp.timeout, std::chrono::milliseconds{200}) << "no longer than every";
  EXPECT_EQ(tcp.rise, 3U);
  EXPECT_EQ(tcp.fall, 2U);
  EXPECT_FALSE(config->services[0].degraded);
  const ServiceCheck& http = *config->services[1].check;
  EXPECT_EQ(http.http, 443);
  EXPECT_EQ(to_string(*http.address), "127.0.0.1");
  EXPECT_EQ(http.path, "/up");
  EXPECT_EQ(http.host, "www.example.org");
  EXPECT_EQ(http.status, (StatusRange{200, 399}));
  EXPECT_EQ(http.tls, ServiceCheck::Tls::kVerify);
  EXPECT_EQ(http.ca_file, "/etc/ca.pem");
  EXPECT_EQ(http.fall, 4U);
  EXPECT_EQ(config->services[1].degraded->med, 10U);
  ASSERT_EQ(config->services[1].degraded->communities.size(), 1U);
  EXPECT_EQ(config->services[2].check->exec, (std::vector<std::string>{"/bin/true", "-x"}));
  EXPECT_FALSE(config->services[3].check);
}

}  // namespace
}  // namespace lastmile
