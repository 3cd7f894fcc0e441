#include "controlplane/config/checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "controlplane/config/suggest.h"
#include "dataplane/net/format.h"
#include "dataplane/net/martian.h"

namespace lastmile::config {
namespace {

using std::chrono::seconds;

std::string item(const char* list, std::size_t index, const char* key = nullptr) {
  return key == nullptr ? fmt::format("{}[{}]", list, index)
                        : fmt::format("{}[{}].{}", list, index, key);
}

class Checker {
 public:
  Checker(Config& config, Reader& reader) : config_(config), reader_(reader) {}

  void run() {
    addresses();
    services();
    router();
    ports();
    routes();
    bfd();
    bgp();
    sides();
    announced_routes();
    dataplane();
    host();
  }

 private:
  void complain(const std::string& path, std::string message) {
    reader_.complain(reader_.places().of(path), std::move(message));
  }
  [[nodiscard]] bool given(const std::string& path) const {
    return reader_.places().has(path) && !reader_.failed(path);
  }
  [[nodiscard]] bool failed(const std::string& path) const { return reader_.failed(path); }

  /// Values that may stand only once, each with the place that it was first met at.
  template <class Value>
  class Once {
   public:
    explicit Once(Checker& checker) : checker_(checker) {}
    void add(const Value& value, const std::string& path, const std::string& text) {
      const auto [first, is_new] = first_.emplace(value, path);
      if (is_new) return;
      checker_.complain(path, fmt::format("{} is there twice; expected once, as in line {}", text,
                                          checker_.reader_.places().of(first->second).line));
    }

   private:
    Checker& checker_;
    std::map<Value, std::string> first_;
  };

  /// Every address that is ours may be so by one reason only.
  void addresses() {
    Once<IpAddress> ours{*this};
    const auto add = [&](const IpAddress& address, const std::string& path) {
      ours.add(address, path, fmt::format("address {}", address));
    };
    // Items that were refused left no value behind, so values and paths part ways after them.
    std::size_t value = 0;
    for (std::size_t i = 0; reader_.places().has(item("loopbacks", i)); ++i) {
      if (failed(item("loopbacks", i))) continue;
      add(address_of(config_.loopbacks[value++]), item("loopbacks", i));
    }
    Once<std::string> names{*this};
    for (std::size_t i = 0; i < config_.services.size(); ++i) {
      const ServiceConfig& service = config_.services[i];
      if (const std::string path = item("services", i, "name"); given(path)) {
        names.add(service.name, path, fmt::format("service \"{}\"", service.name));
      }
      if (const std::string path = item("services", i, "address"); given(path)) {
        add(address_of(service.address), path);
      }
    }
    for (const PortConfig& port : config_.ports) {
      const std::string list = fmt::format("ports.{}.addresses", port.name);
      value = 0;
      for (std::size_t i = 0; reader_.places().has(item(list.c_str(), i)); ++i) {
        const std::string path = item(list.c_str(), i);
        if (failed(path)) continue;
        const IpAddress& address = port.addresses[value++].address;
        // The same link-local address on several ports is nothing unusual.
        if (!is_ipv6_link_local(address)) add(address, path);
      }
    }
  }

  void services() {
    for (std::size_t i = 0; i < config_.services.size(); ++i) {
      ServiceConfig& service = config_.services[i];
      const std::string path = item("services", i);
      if (service.check) service_check(*service.check, path + ".check");
      if (!service.degraded || failed(path + ".degraded")) continue;
      if (!service.check) {
        complain(path + ".degraded",
                 "\"degraded\" without \"check\"; expected a check that may fail");
      } else if (!service.degraded->med && service.degraded->communities.empty()) {
        complain(path + ".degraded",
                 "\"degraded\" says nothing; expected \"med\", \"communities\" or both");
      }
    }
  }

