#include "controlplane/config/checks_by_subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>

#include "controlplane/config/checker.h"
#include "dataplane/net/format.h"

namespace lastmile::config {
namespace {

using std::chrono::seconds;

class BgpChecks : private Checker {
 public:
  BgpChecks(Config& config, Reader& reader) : Checker(config, reader) {}

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
      check_place(config_, reader_, neighbor, path);
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

 private:
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
    const bool internal = is_internal(config_.router, peer);
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
};

}  // namespace

void check_bgp(Config& config, Reader& reader) {
  BgpChecks(config, reader).bgp();
}

}  // namespace lastmile::config
