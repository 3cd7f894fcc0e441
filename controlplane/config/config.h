// The configuration as values: what the YAML file says, checked, with defaults filled in.
//
// The keys, their types, ranges, defaults and texts are one table (schema.h); the reader, the
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

#include "controlplane/bgp/wire/role.h"
#include "controlplane/bgp/wire/types.h"
#include "controlplane/policy/rules.h"
#include "dataplane/net/interface_name.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/strong_id.h"
#include "dataplane/net/vlan.h"
#include "dataplane/worker/admission.h"

namespace lastmile {

enum class RouterMode : std::uint8_t { kHost, kTransit, kReflector };

struct RouterConfig {
  RouterMode mode = RouterMode::kHost;
  bgp::Asn asn;
  Ipv4Address id;  ///< default: the first IPv4 loopback
};

/// Which side of the router a port is on. In host mode nothing passes from one uplink to another.
enum class PortSide : std::uint8_t { kUplink, kLocal };

struct PortConfig {
  PortId id;  ///< index in Config::ports
  std::string name;
  std::string device;  ///< a DPDK device string or a PCI address; empty with `parent`
  std::string parent;  ///< the port whose device this one is on, too, in a VLAN of its own
  PortId device_port;  ///< the port whose `device` it is: this one or its parent
  /// Numbers of the VLANs, the outer one first; none, one or two. What they come to is tags().
  std::vector<std::uint16_t> vlan;
  std::optional<VlanProtocol> vlan_protocol;  ///< of the outer tag; see tags()
  std::uint16_t mtu = 1500;
  struct InterfaceAddress {
    IpAddress address;
    std::uint8_t length = 0;

    [[nodiscard]] IpPrefix subnet() const { return prefix_around(address, length); }
  };
  std::vector<InterfaceAddress> addresses;  ///< on the kernel twin; none on an unnumbered port
  /// Default: local if the port has addresses, and neither a BGP neighbor nor a configured route.
  PortSide side = PortSide::kUplink;
  Admission admission{};

  /// Of its frames. One tag is a customer's, of two the outer one is the service's (QinQ), unless
  /// `vlan_protocol` says otherwise.
  [[nodiscard]] VlanTags tags() const;
};

/// Status codes that an HTTP check takes for an answer.
struct StatusRange {
  std::uint16_t first = 200;
  std::uint16_t last = 299;

  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

/// How it is found out whether a service works: exactly one of `tcp`, `http` and `exec` is set.
struct ServiceCheck {
  /// Whether an HTTP check speaks TLS, and whether it looks at the certificate.
  enum class Tls : std::uint8_t { kOff, kVerify, kInsecure };

  std::optional<std::uint16_t> tcp;  ///< a connection to this port is accepted
  std::optional<std::uint16_t> http;
  std::vector<std::string> exec;     ///< a program and its arguments; passes with exit status 0
  std::optional<IpAddress> address;  ///< of tcp and http; without: the service's own
  std::string path = "/";
  std::string host;  ///< of the request and the certificate; empty: the address
  StatusRange status;
  Tls tls = Tls::kOff;
  std::string ca_file;  ///< empty: the system's
  std::chrono::microseconds every{1'000'000};
  std::chrono::microseconds timeout{500'000};
  unsigned rise = 3;  ///< passes in a row that make it healthy
  unsigned fall = 2;  ///< failures in a row that make it unhealthy

  friend bool operator==(const ServiceCheck&, const ServiceCheck&) = default;
};

/// How an unhealthy service is announced, in place of not at all.
struct ServiceDegraded {
  std::optional<std::uint32_t> med;
  std::vector<bgp::Community> communities;