  void service_check(ServiceCheck& check, const std::string& path) {
    if (failed(path)) return;
    constexpr std::array kKinds{"tcp", "http", "exec"};
    std::size_t kinds = 0;
    for (const char* kind : kKinds) {
      const std::string key = fmt::format("{}.{}", path, kind);
      if (failed(key) || failed(key + "[0]")) return;
      if (reader_.places().has(key)) ++kinds;
    }
    if (kinds != 1) {
      complain(path, fmt::format("check has {} of \"tcp\", \"http\" and \"exec\"; expected one",
                                 kinds == 0 ? "none" : "more than one"));
      return;
    }
    if (!check.http && !check.tcp && check.exec.empty()) {
      return complain(path + ".exec", "exec is empty; expected a program and its arguments");
    }
    if (!check.exec.empty() && !check.exec[0].starts_with('/')) {
      complain(path + ".exec[0]", fmt::format("\"{}\" is no absolute path; expected one such as "
                                              "/usr/local/bin/check-web",
                                              check.exec[0]));
    }
    constexpr std::array kHttpOnly{"path", "host", "status", "tls", "ca-file"};
    for (const char* key : kHttpOnly) {
      if (!check.http && given(fmt::format("{}.{}", path, key))) {
        complain(fmt::format("{}.{}", path, key),
                 fmt::format("\"{}\" is for http; expected it to be absent", key));
      }
    }
    if (!check.exec.empty() && given(path + ".address")) {
      complain(path + ".address", "\"address\" is for tcp and http; expected it to be absent");
    }
    if (!check.path.starts_with('/')) {
      complain(
          path + ".path",
          fmt::format("\"{}\" does not start with /; expected a path such as /health", check.path));
    }
    if (!given(path + ".timeout")) check.timeout = std::min(check.timeout, check.every);
    if (check.timeout > check.every) {
      complain(path + ".timeout", "timeout is longer than every; expected at most as long");
    }
  }

  void router() {
    if (!given("router.id") && !failed("router.id") && !failed("loopbacks")) {
      const auto first =
          std::find_if(config_.loopbacks.begin(), config_.loopbacks.end(),
                       [](const IpPrefix& p) { return std::holds_alternative<Ipv4Prefix>(p); });
      if (first != config_.loopbacks.end()) {
        config_.router.id = std::get<Ipv4Prefix>(*first).address();
      } else if (!any_loopback_failed()) {
        complain("router",
                 "router has no id and there is no IPv4 loopback to take it from; expected an IPv4 "
                 "address in \"loopbacks\", or \"id\" in \"router\"");
      }
    }
    const bool has_asn = given("router.asn") || failed("router.asn");
    if (reader_.places().has("bgp") && !has_asn && !failed("router")) {
      complain(reader_.places().has("router") ? "router" : "bgp",
               "router has no \"asn\", which bgp needs; expected our own AS number");
    }
  }

  [[nodiscard]] bool any_loopback_failed() const {
    for (std::size_t i = 0; reader_.places().has(item("loopbacks", i)); ++i) {
      if (failed(item("loopbacks", i))) return true;
    }
    return false;
  }

  void ports() {
    subnets();
    parents();
    vlans();
    ethernet_devices();
    Once<std::string> devices{*this};
    for (const PortConfig& port : config_.ports) {
      const std::string path = "ports." + port.name;
      if (given(path + ".device")) {
        devices.add(port.device, path + ".device", fmt::format("device \"{}\"", port.device));
      }
      if (std::string{kTwinPrefix} + port.name == config_.host.interface) {
        complain(path, fmt::format("port \"{}\" would have the host interface's name \"{}\"; "
                                   "expected another name for one of them",
                                   port.name, config_.host.interface));
      }
    }
  }

  /// Whose device each port is on.
  void parents() {
    for (PortConfig& port : config_.ports) {
      port.device_port = port.id;
      const std::string path = fmt::format("ports.{}.parent", port.name);
      if (!given(path)) continue;
      const PortConfig* const parent = parent_of(port, path);
      if (parent == nullptr) continue;
      port.device_port = parent->id;
      const std::string own = "ports." + port.name;
      if (given(own + ".device")) {
        complain(path,
                 fmt::format("port {} has both \"device\" and \"parent\"; expected one of them",
                             port.name));
      }
      if (!reader_.places().has(own + ".vlan")) {
        complain(path, fmt::format("port {} has a parent and no \"vlan\"; expected the VLAN that "
                                   "tells its frames from those of {}",
                                   port.name, parent->name));
      }
      // Its own default is the table's until here.
      if (!given(own + ".mtu")) port.mtu = parent->mtu;
      if (port.mtu > parent->mtu && !failed("ports." + parent->name + ".mtu")) {
        complain(own + ".mtu", fmt::format("mtu {} is more than the {} of parent {}; expected at "
                                           "most that",
                                           port.mtu, parent->mtu, parent->name));
      }
    }
  }

