// Routes that outlive their session (RFC 4724 section 4.2).
//
// A restarting peer's sources turn stale: their paths count as before, and their next hops are left
// alone. The session that follows takes up the incarnation of the one before, so a route that is
// announced again as it was has the same next hop, the same group, and costs the forwarding tables
// nothing. What is left in the stale sources at the End-of-RIB departs.
//
// A refresh whose begin and end are marked (RFC 7313) is the same within a session: what was
// announced before the begin is stale, and what has not been announced again at the end departs.
//
// A peer that stays away for longer than its restart time may have its routes kept for longer
// still, as the last choice (RFC 9494): they get a community that says so, in slices, and each
// family has a time of its own.
//
// After a restart of our own (RFC 4724 section 4.1) it is the other way round: what peers bring is
// announced when they have told all.
#include "controlplane/rib/rib_state.h"
#include "logging/log.h"

namespace lastmile::rib {
namespace {

TimerKey long_lived_timer(bgp::PeerId peer, bgp::Family family) {
  return {TimerKind::kLongLivedStale,
          std::uint64_t{peer.value()} * bgp::kFamilyCount + static_cast<unsigned>(family)};
}

}  // namespace

/// The source's paths count for nothing any more.
void Rib::State::depart(std::optional<SourceId>& source) {
  if (!source) return;
  if (core.sources[*source].last_choice) {
    timers.cancel(long_lived_timer(core.sources[*source].peer, core.sources[*source].family));
    // A source that is no longer there has nothing left to be marked.
    if (!aging.empty() && aging.front() == *source) aging_cursor = 0;
    std::erase(aging, *source);
  }
  core.sources[*source].state = SourceState::kDeparting;
  departing.push_back(*source);
  source.reset();
}

void Rib::State::end_stale(bgp::PeerId id, bgp::Family family) {
  Peer& peer = this->peer(id);
  if (!peer.has_stale()) return;
  depart(peer.stale_source(family));
  finish_departures();
  if (!peer.has_stale()) timers.cancel(stale_timer(id));
}

void Rib::State::end_all_stale(bgp::PeerId id) {
  Peer& peer = this->peer(id);
  if (!peer.has_stale()) return;
  for (std::optional<SourceId>& source : peer.stale) depart(source);
  for (Refresh& refresh : peer.refreshes) {
    if (refresh == Refresh::kUnderWay) refresh = Refresh::kNone;
  }
  timers.cancel(stale_timer(id));
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
    const auto forwards = [family](const auto& capability) {
      const auto* kept = capability ? capability->find(family) : nullptr;
      return kept != nullptr && kept->forwarding;
    };
    // RFC 9494 section 4.2: of the capability that they are kept by.
    const bool goes_on = core.sources[*source].last_choice ? forwards(negotiated.long_lived)
                                                           : forwards(negotiated.graceful_restart);
    if (!same_neighbor || !goes_on) depart(source);
  }
  if (peer.has_stale()) return peer.incarnation;
  core.hops.session_ended(peer.incarnation);
  finish_departures();
  return Incarnation{++incarnations};
}

void Rib::State::end_of_rib(bgp::PeerId id, bgp::Family family) {
  heard_all(id, family);
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
  timers.arm(stale_timer(id), config_of(peer).stale_time);
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
    const bool restarts = peer.restart && peer.restart->find(family) != nullptr;
    const auto* kept = peer.long_lived ? peer.long_lived->find(family) : nullptr;
    if (!restarts && (kept == nullptr || kept->stale_time_s == 0)) {
      s.depart(source);
      continue;
    }
    s.core.sources[*source].state = SourceState::kStale;
    peer.stale_source(family) = *source;
    source.reset();
    // "... the GR restart time shall be deemed zero" (RFC 9494 section 4.2).
    if (!restarts) s.begin_long_lived(*peer.stale_source(family), *kept);
  }
  s.finish_departures();
}

// --- long-lived (RFC 9494) -----------------------------------------------------------------------

void Rib::on_long_lived(bgp::PeerId id, const bgp::LongLivedRestart& kept, TimePoint /*now*/) {
  State& s = *state_;
  State::Peer& peer = s.peer(id);
  for (std::optional<SourceId>& source : peer.stale) {
    if (!source || s.core.sources[*source].last_choice) continue;
    const auto* family = kept.find(s.core.sources[*source].family);
    if (family == nullptr || family->stale_time_s == 0) {
      s.depart(source);
    } else {
      s.begin_long_lived(*source, *family);
    }
  }
  s.finish_departures();
}

void Rib::State::begin_long_lived(SourceId id, const bgp::LongLivedRestart::Kept& kept) {
  Source& source = core.sources[id];
  source.last_choice = true;
  aging.push_back(id);
  timers.arm(long_lived_timer(source.peer, source.family), std::chrono::seconds{kept.stale_time_s});
}

void Rib::State::end_long_lived(std::uint64_t timer_owner) {
  const bgp::PeerId id{static_cast<std::uint16_t>(timer_owner / bgp::kFamilyCount)};
  const auto family = static_cast<bgp::Family>(timer_owner % bgp::kFamilyCount);
  const std::optional<SourceId>& source = peer(id).stale_source(family);
  if (source && core.sources[*source].last_choice) end_stale(id, family);
}

std::size_t Rib::State::age(std::size_t limit) {
  std::size_t done = 0;
  while (!aging.empty() && done < limit) {
    const SourceId source = aging.front();
    std::size_t looked_at = 0;
    for_family(core.sources[source].family,
               [&](auto& family) { looked_at = family.age(aging_cursor, source, limit - done); });
    done += looked_at;
    if (done >= limit && looked_at != 0) break;
    aging.erase(aging.begin());
    aging_cursor = 0;
  }
  return done;
}

// --- our own restart (RFC 4724 section 4.1) ------------------------------------------------------

void Rib::defer_selection(Duration at_most) {
  State& s = *state_;
  for (std::size_t i = 0; i < s.configured.size(); ++i) {
    if (!s.configured[i].awaited) continue;
    const bgp::PeerId id{static_cast<std::uint16_t>(i)};
    for (const bgp::Family family : kFamilies) s.awaited.emplace(id, family);
  }
  if (s.awaited.empty()) return;
  s.ipv4.defer();
  s.ipv6.defer();
  s.timers.arm({TimerKind::kSelectionDeferral, 0}, at_most);
}

bool Rib::defers_selection() const {
  return !state_->awaited.empty();
}

bool Rib::awaits(bgp::PeerId peer) const {
  const auto first = state_->awaited.lower_bound({peer, bgp::Family::kIpv4Unicast});
  return first != state_->awaited.end() && first->first == peer;
}

/// The peer has told all its routes of the family, or will not say when it has.
void Rib::State::heard_all(bgp::PeerId id, bgp::Family family) {
  if (awaited.erase({id, family}) == 0) return;
  const bool more =
      std::ranges::any_of(awaited, [&](const auto& waiting) { return waiting.second == family; });
  if (!more) end_deferral(family);
}

void Rib::State::end_deferral(bgp::Family family) {
  std::erase_if(awaited, [&](const auto& waiting) { return waiting.second == family; });
  for_family(family, [](auto& rib) { rib.release(); });
  if (!awaited.empty()) return;
  timers.cancel({TimerKind::kSelectionDeferral, 0});
  log::info("after the restart: everybody who is waited for has told all its routes");
}

}  // namespace lastmile::rib
