// What the operator's commands show, as plain values, and the interface by which the daemon gives
// them out. Views are copies made for one answer: nothing here is shared with a worker, and nothing
// lives longer than the answer.
//
// The JSON of each view (respond.h) is a promise to scripts: fields are added, never renamed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "controlplane/bgp/wire/types.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

namespace lastmile {

/// A port: device, kernel twin, link, counters since start.
struct PortView {
  std::string name;
  std::string device;               ///< as configured
  std::string parent;               ///< the port whose device it is; empty: the port's own
  std::vector<std::uint16_t> vlan;  ///< numbers of the VLANs, the outer one first; or none
  std::string vlan_protocol;        ///< of the (outer) tag: "802.1q", "802.1ad"
  std::string driver;               ///< DPDK driver; empty while the device is absent
  std::string twin;                 ///< the kernel interface: "lm-up1"
  MacAddress mac;
  std::uint16_t mtu = 0;
  std::vector<std::string> addresses;  ///< of the twin, with lengths, link-local included
  bool link_up = false;
  std::string link_watch;        ///< how its changes are seen: "netlink", "interrupt", "poll"
  std::uint32_t speed_mbps = 0;  ///< 0: unknown
  std::uint64_t rx_packets = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t rx_missed = 0;  ///< lost by the device because no worker took them in time
  std::uint64_t rx_errors = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t tx_dropped = 0;         ///< the device's queue was full
  std::uint64_t ethertype_repairs = 0;  ///< IPv4 packets that came under the IPv6 EtherType
  /// Queues that the device gave us. Fewer than workers: the others send through these workers, and
  /// receive nothing.
  unsigned rx_queues = 0;
  unsigned tx_queues = 0;
};

/// One rule that a NIC was asked to take.
struct OffloadRuleView {
  std::string name;  ///< "bfd ipv6"
  bool installed = false;
  std::string rule;    ///< as dpdk-testpmd takes it
  std::string reason;  ///< the driver's, if it was refused
};

/// One step of a port's offload ladder (docs/offload.md).
struct OffloadStepView {
  unsigned step = 0;
  std::string name;    ///< "priority-queue"
  std::string help;    ///< what it does, for people
  std::string state;   ///< "reached", "partly", "possible", "refused"
  std::string reason;  ///< why (some of) it was refused
  std::vector<OffloadRuleView> rules;
};

/// What a port's NIC does for us.
struct OffloadView {
  std::string port;
  std::string driver;
  unsigned step = 0;      ///< the highest reached
  std::string step_name;  ///< "priority-queue"
  std::optional<unsigned> priority_queue;
  std::optional<unsigned> worker;  ///< that polls the priority queue
  std::vector<OffloadStepView> steps;
};

/// What was agreed on with a neighbor for its restarts (RFC 4724, RFC 8538).
struct GracefulRestartView {
  std::chrono::seconds restart_time{0};  ///< as it says
  bool notifications = false;            ///< a NOTIFICATION, or silence, counts as a restart
  std::vector<std::string> families;     ///< whose routes are kept
};

/// What a neighbor was asked to do with our routes while we restart (RFC 4724).
struct LocalRestartView {
  std::chrono::seconds restart_time{0};
  bool restarted = false;               ///< R: the session is one after a restart
  std::vector<std::string> forwarding;  ///< F: families
};

/// A BGP neighbor.
struct NeighborView {
  std::string name;  ///< as in BgpNeighborConfig
  std::string description;
  std::string port;                    ///< empty if the neighbor is not bound to one
  std::optional<IpAddress> address;    ///< nullopt: not discovered yet
  std::optional<bgp::Asn> remote_asn;  ///< from OPEN, or as configured
  std::string state;   ///< "Idle", "Connect", ... "Established" (RFC 4271 section 8.2.2)
  std::string detail;  ///< why it is not Established: "link is down"
  bool passive = false;
  std::optional<std::chrono::seconds> uptime;  ///< since Established
  std::optional<bgp::BgpIdentifier> remote_id;
  std::chrono::seconds hold_time{0};  ///< negotiated
  std::vector<std::string> families;  ///< "ipv4", "ipv6": that both sides speak
  std::uint64_t received = 0;         ///< prefixes the neighbor has sent and not withdrawn
  std::uint64_t accepted = 0;         ///< of these, that take part in the decision
  std::uint64_t advertised = 0;       ///< prefixes we have sent and not withdrawn
  std::uint64_t messages_received = 0;
  std::uint64_t messages_sent = 0;
  std::uint64_t established_count = 0;  ///< how often the session came up
  std::string last_error;               ///< why it was last down; empty if it never was
  /// RFC 9234: what we are to the neighbor, what it says of itself; empty: nothing.
  std::string role, remote_role;
  std::optional<GracefulRestartView> graceful_restart;  ///< of the session; nullopt: none
  bool restarting = false;                              ///< its routes are kept without a session
  bool long_lived = false;                              ///< the same, as the last choice (RFC 9494)
  std::optional<LocalRestartView> local_restart;        ///< of the session; nullopt: we did not ask
  bool awaited = false;  ///< after our restart: others hear of routes when it has told all its own
  std::uint64_t stale = 0;  ///< of `received`: from before its restart, not announced again yet
  /// What RFC 7606 made of broken attributes, and the last reason.
  std::uint64_t treat_as_withdraw = 0;
  std::uint64_t attribute_discard = 0;
  std::string last_fault;
};

/// One way of a route.
struct NextHopView {
  std::string port;                  ///< empty: no port (blackhole, local)
  std::optional<IpAddress> address;  ///< nullopt: on the link, or local
  std::uint16_t weight = 1;
  bool alive = false;
  std::optional<MacAddress> mac;  ///< once resolved
};

/// A path to a prefix. A prefix with several paths has several of these, the best first.
struct RouteView {
  IpPrefix prefix;
  /// "local" (our own), "connected", "static", "aggregate", "bgp" or "default".
  std::string source;
  std::string neighbor;  ///< the BGP neighbor's name, or empty
  bool best = false;
  bool multipath = false;  ///< forwards beside the best path, or is the best one
  bool backup = false;     ///< forwards when all of these are dead
  bool stale = false;      ///< kept over the neighbor's restart, not announced again yet
  std::string reason;      ///< the rule that made the path best, or that it lost by
  std::string refusal;     ///< why the path is no candidate; empty if it is one
  std::vector<NextHopView> next_hops;
  std::string as_path;  ///< "65001 64512"
  std::string origin;   ///< "igp", "egp", "incomplete"; empty if not from BGP
  std::optional<std::uint32_t> med;
  std::optional<std::uint32_t> local_preference;
  std::vector<std::string> communities;
  std::vector<std::string> large_communities;
  std::optional<std::uint32_t> only_to_customer;  ///< AS number (RFC 9234)
  std::optional<double> link_bandwidth;           ///< bytes a second, as on the wire
  std::optional<std::uint64_t> aigp;              ///< accumulated IGP metric (RFC 7311)
  std::optional<std::uint32_t> path_id;           ///< that it was sent with (RFC 7911)
  std::optional<std::chrono::seconds> age;
  bool installed = false;   ///< the prefix was given to the forwarding tables
  bool forwarding = false;  ///< ... and workers are known to see it
  std::string fib_error;    ///< why the forwarding tables refused the prefix
  /// Neighbors; of the best path, and of others where a neighbor hears of several.
  std::vector<std::string> advertised_to;
};

/// What `show routes` is asked for.
struct RouteQuery {
  /// All routes; a prefix: its paths; an address: the paths of the longest match.
  std::variant<std::monostate, IpPrefix, IpAddress> what;
  /// All paths to a prefix, or one BGP neighbor's part of the table: the paths that it has sent,
  /// those of them that take part in the decision, or what it has been sent.
  enum class Side : std::uint8_t { kAll, kReceived, kAccepted, kAdvertised };
  Side side = Side::kAll;
  std::string neighbor;  ///< NeighborView::name; empty for kAll
  /// Where to go on: RoutePage::next of the page before; empty: at the start. Opaque to everyone
  /// but the source, and good even if the table has changed since (no route that was there all the
  /// time is left out or shown twice).
  std::string cursor;
  /// Most prefixes on a page.
  unsigned limit = 0;
};
struct RoutePage {
  std::vector<RouteView> routes;  ///< all paths of a prefix are on one page
  std::string next;               ///< empty: this was the last page
};

/// Fill of one family's forwarding table.
struct FibFamilyView {
  std::uint64_t routes = 0;
  std::uint64_t max_routes = 0;
  std::uint64_t groups = 0;  ///< groups of next hops in use (shared by both families)
  std::uint64_t tbl8_used = 0;
  std::uint64_t tbl8_total = 0;
};
struct FibStatusView {
  FibFamilyView ipv4;
  FibFamilyView ipv6;
  std::uint64_t next_hops = 0;
  std::uint64_t queue_depth = 0;      ///< operations submitted and not yet applied
  std::uint64_t queue_applied = 0;    ///< operations applied since start
  std::uint64_t queue_coalesced = 0;  ///< operations that a newer one made needless
  std::uint64_t failures = 0;         ///< operations that the tables had no room for
};

/// A link-layer neighbor, as the kernel knows it.
struct LinkLayerView {
  std::string port;
  IpAddress address;
  std::optional<MacAddress> mac;  ///< nullopt: not resolved
  std::string state;              ///< "reachable", "stale", "probing", "permanent", "failed"
  bool router = false;            ///< heard as a router (RFC 4861)
};

/// A BFD session. Times in microseconds, as the protocol has them.
struct BfdView {
  std::string neighbor;  ///< as in BgpNeighborConfig
  std::string port;      ///< empty: over several hops
  IpAddress address;
  IpAddress local_address;
  std::optional<unsigned> minimum_ttl;  ///< over several hops
  std::vector<std::string> clients;     ///< who goes by it: "bgp", "static"
  std::string profile;
  std::string state;         ///< "up", "init", "down", "admin-down"
  std::string remote_state;  ///< what the neighbor says of itself
  std::optional<std::chrono::seconds> uptime;
  std::uint64_t interval_us = 0;  ///< between our packets
  std::uint64_t receive_interval_us = 0;
  unsigned multiplier = 0;       ///< ours
  std::uint64_t detect_us = 0;   ///< silence that ends the session
  std::string echo;              ///< "off", "waiting", "up", "unaffiliated"
  std::string offload;           ///< what the NIC does of it: "none"
  std::string last_down_reason;  ///< empty: it never was down
  std::string diagnostic;
  std::string remote_diagnostic;
  bool remote_independent = false;  ///< of its control plane: the C bit of what it sends
  std::string auth;
  std::uint32_t discriminator = 0;
  std::uint64_t remote_discriminator = 0;
  std::uint64_t sent = 0, received = 0, refused = 0;  ///< packets
  std::uint64_t state_changes = 0, failures = 0;
  double longest_gap_us = 0;  ///< between two packets while up
  // Echo, where there is any.
  std::uint64_t echo_interval_us = 0, echo_sent = 0, echo_returned = 0, echo_reflected = 0;
  std::optional<double> rtt_us, rtt_mean_us, rtt_jitter_us, rtt_min_us, rtt_max_us;
};
/// BFD packets refused for one reason, of all sessions and of none.
struct BfdRefusalView {
  std::string reason;
  std::string help;
  std::uint64_t packets = 0;
};
struct BfdStatusView {
  std::vector<BfdView> sessions;
  std::vector<BfdRefusalView> refused;  ///< reasons that occurred
  std::uint64_t timers = 0;             ///< that fired
  double mean_lateness_us = 0;          ///< of them
  double worst_lateness_us = 0;
};

/// Packets dropped for one reason.
struct DropView {
  std::string reason;  ///< the counter's name: "ttl-expired"
  std::string help;    ///< what it means, for people
  std::uint64_t packets = 0;
};

/// A next hop as workers have it, and what has left through it.
struct NextHopStatusView {
  unsigned id = 0;
  std::string port;       ///< empty: no port (blackhole, local)
  std::string kind;       ///< "forward", "unresolved", "glean", "host", "twin", "blackhole", ...
  std::string addresses;  ///< link-layer neighbors with this MAC address on this port, as known now
  std::optional<MacAddress> mac;
  bool alive = false;
  std::vector<std::string> down;  ///< why it is not: "link", "bfd", "routing"
  std::uint64_t packets = 0;      ///< forwarded, by all workers
  std::uint64_t bytes = 0;        ///< of IP packets
};

/// What a stage of the pipeline costs; sampled.
struct StageView {
  std::string name;
  double cycles_per_packet = 0;  ///< over the last interval; 0: no packets
};

/// Packets for the kernel of one class.
struct PuntView {
  std::string punt_class;
  std::uint64_t packets = 0;  ///< handed to the kernel
  std::uint64_t policed = 0;  ///< above the class's rate
};

/// A worker's counters since start. An interval began when the same reader asked before (a second
/// ago at least), or with the start.
struct WorkerView {
  unsigned id = 0;
  std::optional<unsigned> cpu;  ///< nullopt: not pinned
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
  std::uint64_t punted = 0;               ///< to the kernel
  std::uint64_t icmp_errors = 0;          ///< sent for dropped packets
  std::uint64_t icmp_errors_limited = 0;  ///< due, but above the rate
  std::uint64_t held = 0;                 ///< put aside until a link-layer address is known
  std::uint64_t released = 0;             ///< of those, sent on
  std::uint64_t resolution_requests = 0;  ///< the control plane was asked for such an address
  std::uint64_t lost_events = 0;          ///< for the control plane, that found the ring full
  double cycles_per_packet = 0;       ///< of the busy time, over the last interval; 0: no packets
  double packets_per_vector = 0;      ///< over the last interval
  double idle_share = 0;              ///< 0 to 1, over the last interval
  bool stuck = false;                 ///< it does not go round (the watchdog's word)
  std::vector<StageView> stages;      ///< in the order of the pipeline
  std::vector<std::string> receives;  ///< "up1/0": port and receive queue, "host/0"
  std::vector<DropView> drops;        ///< reasons that occurred
  std::vector<PuntView> punts;        ///< all classes
};

/// A thread that the watchdog watches.
struct ThreadView {
  std::string name;    ///< "control", "FIB writer", "worker 0"
  bool stuck = false;  ///< it does not go round
};

/// The control thread: how long it is held by one thing, and what its tables cost.
struct ControlThreadView {
  std::uint64_t slices = 0;              ///< events and commands handled since start
  std::uint64_t long_slices = 0;         ///< of these, that took over 5 ms of processor time
  std::chrono::microseconds busy{0};     ///< processor time of all of them
  std::chrono::microseconds longest{0};  ///< processor time
  std::string longest_in;                ///< what took that long: "bytes-received"
  std::chrono::microseconds longest_wall{
      0};                        ///< on the clock; longer if the CPU was busy elsewhere
  std::uint64_t rib_bytes = 0;   ///< tables of paths, attributes and announcements
  std::uint64_t heap_bytes = 0;  ///< allocated by the process; forwarding tables aside
  std::vector<ThreadView> threads;
};

/// A service (docs/services.md), as metrics have it; `show services` tells more.
struct ServiceView {
  std::string name;
  bool healthy = false;                  ///< its check passes, or it has none
  bool announced = false;                ///< neighbors hear of it, be it degraded
  bool degraded = false;                 ///< announced with the marks of one that is not healthy
  std::uint64_t passed = 0, failed = 0;  ///< checks
  std::uint64_t changes = 0;             ///< of the health
};

struct VersionView {
  std::string version;
  std::string dpdk;
  std::chrono::seconds uptime{0};
  std::string router_id;
  std::uint32_t asn = 0;
  std::string config;  ///< path of the configuration file
};

/// Implemented by the daemon. Control thread only; no call may block.
class ShowSource {
 public:
  virtual ~ShowSource() = default;
  [[nodiscard]] virtual VersionView version() const = 0;
  [[nodiscard]] virtual std::vector<PortView> ports() const = 0;
  [[nodiscard]] virtual std::vector<OffloadView> offload() const = 0;
  [[nodiscard]] virtual std::vector<NeighborView> bgp_neighbors() const = 0;
  [[nodiscard]] virtual RoutePage routes(const RouteQuery& query) const = 0;
  [[nodiscard]] virtual FibStatusView fib() const = 0;
  [[nodiscard]] virtual std::vector<LinkLayerView> link_layer_neighbors() const = 0;
  [[nodiscard]] virtual std::vector<NextHopStatusView> next_hops() const = 0;
  /// `reader`: whose interval it is, any text; who looks again and again has one of its own.
  [[nodiscard]] virtual std::vector<WorkerView> workers(const std::string& reader) const = 0;
  [[nodiscard]] virtual BfdStatusView bfd() const = 0;
  /// Sums over all workers and ports; reasons that never occurred may be left out.
  [[nodiscard]] virtual std::vector<DropView> drops() const = 0;
  [[nodiscard]] virtual ControlThreadView control_thread() const = 0;
  [[nodiscard]] virtual std::vector<ServiceView> services() const = 0;
};

}  // namespace lastmile