  const PortConfig* parent_of(const PortConfig& port, const std::string& path) {
    const auto parent = std::ranges::find(config_.ports, port.parent, &PortConfig::name);
    if (parent == config_.ports.end()) {
      std::vector<std::string> others;
      for (const PortConfig& other : config_.ports) {
        if (other.parent.empty()) others.push_back(other.name);
      }
      const auto meant = nearest(port.parent, others);
      complain(path, fmt::format("parent: \"{}\" is not a port; {}", port.parent,
                                 meant ? fmt::format("did you mean \"{}\"?", *meant)
                                       : "expected the name of a port with a device"));
      return nullptr;
    }
    if (parent->id == port.id) {
      complain(path, fmt::format("parent: \"{}\" is the port itself; expected the name of a port "
                                 "with a device",
                                 port.parent));
      return nullptr;
    }
    if (!parent->parent.empty()) {
      complain(path, fmt::format("port {} has no device of its own; expected its parent \"{}\"",
                                 parent->name, parent->parent));
      return nullptr;
    }
    return &*parent;
  }

  void vlans() {
    // By numbers alone: not every device tells what protocol an outer tag was of.
    Once<std::tuple<PortId, std::vector<std::uint16_t>>> once{*this};
    for (const PortConfig& port : config_.ports) {
      const std::string path = fmt::format("ports.{}.vlan", port.name);
      if (port.vlan.empty() && given(path) && !failed(path + "[0]")) {
        complain(path,
                 "vlan: found an empty list; expected one VLAN, or an outer and an inner one");
      }
      if (given(path + "-protocol") && !reader_.places().has(path)) {
        complain(path + "-protocol",
                 "\"vlan-protocol\" without a VLAN; expected \"vlan\" beside it");
      }
      if (port.vlan.empty() || failed(path) || failed(path + "[0]") || failed(path + "[1]"))
        continue;
      once.add({port.device_port, port.vlan}, path,
               fmt::format("VLAN {} of port {}", fmt::join(port.vlan, " "),
                           config_.ports[port.device_port.value()].name));
    }
  }

  /// Every device is one to DPDK, and so is the twin of every port, and the host interface.
  void ethernet_devices() {
    constexpr std::size_t kMost = 32;
    std::size_t used = 1;
    for (const PortConfig& port : config_.ports) {
      used += port.parent.empty() ? 2 : 1;
      if (used <= kMost) continue;
      complain("ports",
               fmt::format("ports: {} are too many for DPDK, from \"{}\" on; expected at most 15 "
                           "devices, or {} less the devices for ports that share some",
                           config_.ports.size(), port.name, kMost - 1));
      return;
    }
  }

  /// Two ports with the same subnet, or one inside the other: nobody could tell where a neighbor
  /// is.
  void subnets() {
    struct Subnet {
      IpPrefix prefix;
      const PortConfig* port;
    };
    std::vector<Subnet> all;
    for (const PortConfig& port : config_.ports) {
      if (failed_addresses(port)) continue;
      for (std::size_t i = 0; i < port.addresses.size(); ++i) {
        const auto& own = port.addresses[i];
        if (is_ipv6_link_local(own.address)) continue;
        const IpPrefix prefix = own.subnet();
        for (const Subnet& other : all) {
          if (other.port == &port ||
              !(covers(other.prefix, prefix) || covers(prefix, other.prefix)))
            continue;
          complain(
              item(fmt::format("ports.{}.addresses", port.name).c_str(), i),
              fmt::format("subnet {} overlaps {} of port {}; expected every subnet on one port",
                          prefix, other.prefix, other.port->name));
          break;
        }
        all.push_back({prefix, &port});
      }
    }
  }

  void routes() {
    Once<IpPrefix> prefixes{*this};
    for (std::size_t i = 0; i < config_.routes.size(); ++i) {
      const StaticRouteConfig& route = config_.routes[i];
      const std::string path = item("routes", i);
      if (given(path + ".prefix")) {
        prefixes.add(route.prefix, path + ".prefix", fmt::format("route {}", route.prefix));
        own_destination(route.prefix, path + ".prefix");
        if (!route.blackhole && is_martian(route.prefix)) {
          complain(path + ".prefix",
                   fmt::format("{} is never anybody's destination (RFC 6890); expected another "
                               "prefix, or \"blackhole: true\" to drop its packets",
                               route.prefix));
        }
      }
      if (failed(path) || failed(path + ".via") || failed(path + ".blackhole")) continue;
      if (route.blackhole && !route.via.empty()) {
        complain(path + ".via", "route has both \"via\" and \"blackhole\"; expected one of them");
      } else if (!route.blackhole && route.via.empty()) {
        complain(path,
                 "route has no next hop; expected \"via: [{port: NAME}]\", or \"blackhole: "
                 "true\" to drop its packets");
      }
      for (std::size_t v = 0; v < route.via.size(); ++v) via(route, i, v);
    }
  }

