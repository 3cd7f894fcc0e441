// Routes that outlive their session (RFC 4724 section 4.2).
//
// A restarting peer's sources turn stale: their paths count as before, and their next hops are left
// alone. The session that follows takes up the incarnation of the one before, so a route that is
// announced again as it was has the same next hop, the same group, and costs the forwarding tables
// nothing. What is left in the stale sources at the End-of-RIB departs.
//
// A refresh whose begin and end are marked (RFC 7313) is the same within a session: what was
// announced before the begin is stale, and what has not been announced again at the end departs.
#include "controlplane/rib/rib_state.h"

namespace lastmile::rib {

/// The source's paths count for nothing any more.
void Rib::State::depart(std::optional<SourceId>& source) {
  if (!source) return;
  core.sources[*source].state = SourceState::kDeparting;
  departing.push_back(*source);
  source.reset();
}

void Rib::State::end_stale(bgp::PeerId id, bgp::Family family) {
  Peer& peer = this->peer(id);
  if (!peer.has_stale()) return;
  depart(peer.stale_source(family));
  finish_departures();
  if (!peer.has_stale()) timers.cancel({TimerKind::kStaleRoutes, id.value()});
}

void Rib::State::end_all_stale(bgp::PeerId id) {
  Peer& peer = this->peer(id);
  if (!peer.has_stale()) return;
  for (std::optional<SourceId>& source : peer.stale) depart(source);
  for (Refresh& refresh : peer.refreshes) {
    if (refresh == Refresh::kUnderWay) refresh = Refresh::kNone;
  }
  timers.cancel({TimerKind::kStaleRoutes, id.value()});
}

/// What the last session of the peer has left, now that the next one is up: it stays stale where
/// the peer says that it went on forwarding (RFC 4724 section 4.2). The incarnation of the new
/// session.
Incarnation Rib::State::take_over_stale(bgp::PeerId id, const bgp::Negotiated& negotiated) {
  Peer& peer = this->peer(id);
  const bool same_neighbor = negotiated.remote.address == peer.import.peer.address &&
                             negotiated.remote.port == peer.import.peer.port &&
                             negotiated.remote_asn == peer.import.peer_asn;
  for (std::optional<SourceId>& source : peer.stale) {
    if (!source) continue;
    const bgp::Family family = core.sources[*source].family;
    const bgp::GracefulRestart::Kept* kept =
        negotiated.graceful_restart ? negotiated.graceful_restart->find(family) : nullptr;
    if (!same_neighbor || kept == nullptr || !kept->forwarding) depart(source);
  }
  if (peer.has_stale()) return peer.incarnation;
  core.hops.session_ended(peer.incarnation);
  finish_departures();
  return Incarnation{++incarnations};
}

void Rib::State::end_of_rib(bgp::PeerId id, bgp::Family family) {
  Refresh& refresh = peer(id).refresh(family);
  if (refresh == Refresh::kUnderWay) return;  // of no table that was asked for
  if (refresh == Refresh::kAfterEndOfRib) refresh = Refresh::kNone;
  end_stale(id, family);
}

/// RFC 7313 section 4. A second begin before the end changes nothing: what was announced since the
/// first is as good as what follows.
void Rib::State::begin_refresh(bgp::PeerId id, bgp::Family family) {
  Peer& peer = this->peer(id);
  if (!peer.up() || peer.refresh(family) != Refresh::kNone) return;
  peer.refresh(family) = Refresh::kUnderWay;
  depart(peer.stale_source(family));
  const SourceId before = peer.source(family);
  Source source = core.sources[before];
  source.received = source.accepted = {};
  source.held = 0;
  core.sources[before].state = SourceState::kStale;
  peer.stale_source(family) = before;
  peer.sources[static_cast<std::size_t>(family)] = core.sources.add(source);
  timers.arm({TimerKind::kStaleRoutes, id.value()}, config_of(peer).stale_time);
}

void Rib::State::end_refresh(bgp::PeerId id, bgp::Family family) {
  Peer& peer = this->peer(id);
  if (!peer.up() || peer.refresh(family) != Refresh::kUnderWay) return;
  peer.refresh(family) = Refresh::kNone;
  end_stale(id, family);
}

void Rib::on_route_refresh(bgp::PeerId id, const bgp::RouteRefresh& refresh, TimePoint /*now*/) {
  switch (refresh.subtype) {
    case bgp::RouteRefresh::kRequest:
      return state_->exporter.refresh(id, refresh.family);
    case bgp::RouteRefresh::kBegin:
      return state_->begin_refresh(id, refresh.family);
    case bgp::RouteRefresh::kEnd:
      return state_->end_refresh(id, refresh.family);
    default:
      return;
  }
}

void Rib::on_restarting(bgp::PeerId id, const std::string& /*reason*/, TimePoint /*now*/) {
  State& s = *state_;
  State::Peer& peer = s.peer(id);
  if (!peer.up()) return;
  s.exporter.peer_down(id);
  // "To deal with possible consecutive restarts", what is stale already goes (section 4.2).
  s.end_all_stale(id);
  for (std::optional<SourceId>& source : peer.sources) {
    const bgp::Family family = s.core.sources[*source].family;
    if (peer.restart && peer.restart->find(family) != nullptr) {
      s.core.sources[*source].state = SourceState::kStale;
      peer.stale_source(family) = *source;
      source.reset();
    } else {
      s.depart(source);
    }
  }
  s.finish_departures();
}

}  // namespace lastmile::rib
