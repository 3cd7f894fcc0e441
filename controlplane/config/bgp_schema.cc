#include "controlplane/config/schema_by_subject.h"

#include "controlplane/config/address_types.h"
#include "controlplane/config/asn_types.h"
#include "controlplane/config/capacity.h"
#include "controlplane/config/name_types.h"
#include "controlplane/config/time_types.h"

namespace lastmile::config {
namespace {

using std::chrono::seconds;

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
          .help("shutdown: the session ends and stays down until max-prefixes is changed; restart: "
                "it is tried again after restart-after; warning: it is logged."),
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
          .not_empty()
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

}  // namespace

KeyOf<Config> bgp_key() {
  return section("bgp", &Config::bgp, bgp_keys()).when_absent("no BGP").help("BGP-4.");
}

}  // namespace lastmile::config