  /// What is inside an address of our own is ours already: such a route would have no effect.
  void own_destination(const IpPrefix& prefix, const std::string& path) {
    if (const auto own = inside_own(prefix)) {
      complain(path, fmt::format("{} is this router's own address {}; expected a destination "
                                 "somewhere else",
                                 prefix, *own));
    }
  }

  [[nodiscard]] std::optional<IpPrefix> inside_own(const IpPrefix& prefix) const {
    for (const IpPrefix& loopback : config_.loopbacks) {
      if (covers(loopback, prefix)) return loopback;
    }
    for (const ServiceConfig& service : config_.services) {
      if (covers(service.address, prefix)) return service.address;
    }
    for (const PortConfig& port : config_.ports) {
      for (const auto& own : port.addresses) {
        const IpPrefix host = host_prefix(own.address);
        if (covers(host, prefix)) return host;
      }
    }
    return std::nullopt;
  }

  void via(const StaticRouteConfig& route, std::size_t route_index, std::size_t index) {
    const StaticRouteConfig::Via& via = route.via[index];
    const std::string path = item((item("routes", route_index) + ".via").c_str(), index);
    if (!given(path + ".port") || failed(path + ".address")) return;
    if (via.address) {
      // IPv4 over an IPv6 next hop is fine (RFC 8950); the other way round there is no such thing.
      if (given(item("routes", route_index, "prefix")) &&
          std::holds_alternative<Ipv6Prefix>(route.prefix) &&
          std::holds_alternative<Ipv4Address>(*via.address)) {
        complain(path + ".address", fmt::format("an IPv6 route can't go by the IPv4 next hop {}; "
                                                "expected an IPv6 address",
                                                *via.address));
        return;
      }
      // A host that is itself on the link needs no subnet there.
      const bool is_destination =
          given(item("routes", route_index, "prefix")) && host_prefix(*via.address) == route.prefix;
      if (!is_destination) on_link(path + ".address", *via.address, via.port);
    }
    for (std::size_t other = 0; other < index; ++other) {
      if (route.via[other].port == via.port && route.via[other].address == via.address &&
          given(item((item("routes", route_index) + ".via").c_str(), other) + ".port")) {
        complain(path, "next hop is there twice; expected once, with a weight");
        return;
      }
    }
  }

  [[nodiscard]] const PortConfig* port_with_subnet(const IpPrefix& prefix) const {
    const auto found = std::ranges::find_if(config_.ports, [&](const PortConfig& port) {
      return std::ranges::any_of(port.addresses,
                                 [&](const auto& own) { return own.subnet() == prefix; });
    });
    return found == config_.ports.end() ? nullptr : &*found;
  }

  /// Explicit, and nothing that could make a host a transit node: what is announced lies behind
  /// ports that nobody else is behind.
  void announced_routes() {
    for (std::size_t i = 0; i < config_.routes.size(); ++i) {
      const StaticRouteConfig& route = config_.routes[i];
      const std::string path = item("routes", i);
      if (!route.announce || failed(path) || failed(path + ".via")) continue;
      if (route.blackhole) {
        complain(path + ".announce",
                 "a blackhole can't be announced; expected \"via\" with the port of a guest");
      }
      if (given(path + ".prefix") && length_of(route.prefix) == 0) {
        complain(path + ".prefix",
                 fmt::format("{} can't be announced as a guest's; expected guests' addresses, or "
                             "bgp.default-originate",
                             route.prefix));
      }
      if (const PortConfig* port = port_with_subnet(route.prefix)) {
        complain(path + ".prefix",
                 fmt::format("{} is the subnet of port {}; expected the addresses of guests in it",
                             route.prefix, port->name));
      }
      if (config_.router.mode != RouterMode::kHost) continue;
      for (std::size_t v = 0; v < route.via.size(); ++v) {
        const std::string place = item((path + ".via").c_str(), v) + ".port";
        if (!given(place)) continue;
        const PortConfig& port = config_.ports[route.via[v].port.value()];
        if (port.side == PortSide::kLocal || failed(fmt::format("ports.{}.side", port.name))) {
          continue;
        }
        complain(place, fmt::format("port {} is an uplink, and in host mode nothing behind one is "
                                    "announced; expected \"side: local\" in ports.{}",
                                    port.name, port.name));
      }
    }
  }

