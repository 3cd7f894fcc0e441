// Sessions come and go: a peer with its sources of paths, what was agreed on, and what is left.
#include <algorithm>

#include "controlplane/rib/rib_state.h"
#include "dataplane/net/format.h"
#include "logging/log.h"

namespace lastmile::rib {

Rib::State::Peer& Rib::State::peer(bgp::PeerId id) {
  if (id.value() >= peers.size()) peers.resize(std::size_t{id.value()} + 1);
  return peers[id.value()];
}

/// One for each family, because each has its own End-of-RIB.
void Rib::State::add_sources(Peer& peer, bgp::PeerId id, const bgp::Negotiated& negotiated) {
  Source source;
  source.kind = SourceKind::kBgp;
  source.peer = id;
  source.incarnation = peer.incarnation;
  source.external = negotiated.external;
  source.asn = negotiated.remote_asn;
  source.identifier = negotiated.remote_identifier;
  source.address = negotiated.remote.address;
  source.name = peer.name;
  source.path_numbers = peer.path_numbers;
  for (const bgp::Family family : kFamilies) {
    source.family = family;
    peer.sources[static_cast<std::size_t>(family)] = core.sources.add(source);
  }
}

void Rib::State::agree_on_refreshes(Peer& peer, const bgp::Negotiated& negotiated) {
  peer.can_refresh = negotiated.peer_route_refresh;
  for (const bgp::Family family : kFamilies) {
    // RFC 7313 section 4: before the first table of a peer that restarts gracefully there is none.
    peer.refresh(family) = !negotiated.enhanced_refresh  ? Refresh::kNever
                           : negotiated.graceful_restart ? Refresh::kAfterEndOfRib
                                                         : Refresh::kNone;
  }
}

void Rib::on_established(bgp::PeerId id, const bgp::Negotiated& negotiated, TimePoint now) {
  State& s = *state_;
  State::Peer& peer = s.peer(id);
  if (peer.up()) on_down(id, "replaced by a new session", now);

  peer.incarnation = s.take_over_stale(id, negotiated);
  peer.restart = negotiated.graceful_restart;
  peer.long_lived = negotiated.long_lived;
  peer.families = negotiated.families;
  peer.configured_as = negotiated.configured_as;
  const State::PeerConfig& config = s.config_of(peer);
  const bool dynamic = peer.configured_as != id || config.name.empty();
  peer.name = dynamic ? negotiated.name : config.name;
  for (const bgp::Family family : kFamilies) {
    peer.path_ids(family) = negotiated.codec.path_ids_of(family);
  }
  // Numbers of paths that are kept from the last session stay theirs.
  if (negotiated.codec.path_ids.empty()) {
    peer.path_numbers.reset();
  } else if (!peer.path_numbers || !peer.has_stale()) {
    peer.path_numbers = std::make_shared<PathNumberTables>();
  }
  s.add_sources(peer, id, negotiated);
  s.agree_on_refreshes(peer, negotiated);
  peer.near_limit_said = peer.too_many_paths_said = false;

  peer.import.mode = s.core.mode;
  peer.import.own_asn = s.asn;
  peer.import.own_identifier = s.identifier;
  peer.import.session_asn = negotiated.local_asn.value() != 0 ? negotiated.local_asn : s.asn;
  peer.import.external = negotiated.external;
  peer.import.peer_asn = negotiated.remote_asn;
  peer.import.peer = negotiated.remote;
  peer.import.own_next_hop = negotiated.local_next_hop;
  peer.import.role = negotiated.role;
  peer.changes.external = negotiated.external;
  const bool marks = negotiated.role &&
                     bgp::facts(*negotiated.role).unmarked_in == bgp::RoleFacts::Unmarked::kMark;
  peer.changes.only_to_customer = marks ? std::optional{negotiated.remote_asn} : std::nullopt;
  s.take_settings(peer);
  peer.import_policy = config.import;
  if (s.core.mode != RouterMode::kHost && negotiated.external &&
      (config.import == nullptr || config.exported.policy == nullptr)) {
    log::warn("bgp {}: no {} policy, so nothing is {} (RFC 8212)", peer.name,
              config.import == nullptr ? "import" : "export",
              config.import == nullptr ? "accepted" : "announced");
  }

  for (const bgp::Family family : kFamilies) {
    const bool comes = std::ranges::find(peer.families, family) != peer.families.end();
    if (!negotiated.ends_its_table || !comes) s.heard_all(id, family);
  }
  s.exporter.peer_up(id, peer.name, negotiated, config.exported);
  if (!peer.has_stale()) return;
  log::info("bgp {}: back from its restart; it has {} s to announce its routes again", peer.name,
            config.stale_time.count());
  s.timers.arm(stale_timer(id), config.stale_time);
}

void Rib::on_down(bgp::PeerId id, const std::string& /*reason*/, TimePoint /*now*/) {
  State& s = *state_;
  State::Peer& peer = s.peer(id);
  if (!peer.up() && !peer.has_stale()) return;
  s.exporter.peer_down(id);
  // Packets move to other next hops now, with one store for each; the tables are cleaned after.
  s.core.hops.session_ended(peer.incarnation);
  for (std::optional<SourceId>& source : peer.sources) s.depart(source);
  s.end_all_stale(id);
  s.finish_departures();
}

void Rib::on_writable(bgp::PeerId peer, TimePoint /*now*/) {
  state_->exporter.on_writable(peer);
}

}  // namespace lastmile::rib
