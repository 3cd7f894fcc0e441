// Every key of the configuration. Reads like the file; see schema.h for what the rows are made of.
// After a change run `ninja -C build configuration-reference`, which writes docs/configuration.md.

#include "controlplane/config/schema.h"

namespace lastmile::config {
namespace {

using std::chrono::seconds;

// What the data plane can hold. The tables say the same of themselves (dataplane/).
constexpr std::size_t kMaxPorts = 32;  // RTE_MAX_ETHPORTS as Debian builds DPDK
constexpr std::size_t kMaxMembers = 64;
constexpr unsigned kMaxWorkers = 32;
constexpr unsigned kMaxCpu = 1023;
constexpr std::uint16_t kSmallestMtu = 1280;  // RFC 8200 section 5
constexpr std::uint16_t kLargestMtu = 9600;

KeysOf<RouterConfig> router_keys() {
  return {
      key("mode", &RouterConfig::mode,
          one_of<RouterMode>({{"host", RouterMode::kHost},
                              {"transit", RouterMode::kTransit, true},
                              {"reflector", RouterMode::kReflector, true}}))
          .fallback("host")
          .help("What the router may do. host: a server; it announces only its loopbacks and "
                "services and never forwards between two uplinks."),
      key("asn", &RouterConfig::asn, as_number())
          .when_absent("required with bgp")
          .help("Our own AS number. Servers may share one, see allow-own-as."),
      key("id", &RouterConfig::id, identifier())
          .when_absent("the first IPv4 loopback")
          .help("BGP identifier; no two routers may have the same."),
  };
}

PortConfig& add_port(Config& config, std::string_view name, Scope& scope) {
  PortConfig& port = config.ports.emplace_back();
  port.id = PortId{static_cast<std::uint16_t>(scope.ports.size())};
  port.name = name;
  scope.ports.emplace_back(name);
  return port;
}

KeysOf<PortConfig> port_keys() {
  return {
      key("device", &PortConfig::device,
          text("a DPDK device such as 0000:03:00.1 or \"net_af_packet0,iface=eth1\"", 255))
          .required()
          .help("The NIC: a PCI address, or any DPDK device string."),
      key("mtu", &PortConfig::mtu, number<std::uint16_t>(kSmallestMtu, kLargestMtu))
          .fallback("1500")
          .help("Largest IP packet in bytes; the neighbor's must be the same."),
      list("addresses", &PortConfig::addresses, interface_address(), 64)
          .help("Addresses of the port's kernel twin. None on an unnumbered port, which needs only "
                "its IPv6 link-local address."),
      planned<PortConfig>("vlan", "802.1Q VLAN of the port."),
  };
}

KeysOf<ServiceConfig> service_keys() {
  return {
      key("name", &ServiceConfig::name, text("a name", 64)).required().help("For people."),
      key("address", &ServiceConfig::address, single_address())
          .required()
          .help("Announced beside the loopbacks, and live on the host interface. Several servers "
                "may announce the same address (anycast)."),
      planned<ServiceConfig>("check", "Health check that the announcement depends on."),
  };
}

KeysOf<StaticRouteConfig::Via> via_keys() {
  using Via = StaticRouteConfig::Via;
  return {
      key("port", &Via::port, port_reference()).required().help("Where packets leave."),
      key("address", &Via::address, address())
          .when_absent("the neighbor that the port discovered")
          .help("The next hop: link-local, or in a subnet of the port."),
      key("weight", &Via::weight, number<std::uint16_t>(1, 65535))
          .fallback("1")
          .help("Share of the flows, relative to the other next hops."),
      planned<Via>("bfd", "BFD profile that watches the next hop."),
  };
}

KeysOf<StaticRouteConfig> route_keys() {
  return {
      key("prefix", &StaticRouteConfig::prefix, prefix()).required().help("The destination."),
      sections("via", &StaticRouteConfig::via, kMaxMembers, via_keys())
          .when_absent("required without blackhole")
          .help("Next hops; flows are spread over them by weight."),
      key("blackhole", &StaticRouteConfig::blackhole, toggle())
          .fallback("false")
          .help("Drop what goes there; instead of via."),
  };
}

template <class Owner>
KeyOf<Owner> timers_section(const std::string& keepalive_absent, const std::string& hold_absent,
                            const std::string& retry_absent) {
  return section(
      "timers", &Owner::timers,
      KeysOf<BgpTimers>{
          key("keepalive", &BgpTimers::keepalive, whole_seconds(seconds{1}, seconds{21845}))
              .when_absent(keepalive_absent)
              .help("Between two KEEPALIVE messages."),
          key("hold", &BgpTimers::hold, hold_time())
              .when_absent(hold_absent)
              .help("A peer that is silent for this long is down (RFC 4271). The smaller "
                    "value of the two sides counts."),
          key("connect-retry", &BgpTimers::connect_retry, whole_seconds(seconds{1}, seconds{65535}))
              .when_absent(retry_absent)
              .help("Between two attempts to connect."),
      });
}

BgpNeighborConfig new_neighbor(const BgpConfig& bgp) {
  BgpNeighborConfig neighbor;
  neighbor.timers = bgp.timers;
  neighbor.allow_own_as = bgp.allow_own_as;
  return neighbor;
}

KeysOf<BgpNeighborConfig> neighbor_keys() {
  using Neighbor = BgpNeighborConfig;
  return {
      key("port", &Neighbor::port, port_reference())
          .when_absent("required without address")
          .help("Alone: unnumbered; the peer is whoever sends router advertisements on this port. "
                "With a link-local address: the port that the address is on."),
      key("address", &Neighbor::address, address())
          .when_absent("discovered on the port")
          .help("The peer's address, where it is not discovered."),
      key("remote-asn", &Neighbor::remote_asn, remote_as_number())
          .required()
          .help("external: any AS but ours; internal: ours; or the number that it must be."),
      key("passive", &Neighbor::passive, toggle())
          .fallback("false")
          .help("Wait for the peer to connect."),
      timers_section<Neighbor>("a third of this neighbor's hold, or as in bgp", "as in bgp",
                               "as in bgp")
          .help("This neighbor's timers."),
      key("allow-own-as", &Neighbor::allow_own_as, number<std::uint8_t>(0, 10))
          .when_absent("as in bgp")
          .help("As in bgp, for this neighbor."),
      key("description", &Neighbor::description, text("text", 80)).help("For people."),
      planned<Neighbor>("bfd", "BFD profile that watches the neighbor."),
      planned<Neighbor>("password-file", "TCP MD5 password (RFC 2385)."),
      planned<Neighbor>("multihop", "Hops to a neighbor that is not on a link."),
      planned<Neighbor>("listen", "Prefix from which dynamic neighbors may connect."),
      planned<Neighbor>("limit", "Most dynamic neighbors of a listen prefix."),
      planned<Neighbor>("import", "Policy for what the neighbor sends."),
      planned<Neighbor>("export", "Policy for what the neighbor is sent."),
      planned<Neighbor>("max-prefixes", "Limit on what the neighbor may send."),
      planned<Neighbor>("reflector-client", "The neighbor is a client of this route reflector."),
  };
}

KeysOf<BgpConfig> bgp_keys() {
  return {
      timers_section<BgpConfig>("a third of hold, so 3s", "9s", "1s")
          .help("For neighbors that set none of their own."),
      key("max-paths", &BgpConfig::max_paths, number<unsigned>(1, kMaxMembers))
          .fallback("64")
          .help("Most equal paths that one route spreads flows over."),
      key("multipath-relax", &BgpConfig::multipath_relax, toggle())
          .fallback("true")
          .help("Paths of the same length are equal though their AS numbers differ, as they do "
                "where every leaf has an AS of its own."),
      key("allow-own-as", &BgpConfig::allow_own_as, number<std::uint8_t>(0, 10))
          .fallback("0")
          .help("How often our own AS number may stand in a path that we accept. 1 where servers "
                "share an AS number and are to reach each other."),
      sections("neighbors", &BgpConfig::neighbors, 4096, neighbor_keys(), new_neighbor)
          .help("The peers."),
      planned<BgpConfig>("graceful-restart", "RFC 4724."),
  };
}

KeysOf<DataplaneConfig> dataplane_keys() {
  return {
      key("workers", &DataplaneConfig::workers, number<unsigned>(1, kMaxWorkers))
          .fallback("1")
          .help("Poll-mode workers: threads that forward packets."),
      list("cpus", &DataplaneConfig::cpus, number<unsigned>(0, kMaxCpu), kMaxWorkers)
          .when_absent("not pinned")
          .help("The CPU of each worker."),
      key("idle", &DataplaneConfig::idle,
          one_of<IdleMode>({{"adaptive", IdleMode::kAdaptive}, {"poll", IdleMode::kPoll}}))
          .fallback("adaptive")
          .help("adaptive: a worker without packets sleeps; poll: it always spins."),
      key("offload", &DataplaneConfig::offload,
          one_of<OffloadMode>({{"auto", OffloadMode::kAuto}, {"off", OffloadMode::kOff}}))
          .fallback("auto")
          .help("auto: as much as each NIC takes (docs/offload.md); off: no flow rules."),
      group<DataplaneConfig>(
          "max-routes",
          {
              key("ipv4", &DataplaneConfig::max_routes_ipv4, number<std::uint32_t>(1024, 16U << 20))
                  .fallback("1048576")
                  .help("IPv4 routes."),
              key("ipv6", &DataplaneConfig::max_routes_ipv6, number<std::uint32_t>(1024, 16U << 20))
                  .fallback("262144")
                  .help("IPv6 routes."),
          })
          .help("What the forwarding tables hold; memory is reserved for it at start."),
  };
}

KeysOf<ControlConfig> control_keys() {
  return {
      key("socket", &ControlConfig::socket, socket_path())
          .fallback("/run/lastmile/lastmile.sock")
          .help("Where `lastmile` asks its questions. A second instance needs one of its own."),
      key("group", &ControlConfig::group, text("the name of a group", 32))
          .when_absent("root only")
          .help("Its members may use the socket."),
  };
}

KeysOf<HostConfig> host_keys() {
  return {
      key("interface", &HostConfig::interface, interface_name())
          .fallback("lm0")
          .help("The kernel interface that carries loopbacks and services, and by which the "
                "machine's own programs send and receive through the router."),
      key("mtu", &HostConfig::mtu, number<std::uint16_t>(kSmallestMtu, kLargestMtu))
          .fallback("1500")
          .help("Its MTU; best that of the smallest uplink."),
      key("default-route-metric", &HostConfig::default_route_metric, metric_or_none())
          .fallback("20")
          .help("Metric of the kernel's default route by this interface; none: there is none. A "
                "route with a smaller metric, such as a management network's, is preferred."),
  };
}

// Ports stand before all that refers to them: the reader goes through the table in its order.
KeysOf<Config> top_keys() {
  return {
      section("router", &Config::router, router_keys()).help("Who we are."),
      list("loopbacks", &Config::loopbacks, single_address(), 64)
          .when_absent("none; then router needs an id")
          .help("The router's own addresses: announced, and live on the host interface."),
      named_sections<Config, PortConfig>("ports", "NAME", add_port, kMaxPorts, port_name(),
                                         port_keys())
          .required()
          .help("The NICs, each under a name of your choice."),
      sections("services", &Config::services, 1024, service_keys())
          .help("Addresses that the server announces beside its loopbacks."),
      sections("routes", &Config::routes, 65536, route_keys()).help("Static routes."),
      section("bgp", &Config::bgp, bgp_keys()).when_absent("no BGP").help("BGP-4."),
      section("dataplane", &Config::dataplane, dataplane_keys()).help("The forwarding threads."),
      section("control", &Config::control, control_keys()).help("The socket of `lastmile`."),
      section("host", &Config::host, host_keys()).help("The way to the machine's own programs."),
      planned<Config>("bfd", "Fast detection of dead neighbors (RFC 5880)."),
      planned<Config>("policies", "Rules for routes."),
      planned<Config>("telemetry", "Metrics over HTTP."),
  };
}

}  // namespace

const std::vector<Key>& schema() {
  static const std::vector<Key> keys = erase(top_keys());
  return keys;
}

}  // namespace lastmile::config