  /// `address` must be a neighbor on the port's link, and not ours.
  void on_link(const std::string& path, const IpAddress& address, PortId id) {
    const PortConfig& port = config_.ports[id.value()];
    if (failed_addresses(port)) return;
    if (inside_own(host_prefix(address))) {
      complain(path,
               fmt::format("{} is this router's own address; expected the neighbor's", address));
      return;
    }
    if (is_ipv6_link_local(address)) return;
    const bool reachable =
        std::any_of(port.addresses.begin(), port.addresses.end(),
                    [&](const auto& ours) { return contains(ours.subnet(), address); });
    if (!reachable) {
      complain(path, fmt::format("{} is in no subnet of port {}; expected a link-local address, or "
                                 "an address in ports.{}.addresses whose subnet it is in",
                                 address, port.name, port.name));
    }
  }

  [[nodiscard]] bool failed_addresses(const PortConfig& port) const {
    const std::string list = fmt::format("ports.{}.addresses", port.name);
    for (std::size_t i = 0; reader_.places().has(item(list.c_str(), i)); ++i) {
      if (failed(item(list.c_str(), i))) return true;
    }
    return failed(list);
  }

  void bfd() {
    for (BfdProfile& profile : config_.bfd.profiles) {
      const std::string path = "bfd.profiles." + profile.name;
      if (failed(path)) continue;
      const bool unaffiliated = profile.echo == BfdEcho::kUnaffiliated;
      if (profile.strict && unaffiliated) {
        complain(path + ".strict",
                 "BGP can't wait for unaffiliated echo, which returns only when the neighbor has a "
                 "route to us; expected strict: false");
      }
      if (unaffiliated && config_.loopbacks.empty() && !any_loopback_failed()) {
        complain(path + ".echo",
                 "unaffiliated echo needs an address of ours; expected one in \"loopbacks\"");
      }
      bfd_authentication(profile, path);
    }
  }

  void bfd_authentication(BfdProfile& profile, const std::string& path) {
    if (failed(path + ".auth") || failed(path + ".auth-key-file")) return;
    if (profile.auth == BfdAuth::kNone) {
      if (given(path + ".auth-key-file")) {
        complain(path + ".auth-key-file", "key without \"auth\"; expected auth: sha1, say");
      }
      return;
    }
    if (profile.echo == BfdEcho::kUnaffiliated) {
      complain(path + ".auth",
               "unaffiliated echo has authentication of its own; expected auth: none");
      return;
    }
    if (!given(path + ".auth-key-file")) {
      complain(path + ".auth", "authentication without a key; expected \"auth-key-file\"");
      return;
    }
    const std::size_t longest = profile.auth == BfdAuth::kSimple ? 16 : 20;
    const auto content = reader_.scope().secret(profile.auth_key_file);
    if (content) profile.auth_key = content->substr(0, content->find('\n'));
    if (!content) {
      complain(path + ".auth-key-file",
               fmt::format("{} {}; {}", profile.auth_key_file, content.error().wrong,
                           content.error().expected));
    } else if (content->empty()) {
      complain(path + ".auth-key-file",
               fmt::format("{} is empty; expected a key in its first line", profile.auth_key_file));
    } else if (profile.auth_key.empty() || profile.auth_key.size() > longest) {
      complain(path + ".auth-key-file",
               fmt::format("the key in {} has {} characters; expected 1 to {}",
                           profile.auth_key_file, profile.auth_key.size(), longest));
    }
  }

  void bgp() {
    config_.bgp.enabled = reader_.places().has("bgp");
    complete_timers(config_.bgp.timers, "bgp.timers");
    for (BgpGroupConfig& group : config_.bgp.groups) {
      const std::string path = "bgp.groups." + group.name;
      inherit_timers(group, config_.bgp.timers, path + ".timers");
      peer_options(group, path);
    }
    generated_routes();
    Once<std::string> names{*this};
    std::map<PortId, std::string> unnumbered;
    std::map<PortId, std::string> link_local;
    for (std::size_t i = 0; i < config_.bgp.neighbors.size(); ++i) {
      BgpNeighborConfig& neighbor = config_.bgp.neighbors[i];
      const std::string path = item("bgp.neighbors", i);
      const BgpGroupConfig* group = group_of(neighbor);
      inherit_timers(neighbor, group != nullptr ? group->timers : config_.bgp.timers,
                     path + ".timers");
      peer_options(neighbor, path);
      const bool has_asn = given(path + ".remote-asn") || failed(path + ".remote-asn") ||
                           failed(path + ".group") ||
                           (group != nullptr && given("bgp.groups." + group->name + ".remote-asn"));
      if (!has_asn && !failed(path)) {
        complain(path, fmt::format("\"remote-asn\" is missing in {}; expected external, internal "
                                   "or an AS number, here or in its group",
                                   path));
      }
      if (failed(path) || failed(path + ".port") || failed(path + ".address")) continue;
      neighbor_place(neighbor, path);
      if (!neighbor.name.empty()) {
        names.add(neighbor.name, path, fmt::format("neighbor {}", neighbor.name));
      }
      if (!neighbor.port) continue;
      if (neighbor.listen) continue;
      // Whoever is discovered on the port may be the one that is named by address.
      const bool discovered = !neighbor.address;
      if (!discovered && !is_ipv6_link_local(*neighbor.address)) continue;
      (discovered ? unnumbered : link_local).emplace(*neighbor.port, path);
      const auto& others = discovered ? link_local : unnumbered;
      if (const auto other = others.find(*neighbor.port); other != others.end()) {
        complain(path,
                 fmt::format("port {} has an unnumbered neighbor and a link-local one, as in line "
                             "{}; expected one or the other",
                             config_.ports[neighbor.port->value()].name,
                             reader_.places().of(other->second).line));
      }
    }
  }

