#include "controlplane/config/schema_by_subject.h"

#include "controlplane/config/capacity.h"
#include "controlplane/config/listener_types.h"
#include "controlplane/config/name_types.h"

namespace lastmile::config {
namespace {

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
      key("scheduling", &DataplaneConfig::scheduling,
          one_of<SchedulingMode>(
              {{"fair", SchedulingMode::kFair}, {"realtime", SchedulingMode::kRealtime}}))
          .fallback("fair")
          .help("realtime: workers go before every ordinary process on their CPUs "
                "(docs/bfd.md#on-cpus-that-others-use)."),
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
              key("ipv6", &DataplaneConfig::max_routes_ipv6,
                  number<std::uint32_t>(1024, kMaxIpv6Routes))
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
          .help("Its members may use the socket, and all of `lastmile`."),
      key("read-group", &ControlConfig::read_group, text("the name of a group", 32))
          .when_absent("nobody beside group and root")
          .help("Its members may look (show, doctor, events, ...) and change nothing; packets "
                "(capture) are not for them either. Anybody may connect to the socket then: the "
                "router asks the kernel who it is."),
  };
}

KeysOf<HostConfig> host_keys() {
  return {
      key("interface", &HostConfig::interface, interface_name())
          .fallback("lm0")
          .help("The kernel interface that carries loopbacks and services, and by which the "
                "machine's own programs send and receive through the router."),
      key("netns", &HostConfig::netns, namespace_name())
          .when_absent("the one that lastmiled runs in")
          .help("Network namespace, one that `ip netns` lists, of this interface and of the ports' "
                "kernel twins: BGP, health checks and services run in it, apart from the "
                "machine's own network (docs/operations.md)."),
      key("mtu", &HostConfig::mtu, number<std::uint16_t>(kSmallestMtu, kLargestMtu))
          .when_absent("the largest of the ports; programs then send no packet that is longer than "
                       "the smallest")
          .help("Longest packet that the machine's own programs receive and send."),
      key("segments", &HostConfig::segments, toggle())
          .fallback("true")
          .help("TCP goes to and from the kernel in segments of many packets, which workers merge "
                "and split; off: packet by packet."),
      key("default-route-metric", &HostConfig::default_route_metric, metric_or_none())
          .fallback("20")
          .help("Metric of the kernel's default route by this interface; none: there is none. A "
                "route with a smaller metric, such as a management network's, is preferred."),
  };
}

KeysOf<TelemetryConfig> telemetry_keys() {
  return {
      list("listen", &TelemetryConfig::listen, metrics_listener(), 8)
          .when_absent("metrics are not served")
          .help("Where metrics are served over HTTP (docs/metrics.md), without a password: an "
                "address of the management network, or a Unix socket, which the group of "
                "control may use."),
  };
}

KeysOf<SystemConfig> system_keys() {
  return {
      key("user", &SystemConfig::user, text("the name of a user", 32))
          .when_absent("lastmile if there is such a user, else whoever started it")
          .help("Whom the router becomes when everything is open, with a few capabilities and no "
                "way back. This user has to be able to read the configuration and the files with "
                "secrets, or reload can't. Health checks run programs as this user, too."),
      key("system-calls", &SystemConfig::system_calls,
          one_of<SystemCalls>({{"filtered", SystemCalls::kFiltered},
                               {"logged", SystemCalls::kLogged},
                               {"any", SystemCalls::kAny}}))
          .fallback("filtered")
          .help("Calls that a router has no use for. filtered: they fail, and the kernel logs it; "
                "logged: the kernel logs them; any: all are allowed."),
  };
}

}  // namespace

KeyOf<Config> system_key() {
  return section("system", &Config::system, system_keys())
      .help("What the process may do once it has started (docs/security.md).");
}

KeyOf<Config> dataplane_key() {
  return section("dataplane", &Config::dataplane, dataplane_keys()).help("The forwarding threads.");
}

KeyOf<Config> control_key() {
  return section("control", &Config::control, control_keys()).help("The socket of `lastmile`.");
}

KeyOf<Config> host_key() {
  return section("host", &Config::host, host_keys()).help("The way to the machine's own programs.");
}

KeyOf<Config> telemetry_key() {
  return section("telemetry", &Config::telemetry, telemetry_keys()).help("Metrics for Prometheus.");
}

}  // namespace lastmile::config
