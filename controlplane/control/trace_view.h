// What `lastmile trace` is asked, and what it answers, as plain values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/control/views.h"
#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"
#include "dataplane/trace/flow_trace.h"

namespace lastmile {

/// A flow, and where its packets come in.
struct TraceRequest {
  std::optional<IpAddress> source;  ///< nullopt: the router's own address, as its programs have it
  IpAddress destination;            ///< of the source's family
  std::uint8_t protocol = 17;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::optional<unsigned> length;   ///< of the IP packet; nullopt: the shortest
  std::uint8_t hops = kTracedHops;  ///< TTL or hop limit
  Cutting cutting = Cutting::kAllowed;
  std::string ingress;  ///< a port's name; empty: the machine's own programs
};

/// A next hop that the flow's group may choose.
struct TraceMemberView {
  unsigned id = 0;      ///< as in `show nexthops`
  std::string kind;     ///< "forward", "unresolved", "glean", "host", ...
  std::string port;     ///< empty: no port
  std::string address;  ///< of the neighbor; empty: none, or not known
  std::optional<MacAddress> mac;
  std::optional<unsigned> weight;  ///< as the routes want it; nullopt: they don't know the next hop
  unsigned buckets = 0;            ///< of the group's
  bool backup = false;
  bool chosen = false;
  bool alive = false;
  std::vector<std::string> down;  ///< why it is not: "link", "bfd", "routing"
};

/// How one of several next hops was chosen.
struct TraceGroupView {
  unsigned id = 0;
  unsigned buckets = 0;
  std::optional<std::uint32_t> hash;  ///< of the flow; nullopt: there is but one bucket
  unsigned bucket = 0;
  /// "only": there is one member; "hash": the bucket's; "repair": the bucket's is dead, another
  /// member; "backup": all members are dead; "none": all backups, too.
  std::string choice;
  std::vector<TraceMemberView> members;  ///< members, then backups in their order
};

/// What is written in front of the packet.
struct TraceRewriteView {
  MacAddress source;
  MacAddress destination;
  struct Vlan {
    std::string protocol;  ///< "802.1q", "802.1ad"
    unsigned id = 0;
  };
  std::vector<Vlan> vlans;  ///< outer one first
  std::uint16_t ethertype = 0;
  unsigned hops_spent = 0;  ///< taken off the TTL or hop limit
};

/// Why the packet is dropped.
struct TraceDropView {
  std::string reason;  ///< as in `show drops`
  std::string help;
  /// What the sender is told; nullopt: nothing.
  struct Icmp {
    unsigned type = 0;
    unsigned code = 0;
    IpAddress from;
    std::optional<unsigned> mtu{};  ///< for a packet that was too long
  };
  std::optional<Icmp> icmp;
};

struct TraceView {
  TraceRequest flow;         ///< with its source
  std::string ingress;       ///< the port, or the host interface
  std::string side;          ///< of the ingress: "uplink", "local", "host"
  unsigned ingress_mtu = 0;  ///< longest IP packet that its link is for
  std::string verdict;       ///< "forwarded", "delivered", "waits", "dropped"
  std::string egress;        ///< the port, the host interface or the kernel's twin; empty: dropped
  std::optional<unsigned> mtu;     ///< longest IP packet that goes this way uncut
  unsigned fragments = 0;          ///< that it is cut into; 0: it leaves as it is, or not
  std::optional<IpPrefix> prefix;  ///< the route; nullopt: none, or the packet did not get so far
  bool current = true;             ///< routes and forwarding tables are of one mind
  std::optional<RouteView> path;   ///< that the chosen next hop is of, else the best one
  std::optional<TraceGroupView> group;
  std::optional<TraceRewriteView> rewrite;
  std::optional<TraceDropView> drop;
  std::string punt_class;  ///< of what is delivered, as in `show workers`
  bool maybe_bfd = false;  ///< sessions of ours, where they are, take it before the kernel
};

}  // namespace lastmile