  /// A host announces what is its own: a key that could have no effect is an error.
  void generated_routes() {
    const bool host = config_.router.mode == RouterMode::kHost && !failed("router.mode");
    Once<IpPrefix> prefixes{*this};
    for (std::size_t i = 0; i < config_.bgp.aggregates.size(); ++i) {
      const std::string path = item("bgp.aggregates", i);
      if (failed(path) || failed(path + ".prefix")) continue;
      const IpPrefix& prefix = config_.bgp.aggregates[i].prefix;
      prefixes.add(prefix, path, fmt::format("aggregate {}", prefix));
      if (length_of(prefix) == 0) {
        complain(path + ".prefix",
                 fmt::format("{} is the default route; expected a longer prefix, or "
                             "\"default-originate\"",
                             prefix));
      }
    }
    for (const char* key : {"bgp.aggregates", "bgp.default-originate"}) {
      if (!host || !reader_.places().has(key)) continue;
      complain(key,
               "in host mode only loopbacks and services are announced; expected mode: "
               "transit in \"router\", or none of these");
    }
  }

  [[nodiscard]] const BgpGroupConfig* group_of(const BgpNeighborConfig& neighbor) const {
    const auto& groups = config_.bgp.groups;
    const auto found = std::find_if(groups.begin(), groups.end(),
                                    [&](const auto& g) { return g.name == neighbor.group; });
    return found == groups.end() ? nullptr : &*found;
  }

  /// Settings that exclude each other.
  void peer_options(const BgpPeerOptions& peer, const std::string& path) {
    if (peer.multihop != 0 && peer.ttl_security != 0) {
      complain(path,
               "both \"multihop\" and \"ttl-security\"; expected one of them: the second "
               "says how many hops, too");
    }
    const bool internal = peer.remote_asn.kind == RemoteAsn::Kind::kInternal ||
                          (peer.remote_asn.kind == RemoteAsn::Kind::kNumber &&
                           peer.remote_asn.number == config_.router.asn);
    if (peer.local_as.asn && (internal || peer.local_as.asn == config_.router.asn)) {
      complain(path + ".local-as",
               "local-as is for an external neighbor, and not router.asn; "
               "expected another AS number, or none");
    }
    if (peer.role && internal) {
      complain(path + ".role", "role is for an external neighbor; expected none here");
    }
    if (peer.role_strict && !peer.role) {
      complain(path + ".role-strict", "role-strict without a role; expected \"role\" beside it");
    }
    const bool sends_paths =
        peer.add_path == AddPathUse::kSend || peer.add_path == AddPathUse::kBoth;
    const bool add_path_known = !failed(path + ".add-path");
    if (given(path + ".add-path-limit") && !sends_paths && add_path_known) {
      complain(path + ".add-path-limit",
               "add-path-limit where one path is sent; expected add-path: send or both beside it");
    }
    if (given(path + ".add-path-families") && peer.add_path == AddPathUse::kOff && add_path_known) {
      complain(path + ".add-path-families",
               "add-path-families without add-path; expected it beside them");
    }
    export_policy(peer, path);
    if (peer.source && !inside_own(host_prefix(*peer.source)) && given(path + ".source")) {
      complain(path + ".source", fmt::format("{} is not an address of this router; expected a "
                                             "loopback, a service or a port's address",
                                             *peer.source));
    }
  }

