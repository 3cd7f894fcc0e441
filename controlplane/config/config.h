// The configuration as values: what the YAML file says, checked, with defaults filled in.
//
// The keys, their types, ranges, defaults and texts are one table (schema.cc); the reader, the
// error messages ("did you mean") and docs/configuration.md come from it.
//
//   const auto config = load_config("/etc/lastmile/server.yaml");
//   if (!config) {
//     for (const ConfigError& error : config.error()) std::cerr << to_string(error) << '\n';
//   }
//
// All functions may be called from any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/bgp/wire/types.h"
#include "dataplane/net/interface_name.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/strong_id.h"

namespace lastmile {

enum class RouterMode : std::uint8_t { kHost, kTransit, kReflector };

struct RouterConfig {
  RouterMode mode = RouterMode::kHost;
  bgp::Asn asn;
  Ipv4Address id;  ///< default: the first IPv4 loopback
};

struct PortConfig {
  PortId id;  ///< index in Config::ports
  std::string name;
  std::string device;  ///< a DPDK device string or a PCI address
  std::uint16_t mtu = 1500;
  struct InterfaceAddress {
    IpAddress address;
    std::uint8_t length = 0;
  };
  std::vector<InterfaceAddress> addresses;  ///< on the kernel twin; none on an unnumbered port
};

/// An address announced beside the loopbacks: a server's anycast service.
struct ServiceConfig {
  std::string name;
  IpPrefix address;  ///< a single address (/32 or /128)
};

struct StaticRouteConfig {
  struct Via {
    PortId port;
    std::optional<IpAddress> address;  ///< without: the neighbor that the port discovered
    std::uint16_t weight = 1;
  };
  IpPrefix prefix;
  std::vector<Via> via;    ///< empty if, and only if, `blackhole`
  bool blackhole = false;  ///< packets are dropped
};

/// Who the peer's AS may be.
struct RemoteAsn {
  enum class Kind : std::uint8_t { kExternal, kInternal, kNumber };
  Kind kind = Kind::kExternal;
  bgp::Asn number;  ///< for kNumber
};

struct BgpTimers {
  std::chrono::seconds keepalive{3};
  std::chrono::seconds hold{9};
  std::chrono::seconds connect_retry{1};
};

struct BgpNeighborConfig {
  /// Unique: the port's name, the address as text, or "fe80::1%up1" for a link-local address.
  std::string name;
  std::string description;  ///< for people
  /// Unnumbered: the peer is whoever sends router advertisements on this port. With `address` set
  /// too: a static link-local peer on this port.
  std::optional<PortId> port;
  std::optional<IpAddress> address;
  RemoteAsn remote_asn;
  BgpTimers timers;
  bool passive = false;
  std::uint8_t allow_own_as = 0;  ///< how often our own AS may stand in a path from this peer
};

struct BgpConfig {
  bool enabled = false;           ///< there is a `bgp` section
  BgpTimers timers;               ///< what neighbors inherit
  std::uint8_t allow_own_as = 0;  ///< what neighbors inherit
  unsigned max_paths = 64;
  bool multipath_relax = true;
  std::vector<BgpNeighborConfig> neighbors;
};

enum class IdleMode : std::uint8_t { kAdaptive, kPoll };
enum class OffloadMode : std::uint8_t { kAuto, kOff };

struct DataplaneConfig {
  unsigned workers = 1;
  std::vector<unsigned> cpus;  ///< empty: not pinned
  IdleMode idle = IdleMode::kAdaptive;
  OffloadMode offload = OffloadMode::kAuto;
  std::uint32_t max_routes_ipv4 = 1048576;
  std::uint32_t max_routes_ipv6 = 262144;
};

struct ControlConfig {
  std::string socket = "/run/lastmile/lastmile.sock";
  std::string group;  ///< empty: root only
};

struct HostConfig {
  std::string interface = "lm0";
  std::uint16_t mtu = 1500;
  /// Metric of the kernel's default route through the router; nullopt: none is installed.
  std::optional<std::uint32_t> default_route_metric = 20;
};

struct Config {
  RouterConfig router;
  std::vector<IpPrefix> loopbacks;
  std::vector<PortConfig> ports;
  std::vector<ServiceConfig> services;
  std::vector<StaticRouteConfig> routes;
  BgpConfig bgp;
  DataplaneConfig dataplane;
  ControlConfig control;
  HostConfig host;
};

/// What is wrong with a configuration and where; lines and columns start at 1, 0 when the fault has
/// no place (file not readable).
struct ConfigError {
  std::string file;
  unsigned line = 0;
  unsigned column = 0;
  std::string message;  ///< "what is wrong; what is expected"
};
/// "FILE:LINE:COLUMN: what is wrong; what is expected".
[[nodiscard]] std::string to_string(const ConfigError& error);

/// The configuration, or all errors that could be found, in file order; never an empty list.
[[nodiscard]] tl::expected<Config, std::vector<ConfigError>> load_config(const std::string& path);
[[nodiscard]] tl::expected<Config, std::vector<ConfigError>> parse_config(std::string_view text,
                                                                          const std::string& name);

}  // namespace lastmile
