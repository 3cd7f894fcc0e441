// Every key of the configuration. Reads like the file; see schema.h for what the rows are made of.
// After a change run `ninja -C build configuration-reference`, which writes docs/configuration.md.

#include "controlplane/config/schema.h"

#include "controlplane/config/address_types.h"
#include "controlplane/config/asn_types.h"
#include "controlplane/config/listener_types.h"
#include "controlplane/config/name_types.h"
#include "controlplane/config/policy_schema.h"
#include "controlplane/config/service_schema.h"
#include "controlplane/config/time_types.h"

namespace lastmile::config {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

// What the data plane can hold. The tables say the same of themselves (dataplane/).
// RTE_MAX_ETHPORTS is 32 as Debian builds DPDK: one device at least, and the host interface, and
// the kernel twin of each port (checks.cc knows the rest).
constexpr std::size_t kMaxPorts = 30;
// An IPv6 route takes two groups of the tables where routes are dense, and there are 2^23 of them.
constexpr std::uint32_t kMaxIpv6Routes = 4U << 20;
constexpr std::size_t kMaxMembers = 64;
constexpr unsigned kMaxWorkers = 32;
constexpr unsigned kMaxCpu = 1023;
constexpr std::uint16_t kSmallestMtu = 1280;  // RFC 8200 section 5
constexpr std::uint16_t kLargestMtu = 9600;

KeysOf<RouterConfig> router_keys() {
  return {
      key("mode", &RouterConfig::mode,
          one_of<RouterMode>({{"host", RouterMode::kHost},
                              {"transit", RouterMode::kTransit},
                              {"reflector", RouterMode::kReflector, true}}))
          .fallback("host")
          .help("What the router may do. host: a server; it announces only its loopbacks and "
                "services and never forwards between two uplinks. transit: a router; it passes on "
                "what it learns, as the policies say."),
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

KeysOf<Admission> admission_keys() {
  return {
      key("reverse-path", &Admission::reverse_path,
          one_of<ReversePath>({{"off", ReversePath::kOff},
                               {"loose", ReversePath::kLoose},
                               {"strict", ReversePath::kStrict}}))
          .fallback("off")
          .help("Unicast reverse path forwarding (uRPF, RFC 3704). loose: there must be a route to "
                "the source, the default route included, that does not discard. strict: the best "
                "route to it, or one that stands by for it, must lead through this port."),
      key("martians", &Admission::martians,
          one_of<Martians>({{"basic", Martians::kBasic}, {"full", Martians::kFull}}))
          .fallback("basic")
          .help("Addresses that no packet may bear. basic: what no router forwards (RFC 1812 "
                "section 5.3.7). full: also what RFC 6890 says is not forwarded (documentation, "
                "169.254.0.0/16), and addresses of ours as source. Not for a lab that lives on "
                "documentation prefixes."),
  };
}

KeysOf<PortConfig> port_keys() {
  return {
      key("device", &PortConfig::device,
          text("a DPDK device such as 0000:03:00.1 or \"net_af_packet0,iface=eth1\"", 255))
          .required_unless("parent")
          .help("The NIC: a PCI address, or any DPDK device string."),
      key("parent", &PortConfig::parent, word())
          .when_absent("the port has a device of its own")
          .help("Another port, on whose device this one is, too, in a VLAN of its own."),
      list("vlan", &PortConfig::vlan, number<std::uint16_t>(1, 4094), 2)
          .or_one()
          .when_absent("frames without a tag")
          .help("VLAN of the port: its frames have this 802.1Q tag, which nothing behind the port "
                "sees. Two are an outer and an inner tag (QinQ). On one device every port has "
                "other VLANs, and one may have none."),
      key("vlan-protocol", &PortConfig::vlan_protocol,
          optional_of(one_of<VlanProtocol>(
              {{"802.1q", VlanProtocol::kCustomer}, {"802.1ad", VlanProtocol::kService}})))
          .when_absent("802.1q for one tag, 802.1ad for the outer one of two")
          .help("What the tag is, or the outer one of two: EtherType 0x8100 (802.1q) or 0x88a8 "
                "(802.1ad)."),
      key("mtu", &PortConfig::mtu, number<std::uint16_t>(kSmallestMtu, kLargestMtu))
          .fallback("1500")
          .help("Largest IP packet in bytes, VLAN tags not counted; the neighbor's must be the "
                "same. With a parent the default is the parent's, and more is not possible."),
      list("addresses", &PortConfig::addresses, interface_address(), 64)
          .help("Addresses of the port's kernel twin. None on an unnumbered port, which needs only "
                "its IPv6 link-local address."),
      key("side", &PortConfig::side,
          one_of<PortSide>({{"uplink", PortSide::kUplink}, {"local", PortSide::kLocal}}))
          .when_absent("local if the port has addresses, and neither a BGP neighbor nor a "
                       "configured route; else uplink")
          .help(
              "uplink: toward the fabric; in host mode nothing passes from one uplink to another. "
              "local: toward what this router serves."),
      section("admission", &PortConfig::admission, admission_keys())
          .help("Which packets the port takes in, by their addresses (docs/forwarding.md)."),
  };
}

KeysOf<StaticRouteConfig::Via> via_keys() {
  using Via = StaticRouteConfig::Via;
  return {
      key("port", &Via::port, port_reference()).required().help("Where packets leave."),
      key("address", &Via::address, address())
          .when_absent("the neighbor that the port discovered")
          .help("The next hop: link-local, in a subnet of the port, or the destination itself if "
                "that is a single address, which then is on the port's link."),
      key("weight", &Via::weight, number<std::uint16_t>(1, 65535))
          .fallback("1")
          .help("Share of the flows, relative to the other next hops."),
      key("bfd", &Via::bfd, bfd_profile_reference())
          .when_absent("no BFD")
          .help(
              "Profile in bfd.profiles by which BFD watches the next hop. It counts only while BFD "
              "has it up; a route without any such next hop is withdrawn."),
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
      key("announce", &StaticRouteConfig::announce, toggle())
          .fallback("false")
          .help(
              "Tell neighbors of it while the link of a port in via is up, in host mode, too: the "
              "address of a guest (docs/guests.md). There all its ports must be side: local, and "
              "what neighbors announce inside it is refused."),
  };
}

BfdProfile& add_bfd_profile(BfdConfig& bfd, std::string_view name, Scope& scope) {
  BfdProfile& profile = bfd.profiles.emplace_back();
  profile.name = name;
  scope.bfd_profiles.emplace_back(name);
  return profile;
}

KeysOf<BfdProfile> bfd_profile_keys() {
  const auto interval = [] { return duration(milliseconds{1}, seconds{60}); };
  return {
      key("interval", &BfdProfile::interval, interval())
          .fallback("300ms")
          .help("Between two packets, in both directions; the slower side counts. Leaves often "
                "allow no less than 10ms to 300ms."),
      key("transmit", &BfdProfile::transmit, interval())
          .when_absent("as interval")
          .help("Between the packets that we send, if not as interval."),
      key("receive", &BfdProfile::receive, interval())
          .when_absent("as interval")
          .help("Between the packets that we want to receive, if not as interval."),
      key("multiplier", &BfdProfile::multiplier, number<std::uint8_t>(1, 255))
          .fallback("3")
          .help("A neighbor is down after so many intervals without a packet."),
      key("echo", &BfdProfile::echo,
          one_of<BfdEcho>({{"off", BfdEcho::kOff},
                           {"on", BfdEcho::kOn},
                           {"unaffiliated", BfdEcho::kUnaffiliated}}))
          .fallback("off")
          .help("on: reflect the neighbor's echo, and send echo too if it allows. unaffiliated: "
                "echo alone (RFC 9747); the neighbor needs no BFD, only a route to our loopback."),
      key("echo-interval", &BfdProfile::echo_interval, interval())
          .when_absent("as interval")
          .help("Between two echo packets."),
      key("minimum-ttl", &BfdProfile::minimum_ttl, number<std::uint8_t>(1, 255))
          .when_absent("256 less the hops of the neighbor's multihop or ttl-security; 1 without "
                       "either")
          .help(
              "For neighbors behind routers (RFC 5883): packets that arrive with a smaller TTL are "
              "dropped. They start with 255."),
      key("passive", &BfdProfile::passive, toggle())
          .fallback("false")
          .help("Speak only when spoken to."),
      key("strict", &BfdProfile::strict, toggle())
          .fallback("false")
          .help("BGP waits until BFD is up. Not with unaffiliated echo, which needs BGP first."),
      key("auth", &BfdProfile::auth,
          one_of<BfdAuth>({{"none", BfdAuth::kNone},
                           {"simple", BfdAuth::kSimple},
                           {"sha1", BfdAuth::kSha1},
                           {"meticulous-sha1", BfdAuth::kMeticulousSha1}}))
          .fallback("none")
          .help("Authentication of control packets (RFC 5880 section 6.7)."),
      key("auth-key-id", &BfdProfile::auth_key_id, number<std::uint8_t>(0, 255))
          .fallback("1")
          .help("Number of the key; the same on both sides."),
      key("auth-key-file", &BfdProfile::auth_key_file, text("the path of a file", 255))
          .when_absent("required with auth")
          .help("The file that holds the key in its first line: 1 to 16 characters for simple, 1 "
                "to 20 for SHA1."),
  };
}

KeysOf<BfdConfig> bfd_keys() {
  return {
      named_sections<BfdConfig, BfdProfile>("profiles", "NAME", add_bfd_profile, 64,
                                            text("a name", 64), bfd_profile_keys())
          .help(
              "Ways to watch a neighbor, each under a name of your choice. Neighbors and next hops "
              "of routes name one."),
  };
}

template <class Owner>
KeyOf<Owner> timers_section(const std::string& keepalive_absent, const std::string& hold_absent,
                            const std::string& retry_absent) {
  return section(
      "timers", static_cast<BgpTimers Owner::*>(&Owner::timers),
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
  neighbor.graceful_restart = bgp.graceful_restart;
  return neighbor;
}

BgpGroupConfig& add_group(BgpConfig& bgp, std::string_view name, Scope& scope) {
  BgpGroupConfig& group = bgp.groups.emplace_back();
  static_cast<BgpPeerOptions&>(group) = new_neighbor(bgp);
  group.name = name;
  scope.groups = &bgp.groups;
  return group;
}

/// A row for a member of a base of `Owner`.
template <class Owner, class Base, class Member, class T>
KeyOf<Owner> option(std::string name, Member Base::*member, Type<T> type) {
  return key(std::move(name), static_cast<Member Owner::*>(member), std::move(type));
}

KeysOf<MaxPrefixes> max_prefixes_keys() {
  using Action = MaxPrefixes::Action;
  return {
      key("limit", &MaxPrefixes::limit, number<std::uint32_t>(1, 16U << 20))
          .required()
          .help("Prefixes of both families together, refused ones included."),
      key("action", &MaxPrefixes::action,
          one_of<Action>({{"shutdown", Action::kShutdown},
                          {"restart", Action::kRestart},
                          {"warning", Action::kWarning}}))
          .when_absent("shutdown")
          .help(
              "shutdown: the session ends and stays down until it is configured anew; restart: it "
              "is tried again after restart-after; warning: it is logged."),
      key("restart-after", &MaxPrefixes::restart_after, whole_seconds(seconds{1}, seconds{65535}))
          .when_absent("5m")
          .help("For restart."),
      key("warn-at", &MaxPrefixes::warn_at, number<unsigned>(1, 100))
          .when_absent("75")
          .help("Percent of the limit at which it is logged that it comes near."),
  };
}

/// `whose`: "as in the group"; empty in the section that the others inherit from.
KeysOf<GracefulRestartConfig> graceful_restart_keys(const std::string& whose) {
  using Restart = GracefulRestartConfig;
  const auto absent = [&](const char* value) { return whose.empty() ? value : whose; };
  return {
      key("mode", &Restart::mode,
          one_of<Restart::Mode>({{"helper", Restart::Mode::kHelper},
                                 {"restarter", Restart::Mode::kRestarter},
                                 {"off", Restart::Mode::kOff}}))
          .when_absent(absent("helper"))
          .help("helper: while a neighbor's BGP restarts, its routes are kept and used, if it asks "
                "for that in OPEN; restarter: that, and neighbors are asked to keep ours while "
                "this router restarts; off: routes go with the session."),
      key("notifications", &Restart::notifications, toggle())
          .when_absent(absent("true for a neighbor with bfd, else false"))
          .help("Keep them, too, when a NOTIFICATION or the hold timer ended the session (RFC "
                "8538). Without BFD a neighbor that is dead would be used for its restart time."),
      key("restart-limit", &Restart::restart_limit, whole_seconds(seconds{1}, seconds{4095}))
          .when_absent(absent("120s"))
          .help("How long they are kept at most until the neighbor is back."),
      key("stale-time", &Restart::stale_time, whole_seconds(seconds{1}, seconds{65535}))
          .when_absent(absent("360s"))
          .help("How long the neighbor has to announce them again once it is back."),
      key("restart-time", &Restart::restart_time, whole_seconds(seconds{1}, seconds{4095}))
          .when_absent(absent("30s"))
          .help("For restarter: how long the neighbor is asked to keep our routes. Nothing is "
                "forwarded here meanwhile: packets that it sends us are lost."),
      key("preserve-fw-state", &Restart::preserve_fw_state, toggle())
          .when_absent(absent("false"))
          .help("For restarter: tell the neighbor after a restart that packets went on being "
                "forwarded, which is not true of the restart itself, so that it keeps our routes "
                "until it has heard them again (docs/bgp.md)."),
      key("long-lived-limit", &Restart::long_lived_limit,
          whole_seconds(seconds{0}, seconds{16777215}))
          .when_absent(absent("0s: not"))
          .help("How long a neighbor's routes are kept after its restart took too long, as the "
                "last choice, if it asks for that (RFC 9494); its own time counts if it is "
                "shorter."),
  };
}

/// What a neighbor and a group of neighbors have in common. No row has a fallback: what is absent
/// is as in the group, and the groups start from the defaults of the struct.
template <class Owner>
KeysOf<Owner> peer_option_keys() {
  using Options = BgpPeerOptions;
  return {
      option<Owner>("remote-asn", &Options::remote_asn, remote_as_number())
          .when_absent("as in the group; required without one")
          .help("external: any AS but ours; internal: ours; or the number that it must be."),
      option<Owner>("passive", &Options::passive, toggle())
          .when_absent("false")
          .help("Wait for the peer to connect."),
      timers_section<Owner>("a third of this neighbor's hold, or as in bgp", "as in bgp",
                            "as in bgp")
          .help("This neighbor's timers."),
      option<Owner>("bfd", &Options::bfd, bfd_profile_reference())
          .when_absent("no BFD")
          .help("Profile in bfd.profiles by which BFD watches the neighbor."),
      option<Owner>("allow-own-as", &Options::allow_own_as, number<std::uint8_t>(0, 10))
          .when_absent("as in bgp")
          .help("As in bgp, for this neighbor."),
      option<Owner>("description", &Options::description, text("text", 80)).help("For people."),
      option<Owner>("multihop", &Options::multihop, number<std::uint8_t>(2, 254))
          .when_absent("an external neighbor is on a link")
          .help("Hops to an external neighbor that is behind routers. Its address needs no subnet "
                "of ours then."),
      option<Owner>("ttl-security", &Options::ttl_security, number<std::uint8_t>(1, 254))
          .when_absent("off")
          .help(
              "Hops that the neighbor is away at most: packets from further away are dropped, and "
              "ours are sent with a TTL of 255 (GTSM, RFC 5082). Both sides must be told; 1 on a "
              "link. Not together with multihop."),
      option<Owner>("source", &Options::source, address())
          .when_absent("the kernel's choice")
          .help("Our address of the session: one of the loopbacks, services or port addresses."),
      option<Owner>("password-file", &Options::password, secret_file())
          .when_absent("none")
          .help(
              "File with the password of TCP MD5 (RFC 2385), up to 80 bytes; its last end of line "
              "does not count."),
      section("local-as", static_cast<LocalAs Owner::*>(&Options::local_as),
              KeysOf<LocalAs>{
                  key("asn", &LocalAs::asn, as_number())
                      .required()
                      .help("The AS number that the neighbor sees in place of router.asn."),
                  key("no-prepend", &LocalAs::no_prepend, toggle())
                      .when_absent("false")
                      .help("Do not put it in front of the paths that the neighbor sends."),
                  key("replace-as", &LocalAs::replace_as, toggle())
                      .when_absent("false")
                      .help("Send it alone, without router.asn behind it."),
              })
          .help("Another AS number for this external neighbor (RFC 7705)."),
      option<Owner>("role", &Options::role,
                    one_of<bgp::Role>({{"provider", bgp::Role::kProvider},
                                       {"rs", bgp::Role::kRouteServer},
                                       {"rs-client", bgp::Role::kRouteServerClient},
                                       {"customer", bgp::Role::kCustomer},
                                       {"peer", bgp::Role::kPeer}}))
          .when_absent("none")
          .help("What this router is to the external neighbor (RFC 9234): its provider, its "
                "customer, its peer, its route server (rs), or a client of it (rs-client). A "
                "neighbor that says anything else of itself is refused, and routes that leak "
                "(down and up again) are refused and not sent, whatever the policies say."),
      option<Owner>("role-strict", &Options::role_strict, toggle())
          .when_absent("false")
          .help("Refuse a neighbor that does not tell its role."),
      option<Owner>("as-override", &Options::as_override, toggle())
          .when_absent("false")
          .help("Where the neighbor's AS stands in a path that we send it, ours stands instead."),
      option<Owner>("remove-private-as", &Options::remove_private_as, toggle())
          .when_absent("false")
          .help("Take private AS numbers (RFC 6996) out of the paths that we send."),
      option<Owner>("enforce-first-as", &Options::enforce_first_as, toggle())
          .when_absent("true")
          .help(
              "Refuse paths of an external neighbor that do not start with its AS. A route server "
              "needs false."),
      option<Owner>("add-path", &Options::add_path,
                    one_of<AddPathUse>({{"receive", AddPathUse::kReceive},
                                        {"send", AddPathUse::kSend},
                                        {"both", AddPathUse::kBoth},
                                        {"off", AddPathUse::kOff}}))
          .when_absent("off")
          .help("receive: the neighbor may send several paths to a prefix (RFC 7911); all of them "
                "take part in the choice of routes. send: it is sent several, if it takes them."),
      option<Owner>("add-path-families", &Options::add_path_family,
                    one_of<std::optional<bgp::Family>>({{"both", std::nullopt},
                                                        {"ipv4", bgp::Family::kIpv4Unicast},
                                                        {"ipv6", bgp::Family::kIpv6Unicast}}))
          .when_absent("both")
          .help("What add-path is for."),
      option<Owner>("add-path-limit", &Options::add_path_limit,
                    number_or<std::uint16_t>(1, 32, "all", kAllPaths))
          .when_absent("all")
          .help("How many paths to a prefix the neighbor is sent at most; the best ones."),
      option<Owner>("aigp", &Options::aigp, toggle())
          .when_absent("true for an internal neighbor, else false")
          .help("Take the accumulated IGP metric of what the neighbor sends, and send it on (RFC "
                "7311). Only within one administration: the lower metric wins over the shorter AS "
                "path."),
      section("max-prefixes", static_cast<MaxPrefixes Owner::*>(&Options::max_prefixes),
              max_prefixes_keys())
          .when_absent("twice what the forwarding tables hold, action restart")
          .help("What the neighbor may send."),
      section("graceful-restart",
              static_cast<GracefulRestartConfig Owner::*>(&Options::graceful_restart),
              graceful_restart_keys("as in the group, or bgp"))
          .help("While the neighbor's BGP restarts (RFC 4724)."),
      option<Owner>("graceful-shutdown", &Options::graceful_shutdown, toggle())
          .when_absent("false")
          .help("Ask the neighbor to prefer any other way: announcements carry the community "
                "GRACEFUL_SHUTDOWN (RFC 8326). For a while, `lastmile drain` does the same."),
      option<Owner>("shutdown", &Options::shutdown, toggle())
          .when_absent("false")
          .help("Keep the session down."),
      option<Owner>("shutdown-message", &Options::shutdown_message, text("text", 255))
          .when_absent("none")
          .help("What the neighbor's operator reads when shutdown ends the session (RFC 9003)."),
      planned<Owner>("tcp-ao", "TCP Authentication Option (RFC 5925).")
          .instead("TCP-AO (RFC 5925) has to be in the kernel, and this program has not been tried "
                   "with one that has it; expected password-file (TCP MD5), or ttl-security for a "
                   "neighbor on a link"),
      option<Owner>("import", &Options::import_policy, policy_reference())
          .when_absent("in transit mode nothing is accepted from an external neighbor (RFC 8212), "
                       "else everything")
          .help("Policy for what the neighbor sends."),
      option<Owner>("export", &Options::export_policy, policy_reference())
          .when_absent("in transit mode nothing is sent to an external neighbor (RFC 8212), else "
                       "everything that may be")
          .help("Policy for what the neighbor is sent."),
      planned<Owner>("reflector-client", "The neighbor is a client of this route reflector."),
  };
}

KeysOf<BgpNeighborConfig> neighbor_keys() {
  using Neighbor = BgpNeighborConfig;
  // The group first: the rows after it change what was inherited.
  KeysOf<Neighbor> keys{
      key("group", &Neighbor::group, Type<std::string>{})
          .when_absent("none")
          .help("A group of bgp.groups whose settings are this neighbor's where it has none."),
      key("port", &Neighbor::port, port_reference())
          .when_absent("required without address or listen")
          .help("Alone: unnumbered; the peer is whoever sends router advertisements on this port. "
                "With a link-local address or listen range: the port that it is on."),
      key("address", &Neighbor::address, address())
          .when_absent("discovered on the port")
          .help("The peer's address, where it is not discovered."),
      key("listen", &Neighbor::listen, prefix())
          .when_absent("one neighbor")
          .help("Dynamic neighbors: whoever connects from this prefix; fe80::/10 for whoever is on "
                "a link. They are never dialed."),
      key("limit", &Neighbor::limit, number<unsigned>(1, 4096))
          .fallback("100")
          .help("Most dynamic neighbors at a time."),
  };
  keys.front().key.type = "the name of a group";
  keys.front().key.store = [](void* owner, std::string_view text,
                              const Scope& scope) -> tl::expected<void, Fault> {
    auto group = find_group(text, scope);
    if (!group) return tl::unexpected(std::move(group.error()));
    auto& neighbor = *static_cast<Neighbor*>(owner);
    static_cast<BgpPeerOptions&>(neighbor) = **group;
    neighbor.group = text;
    return {};
  };
  for (KeyOf<Neighbor>& row : peer_option_keys<Neighbor>()) keys.push_back(std::move(row));
  return keys;
}

KeysOf<AggregateConfig> aggregate_keys() {
  return {
      key("prefix", &AggregateConfig::prefix, prefix())
          .required()
          .help("Announced while a longer prefix inside it is forwarded; packets for what is not "
                "there are dropped."),
      key("summary-only", &AggregateConfig::summary_only, toggle())
          .fallback("false")
          .help("Do not announce the routes inside it."),
  };
}

KeysOf<DefaultOriginateConfig> default_originate_keys() {
  return {
      key("ipv4", &DefaultOriginateConfig::ipv4, toggle()).fallback("false").help("0.0.0.0/0."),
      key("ipv6", &DefaultOriginateConfig::ipv6, toggle()).fallback("false").help("::/0."),
      list("if-present", &DefaultOriginateConfig::if_present, prefix(), 64)
          .when_absent("always")
          .help("Only while one of these very prefixes, of the same family, is forwarded."),
      key("if-policy", &DefaultOriginateConfig::if_policy, policy_reference())
          .when_absent("always")
          .help("Only while a route is forwarded, of the same family, that this policy accepts."),
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
      key("link-bandwidth", &BgpConfig::use_link_bandwidth, toggle())
          .fallback("true")
          .help("Where all equal paths of a route carry the link bandwidth community, flows are "
                "shared as the bandwidths are to each other; a weight that an import policy sets "
                "stands above it."),
      key("allow-own-as", &BgpConfig::allow_own_as, number<std::uint8_t>(0, 10))
          .fallback("0")
          .help("How often our own AS number may stand in a path that we accept. 1 where servers "
                "share an AS number and are to reach each other."),
      key("reject-as-sets", &BgpConfig::reject_as_sets, toggle())
          .fallback("true")
          .help("Refuse paths with an AS_SET or AS_CONFED_SET, which nobody may send any more "
                "(RFC 9774)."),
      sections("aggregates", &BgpConfig::aggregates, 64, aggregate_keys())
          .help("Routes that are announced, in transit mode, while a route inside them is there."),
      section("default-originate", &BgpConfig::default_originate, default_originate_keys())
          .help("A default route of our own for neighbors, in transit mode. One from a neighbor "
                "goes before it. Export policies find it by source: default."),
      section("graceful-restart", &BgpConfig::graceful_restart, graceful_restart_keys(""))
          .help("For neighbors that set none of their own."),
      named_sections<BgpConfig, BgpGroupConfig>("groups", "NAME", add_group, 256, word(),
                                                peer_option_keys<BgpGroupConfig>())
          .help("Settings that several neighbors have in common."),
      sections("neighbors", &BgpConfig::neighbors, 4096, neighbor_keys(), new_neighbor)
          .help("The peers."),
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

// Ports, BFD profiles and the user who reads secrets stand before all that refers to them: the
// reader goes through the table in its order.
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
      services_key(),
      section("system", &Config::system, system_keys())
          .help("What the process may do once it has started (docs/security.md)."),
      section("bfd", &Config::bfd, bfd_keys()).help("Fast detection of dead neighbors (RFC 5880)."),
      sections("routes", &Config::routes, 65536, route_keys()).help("Static routes."),
      prefix_lists_key(),
      policies_key(),
      section("bgp", &Config::bgp, bgp_keys()).when_absent("no BGP").help("BGP-4."),
      section("dataplane", &Config::dataplane, dataplane_keys()).help("The forwarding threads."),
      section("control", &Config::control, control_keys()).help("The socket of `lastmile`."),
      section("host", &Config::host, host_keys()).help("The way to the machine's own programs."),
      section("telemetry", &Config::telemetry, telemetry_keys()).help("Metrics for Prometheus."),
  };
}

}  // namespace

const std::vector<Key>& schema() {
  static const std::vector<Key> keys = erase(top_keys());
  return keys;
}

}  // namespace lastmile::config