  friend bool operator==(const ServiceDegraded&, const ServiceDegraded&) = default;
};

/// An address announced beside the loopbacks: a server's anycast service.
struct ServiceConfig {
  std::string name;
  IpPrefix address;                        ///< a single address (/32 or /128)
  std::optional<ServiceCheck> check = {};  ///< without: it is announced always
  std::optional<ServiceDegraded> degraded = {};
};

struct StaticRouteConfig {
  struct Via {
    PortId port;
    std::optional<IpAddress> address;  ///< without: the neighbor that the port discovered
    std::uint16_t weight = 1;
    std::optional<std::size_t> bfd{};  ///< index in BfdConfig::profiles
  };
  IpPrefix prefix;
  std::vector<Via> via;    ///< empty if, and only if, `blackhole`
  bool blackhole = false;  ///< packets are dropped
  /// Neighbors are told of it while the link of one of its ports is up: a guest's address.
  bool announce = false;
};

/// What a BFD session detects by.
enum class BfdEcho : std::uint8_t { kOff, kOn, kUnaffiliated };
enum class BfdAuth : std::uint8_t { kNone, kSimple, kSha1, kMeticulousSha1 };

/// How BFD watches a neighbor; neighbors name one of these.
struct BfdProfile {
  std::string name;
  std::chrono::microseconds interval{300'000};
  std::optional<std::chrono::microseconds> transmit, receive;  ///< in place of `interval`
  std::uint8_t multiplier = 3;
  BfdEcho echo = BfdEcho::kOff;
  std::optional<std::chrono::microseconds> echo_interval;  ///< in place of `interval`
  std::optional<std::uint8_t> minimum_ttl;  ///< of packets over several hops (RFC 5883)
  bool passive = false;
  bool strict = false;  ///< BGP waits for BFD
  BfdAuth auth = BfdAuth::kNone;
  std::uint8_t auth_key_id = 1;
  std::string auth_key_file;
  std::string auth_key;  ///< what is in the file
};

struct BfdConfig {
  std::vector<BfdProfile> profiles;
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

/// What happens when a peer sends more prefixes than it may (RFC 4486 section 4).
struct MaxPrefixes {
  enum class Action : std::uint8_t {
    kShutdown,  ///< the session ends and stays down until a reload brings another one
    kRestart,   ///< the session ends and is tried again after `restart_after`
    kWarning,   ///< it is said, and that is all
  };
  std::uint32_t limit = 0;  ///< 0: none but the guard of memory (controlplane/rib)
  Action action = Action::kShutdown;
  std::chrono::seconds restart_after{300};
  unsigned warn_at = 75;  ///< percent of the limit at which it is said that it comes near

  friend bool operator==(const MaxPrefixes&, const MaxPrefixes&) = default;
};

/// Another AS number that a peer sees in place of ours (draft-ietf-idr-as-migration, RFC 7705).
struct LocalAs {
  std::optional<bgp::Asn> asn;
  bool no_prepend = false;  ///< do not put it in front of what the peer sends
  bool replace_as = false;  ///< it stands alone in what we send, without router.asn behind it
};

/// What becomes of a neighbor's routes while its BGP restarts, and of ours there (RFC 4724).
struct GracefulRestartConfig {
  enum class Mode : std::uint8_t {
    kHelper,     ///< the neighbor's are kept, if it asks for it
    kRestarter,  ///< that, and it is asked to keep ours
    kOff,
  };
  Mode mode = Mode::kHelper;
  /// After a NOTIFICATION or silence, too (RFC 8538); default: if BFD watches the neighbor.
  std::optional<bool> notifications;
  std::chrono::seconds restart_limit{120};  ///< the neighbor's own time counts if it is shorter
  std::chrono::seconds stale_time{360};     ///< for its whole table, once it is back
  std::chrono::seconds restart_time{30};    ///< for which the neighbor is asked to keep ours
  bool preserve_fw_state = false;           ///< it is told that packets went on meanwhile (F)
  /// How long its routes are kept beyond `restart_limit`, as the last choice (RFC 9494); 0: not.
  std::chrono::seconds long_lived_limit{0};