  /// What only the way in can be changed to.
  void export_policy(const BgpPeerOptions& peer, const std::string& path) {
    if (!given(path + ".export")) return;
    for (const policy::Rules& policy : config_.policies) {
      if (policy.name != peer.export_policy) continue;
      const bool misplaced = std::ranges::any_of(policy.rules, [](const policy::Rule& rule) {
        return rule.set.next_hop || rule.set.weight || !rule.match.next_hops.empty();
      });
      if (!misplaced) continue;
      complain(path + ".export",
               fmt::format("policy {} speaks of next hops or weights, which only an import has; "
                           "expected another one",
                           policy.name));
    }
  }

  void listen_range(BgpNeighborConfig& neighbor, const std::string& path) {
    neighbor.name = fmt::format("{}", *neighbor.listen);
    if (neighbor.port) neighbor.name += '%' + config_.ports[neighbor.port->value()].name;
    neighbor.passive = true;
    if (neighbor.address) {
      complain(path, "neighbor has both \"address\" and \"listen\"; expected one of them");
    }
  }

  void neighbor_place(BgpNeighborConfig& neighbor, const std::string& path) {
    if (failed(path + ".listen")) return;
    if (neighbor.listen) return listen_range(neighbor, path);
    if (!neighbor.port && !neighbor.address) {
      complain(path, "neighbor has neither \"port\" nor \"address\"; expected at least one");
      return;
    }
    if (!neighbor.address) {
      neighbor.name = config_.ports[neighbor.port->value()].name;
      return;
    }
    neighbor.name = to_string(*neighbor.address);
    if (neighbor.port) {
      if (is_ipv6_link_local(*neighbor.address)) {
        neighbor.name += '%' + config_.ports[neighbor.port->value()].name;
      }
      on_link(path + ".address", *neighbor.address, *neighbor.port);
    } else if (is_ipv6_link_local(*neighbor.address)) {
      complain(path + ".address",
               fmt::format("{} is link-local and may be on any port; expected \"port\" beside it",
                           *neighbor.address));
    } else if (may_be_remote(neighbor)) {
      if (inside_own(host_prefix(*neighbor.address))) {
        complain(path + ".address", fmt::format("{} is this router's own address; expected the "
                                                "neighbor's",
                                                *neighbor.address));
      } else if (!is_on_a_link(*neighbor.address)) {
        multihop_bfd(neighbor, path);
      }
    } else {
      addressed(path + ".address", *neighbor.address);
    }
  }

  [[nodiscard]] bool is_on_a_link(const IpAddress& address) const {
    return std::ranges::any_of(config_.ports, [&](const PortConfig& port) {
      return std::ranges::any_of(
          port.addresses, [&](const auto& ours) { return contains(ours.subnet(), address); });
    });
  }

  /// RFC 5883: between two fixed addresses, and without echo, which routers on the way would
  /// return.
  void multihop_bfd(const BgpNeighborConfig& neighbor, const std::string& path) {
    if (!neighbor.bfd || failed(path + ".bfd")) return;
    const BfdProfile& profile = config_.bfd.profiles[*neighbor.bfd];
    if (profile.echo != BfdEcho::kOff) {
      complain(path, fmt::format("BFD profile {} has echo, and {} is behind routers; expected a "
                                 "profile without echo for it",
                                 profile.name, *neighbor.address));
    }
    const bool has_loopback = std::ranges::any_of(config_.loopbacks, [&](const IpPrefix& loopback) {
      return address_of(loopback).index() == neighbor.address->index();
    });
    if (!neighbor.source && !has_loopback && !any_loopback_failed()) {
      complain(path, fmt::format("BFD with {} needs an address of ours; expected \"source\", or a "
                                 "loopback of its family",
                                 *neighbor.address));
    }
  }

  /// Host mode promises that the server never becomes a transit node, so only what is plainly local
  /// counts as such: by a port that a neighbor or a route leads through, packets could travel on.
  void sides() {
    for (PortConfig& port : config_.ports) {
      const std::string path = fmt::format("ports.{}.side", port.name);
      if (failed(path)) continue;
      const bool peered = std::ranges::any_of(
          config_.bgp.neighbors, [&](const auto& neighbor) { return is_on(neighbor, port); });
      if (!given(path)) {
        const bool local = !port.addresses.empty() && !peered && !is_routed_through(port);
        port.side = local ? PortSide::kLocal : PortSide::kUplink;
      } else if (port.side == PortSide::kLocal && peered) {
        complain(path, fmt::format("port {} leads to a BGP neighbor, so it is not local; expected "
                                   "\"side: uplink\"",
                                   port.name));
      }
    }
  }

