#include "controlplane/config/differences.h"

#include <algorithm>
#include <tuple>

namespace lastmile::config {
namespace {

auto facts(const RouterConfig& router) {
  return std::tuple(router.mode, router.asn, router.id);
}
auto facts(const DataplaneConfig& dataplane) {
  return std::tuple(dataplane.workers, dataplane.cpus, dataplane.idle, dataplane.scheduling,
                    dataplane.max_routes_ipv4, dataplane.max_routes_ipv6, dataplane.offload);
}
auto facts(const ControlConfig& control) {
  return std::tuple(control.socket, control.group, control.read_group);
}
auto facts(const HostConfig& host) {
  return std::tuple(host.interface, host.netns, host.mtu, host.send_mtu, host.segments,
                    host.default_route_metric);
}
auto facts(const SystemConfig& system) {
  return std::tuple(system.user, system.system_calls);
}
auto decision(const BgpConfig& bgp) {
  return std::tuple(bgp.enabled, bgp.max_paths, bgp.multipath_relax, bgp.use_link_bandwidth);
}

bool same(const PortConfig& a, const PortConfig& b) {
  const auto facts = [](const PortConfig& port) {
    return std::tuple(port.name, port.device, port.parent, port.mtu, port.side, port.admission);
  };
  return facts(a) == facts(b) && a.tags() == b.tags() &&
         std::ranges::equal(a.addresses, b.addresses, [](const auto& x, const auto& y) {
           return x.address == y.address && x.length == y.length;
         });
}
bool same(const ServiceConfig& a, const ServiceConfig& b) {
  return std::tie(a.name, a.address) == std::tie(b.name, b.address);
}

template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return std::ranges::equal(a, b, [](const T& x, const T& y) { return same(x, y); });
}

}  // namespace

std::vector<std::string> restart_needed(const Config& running, const Config& wanted) {
  std::vector<std::string> keys;
  const auto check = [&](bool same, const char* key) {
    if (!same) keys.emplace_back(key);
  };
  check(facts(running.router) == facts(wanted.router), "router");
  check(running.loopbacks == wanted.loopbacks, "loopbacks");
  check(same(running.ports, wanted.ports), "ports");
  check(same(running.services, wanted.services), "services");
  check(decision(running.bgp) == decision(wanted.bgp),
        "bgp.max-paths, bgp.multipath-relax or bgp.link-bandwidth");
  check(facts(running.dataplane) == facts(wanted.dataplane), "dataplane");
  check(facts(running.control) == facts(wanted.control), "control");
  check(facts(running.host) == facts(wanted.host), "host");
  check(running.telemetry.listen == wanted.telemetry.listen, "telemetry");
  check(facts(running.system) == facts(wanted.system), "system");
  return keys;
}

}  // namespace lastmile::config