  friend bool operator==(const GracefulRestartConfig&, const GracefulRestartConfig&) = default;
};

/// Several paths to a prefix in one session (RFC 7911).
enum class AddPathUse : std::uint8_t { kOff, kReceive, kSend, kBoth };
/// BgpPeerOptions::add_path_limit: all paths.
inline constexpr std::uint16_t kAllPaths = UINT16_MAX;

/// What a neighbor may inherit from its group, and a group from the bgp section.
struct BgpPeerOptions {
  std::string description;  ///< for people
  RemoteAsn remote_asn;
  BgpTimers timers;
  bool passive = false;
  std::optional<std::size_t> bfd;  ///< index in BfdConfig::profiles
  std::uint8_t allow_own_as = 0;   ///< how often our own AS may stand in a path from this peer
  std::uint8_t multihop = 0;       ///< hops to the peer; 0: it is on a link, or internal
  std::uint8_t ttl_security = 0;   ///< GTSM (RFC 5082): most hops that the peer is away; 0: off
  std::optional<IpAddress> source;
  std::string password;  ///< TCP MD5 (RFC 2385), as read from the file; empty: none
  LocalAs local_as;
  std::optional<bgp::Role> role;  ///< what we are to the neighbor (RFC 9234)
  bool role_strict = false;       ///< no session without the neighbor's role
  bool as_override = false;       ///< the peer's own AS in paths that we send becomes ours
  bool remove_private_as = false;
  bool enforce_first_as = true;  ///< RFC 4271 section 6.3
  AddPathUse add_path = AddPathUse::kOff;
  std::optional<bgp::Family> add_path_family;  ///< nothing: both
  std::uint16_t add_path_limit = kAllPaths;    ///< to a prefix, the best ones; in what is sent
  std::optional<bool> aigp;                    ///< RFC 7311; default: if the neighbor is internal
  MaxPrefixes max_prefixes;
  GracefulRestartConfig graceful_restart;
  /// Announcements ask the neighbor to prefer any other way (RFC 8326): traffic is to leave.
  bool graceful_shutdown = false;
  bool shutdown = false;
  std::string shutdown_message;              ///< RFC 9003
  std::string import_policy, export_policy;  ///< names in Config::policies; empty: none
};

/// Whether a neighbor is in our own AS.
[[nodiscard]] inline bool is_internal(const RouterConfig& router, const BgpPeerOptions& peer) {
  const RemoteAsn& remote = peer.remote_asn;
  return remote.kind == RemoteAsn::Kind::kInternal ||
         (remote.kind == RemoteAsn::Kind::kNumber &&
          (remote.number == router.asn || remote.number == peer.local_as.asn));
}

struct BgpGroupConfig : BgpPeerOptions {
  std::string name;
};

struct BgpNeighborConfig : BgpPeerOptions {
  /// Unique: the port's name, the address as text, or "fe80::1%up1" for a link-local address; of a
  /// listen range the prefix, with the port if there is one.
  std::string name;
  /// Unnumbered: the peer is whoever sends router advertisements on this port. With `address` set
  /// too: a static link-local peer on this port.
  std::optional<PortId> port;
  std::optional<IpAddress> address;
  /// Dynamic neighbors: whoever connects from there (on `port`, if it is set).
  std::optional<IpPrefix> listen;
  unsigned limit = 100;  ///< dynamic neighbors at a time
  std::string group;     ///< empty: none
};

/// A route that is announced because of others (RFC 4271 section 9.2.2.2).
struct AggregateConfig {
  IpPrefix prefix;
  bool summary_only = false;  ///< what lies inside it is not announced
};

/// A default route that is announced though nobody has one for us.
struct DefaultOriginateConfig {
  bool ipv4 = false, ipv6 = false;
  std::vector<IpPrefix> if_present;  ///< only while there is a route to one of these; empty: always
  std::string if_policy;             ///< only while there is a route that it accepts
};

struct BgpConfig {
  bool enabled = false;                    ///< there is a `bgp` section
  BgpTimers timers;                        ///< what neighbors inherit
  std::uint8_t allow_own_as = 0;           ///< what neighbors inherit
  GracefulRestartConfig graceful_restart;  ///< what neighbors inherit
  unsigned max_paths = 64;
  bool multipath_relax = true;
  bool use_link_bandwidth = true;  ///< draft-ietf-idr-link-bandwidth
  bool reject_as_sets = true;      ///< RFC 9774
  std::vector<AggregateConfig> aggregates;
  DefaultOriginateConfig default_originate;
  std::vector<BgpGroupConfig> groups;
  std::vector<BgpNeighborConfig> neighbors;
};

struct PrefixListConfig {
  std::string name;
  std::vector<policy::PrefixRange> prefixes;
};

enum class IdleMode : std::uint8_t { kAdaptive, kPoll };
enum class SchedulingMode : std::uint8_t { kFair, kRealtime };
enum class OffloadMode : std::uint8_t { kAuto, kOff };

struct DataplaneConfig {
  unsigned workers = 1;
  std::vector<unsigned> cpus;  ///< empty: not pinned
  IdleMode idle = IdleMode::kAdaptive;
  SchedulingMode scheduling = SchedulingMode::kFair;
  OffloadMode offload = OffloadMode::kAuto;
  std::uint32_t max_routes_ipv4 = 1048576;
  std::uint32_t max_routes_ipv6 = 262144;
};

struct ControlConfig {
  std::string socket = "/run/lastmile/lastmile.sock";
  std::string group;       ///< may do anything; empty: root only
  std::string read_group;  ///< may look; empty: nobody beside those
};

/// What becomes of system calls that a router has no use for (docs/security.md).
enum class SystemCalls : std::uint8_t {
  kFiltered,  ///< they fail, and the kernel logs it
  kLogged,    ///< the kernel logs them
  kAny,
};

/// Whom the router becomes if there is such a user and the configuration names no other.
inline constexpr const char* kDefaultUser = "lastmile";

/// What the process may do once it has started.
struct SystemConfig {
  std::string user;  ///< whom it becomes; empty: "lastmile" if there is such a user
  SystemCalls system_calls = SystemCalls::kFiltered;
};

/// Where metrics are served over HTTP: an address and a port, or a Unix socket.
struct MetricsListener {
  std::string socket;  ///< absolute path; empty: TCP
  IpAddress address;
  std::uint16_t port = 0;

