// What the configuration says of each peer: taken with its session, and anew with a reload. Where
// another import would judge a peer's routes differently, it is asked for them again.
#include <algorithm>
#include <map>
#include <tuple>

#include "controlplane/bgp/wire/notification.h"
#include "controlplane/rib/rib_state.h"
#include "logging/log.h"

namespace lastmile::rib {

std::vector<Rib::State::PeerConfig> Rib::State::peer_configs(const Config& config) {
  std::map<std::string, std::shared_ptr<const policy::Policy>> policies;
  for (const policy::Rules& rules : config.policies) {
    policies.emplace(rules.name, std::make_shared<const policy::Policy>(rules));
  }
  const auto named = [&](const std::string& name) {
    const auto found = policies.find(name);
    return found == policies.end() ? nullptr : found->second;
  };
  std::vector<PeerConfig> peers;
  for (const BgpNeighborConfig& neighbor : config.bgp.neighbors) {
    PeerConfig peer;
    peer.name = neighbor.name;
    peer.allow_own_as = neighbor.allow_own_as;
    peer.enforce_first_as = neighbor.enforce_first_as;
    peer.local_as = neighbor.local_as;
    peer.max_prefixes = neighbor.max_prefixes;
    peer.stale_time = neighbor.graceful_restart.stale_time;
    peer.awaited = !neighbor.listen && !neighbor.shutdown &&
                   neighbor.graceful_restart.mode != GracefulRestartConfig::Mode::kOff;
    peer.import = named(neighbor.import_policy);
    peer.exported = {neighbor.local_as,          neighbor.as_override,
                     neighbor.remove_private_as, neighbor.graceful_shutdown,
                     neighbor.add_path_limit,    named(neighbor.export_policy)};
    peers.push_back(std::move(peer));
  }
  return peers;
}

const Rib::State::PeerConfig& Rib::State::config_of(const Peer& peer) const {
  static const PeerConfig kUnknown;
  const std::size_t number = peer.configured_as.value();
  return number < configured.size() ? configured[number] : kUnknown;
}

/// What the configuration says of a peer whose session is up.
void Rib::State::take_settings(Peer& peer) const {
  const PeerConfig& config = config_of(peer);
  peer.import.allow_own_as = config.allow_own_as;
  peer.import.enforce_first_as = config.enforce_first_as;
  peer.import.reject_as_sets = reject_as_sets;
  peer.import.has_policy = config.import != nullptr;
  peer.changes.prepend = config.local_as.no_prepend ? std::nullopt : config.local_as.asn;
}

/// One peer whose session is up: its routes are judged and told anew only if that may differ.
void Rib::State::apply_to(bgp::PeerId id, Judgement judgement, TimePoint now) {
  Peer& peer = this->peer(id);
  if (!peer.up()) return;
  const auto judged_by = [](const Peer& p) {
    return std::tuple(p.import.allow_own_as, p.import.enforce_first_as, p.import.reject_as_sets,
                      p.import.has_policy, p.changes.prepend);
  };
  const auto before = judged_by(peer);
  take_settings(peer);
  const PeerConfig& config = config_of(peer);
  const policy::Policy* was = peer.import_policy.get();
  const policy::Policy* is = config.import.get();
  const bool same_policy = (was == nullptr && is == nullptr) ||
                           (was != nullptr && is != nullptr && was->rules() == is->rules());
  peer.import_policy = config.import;
  check_limit(id, now);
  const bool same = same_policy && before == judged_by(peer) && judgement == Judgement::kSame;
  if (!peer.up() || same) return;
  log::info("bgp {}: another import: asking for its routes again", peer.name);
  if (!peer.can_refresh) {
    sessions.reset(id, bgp::notification(bgp::CeaseReason::kOtherConfigurationChange), now);
    return;
  }
  for (const bgp::Family family : peer.families) {
    sessions.send_route_refresh(id, {family, bgp::RouteRefresh::kRequest});
  }
}

}  // namespace lastmile::rib