  [[nodiscard]] static bool is_on(const BgpNeighborConfig& neighbor, const PortConfig& port) {
    if (neighbor.port) return *neighbor.port == port.id;
    return neighbor.address && std::ranges::any_of(port.addresses, [&](const auto& ours) {
             return contains(ours.subnet(), *neighbor.address);
           });
  }

  [[nodiscard]] bool is_routed_through(const PortConfig& port) const {
    return std::ranges::any_of(config_.routes, [&](const StaticRouteConfig& route) {
      return std::ranges::any_of(route.via, [&](const auto& via) { return via.port == port.id; });
    });
  }

  /// The machine hears whatever a link may carry, and sends what every link can.
  void host() {
    HostConfig& host = config_.host;
    if (given("host.mtu")) {
      host.send_mtu = host.mtu;
      return;
    }
    if (config_.ports.empty()) return;
    const auto [smallest, largest] =
        std::ranges::minmax_element(config_.ports, {}, &PortConfig::mtu);
    host.mtu = largest->mtu;
    host.send_mtu = smallest->mtu;
  }

  /// Behind routers: internal ones, and external ones of which it is said.
  [[nodiscard]] bool may_be_remote(const BgpNeighborConfig& neighbor) const {
    return neighbor.multihop > 1 || neighbor.ttl_security > 1 ||
           neighbor.remote_asn.kind == RemoteAsn::Kind::kInternal ||
           (neighbor.remote_asn.kind == RemoteAsn::Kind::kNumber &&
            neighbor.remote_asn.number == config_.router.asn);
  }

  /// A neighbor that is given by address alone must be on some port's link.
  void addressed(const std::string& path, const IpAddress& address) {
    if (inside_own(host_prefix(address))) {
      complain(path,
               fmt::format("{} is this router's own address; expected the neighbor's", address));
      return;
    }
    for (const PortConfig& port : config_.ports) {
      if (failed_addresses(port)) return;
      for (const auto& ours : port.addresses) {
        if (contains(ours.subnet(), address)) return;
      }
    }
    complain(path,
             fmt::format("{} is in no port's subnet; expected a neighbor on a link", address));
  }

  /// Without a keepalive of its own, a hold time brings one with it (RFC 4271 section 10).
  void complete_timers(BgpTimers& timers, const std::string& path) {
    const bool own_keepalive = given(path + ".keepalive");
    if (given(path + ".hold") && !own_keepalive && timers.hold > seconds{0}) {
      timers.keepalive = std::max(seconds{1}, timers.hold / 3);
    }
    if ((own_keepalive || given(path + ".hold")) && timers.hold > seconds{0} &&
        timers.keepalive >= timers.hold) {
      complain(path + (own_keepalive ? ".keepalive" : ".hold"),
               fmt::format("keepalive of {}s is not shorter than the hold time of {}s; expected a "
                           "third of it",
                           timers.keepalive.count(), timers.hold.count()));
    }
  }

  /// The reader has copied the timers of the section around, but before they were completed.
  void inherit_timers(BgpPeerOptions& peer, const BgpTimers& from, const std::string& path) {
    if (!given(path + ".keepalive")) peer.timers.keepalive = from.keepalive;
    complete_timers(peer.timers, path);
  }

  void dataplane() {
    const DataplaneConfig& dataplane = config_.dataplane;
    if (!given("dataplane.cpus") || failed("dataplane.workers")) return;
    Once<unsigned> cpus{*this};
    std::size_t value = 0;
    for (std::size_t i = 0; reader_.places().has(item("dataplane.cpus", i)); ++i) {
      const std::string path = item("dataplane.cpus", i);
      if (failed(path)) return;
      cpus.add(dataplane.cpus[value], path, fmt::format("cpu {}", dataplane.cpus[value]));
      ++value;
    }
    if (!dataplane.cpus.empty() && dataplane.cpus.size() != dataplane.workers) {
      complain("dataplane.cpus", fmt::format("cpus: {} for {} {}; expected one for each worker",
                                             dataplane.cpus.size(), dataplane.workers,
                                             dataplane.workers == 1 ? "worker" : "workers"));
    }
  }

  Config& config_;
  Reader& reader_;
};

}  // namespace

void complete_and_check(Config& config, Reader& reader) {
  if (reader.failed("")) return;  // the file is no section: there is nothing to check
  Checker{config, reader}.run();
}

}  // namespace lastmile::config