  friend bool operator==(const MetricsListener&, const MetricsListener&) = default;
};

struct TelemetryConfig {
  std::vector<MetricsListener> listen;  ///< empty: metrics are not served
};

struct HostConfig {
  std::string interface = "lm0";
  /// Network namespace of the interface and of the ports' twins; empty: that of the ports.
  std::string netns;
  std::uint16_t mtu = 1500;  ///< default: the largest MTU of the ports
  /// Longest packet that the machine's own programs send; default: the smallest MTU of the ports if
  /// `mtu` isn't given either.
  std::uint16_t send_mtu = 1500;
  /// TCP goes to and from the kernel in segments of many packets.
  bool segments = true;
  /// Metric of the kernel's default route through the router; nullopt: none is installed.
  std::optional<std::uint32_t> default_route_metric = 20;
};

struct Config {
  RouterConfig router;
  std::vector<IpPrefix> loopbacks;
  std::vector<PortConfig> ports;
  std::vector<ServiceConfig> services;
  std::vector<StaticRouteConfig> routes;
  std::vector<PrefixListConfig> prefix_lists;
  std::vector<policy::Rules> policies;
  BfdConfig bfd;
  BgpConfig bgp;
  DataplaneConfig dataplane;
  ControlConfig control;
  HostConfig host;
  TelemetryConfig telemetry;
  SystemConfig system;
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
