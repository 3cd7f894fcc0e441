// The door: how the RIB is made, its timers, another configuration, and the work in slices. What
// events bring is filed in the files that rib_state.h names.
#include "controlplane/rib/rib.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "controlplane/rib/rib_state.h"
#include "logging/log.h"

namespace lastmile::rib {
namespace {

DecisionOptions decision_options(const Config& config) {
  DecisionOptions options;
  options.max_paths = std::clamp(config.bgp.max_paths, 1U, kMaxGroupMembers);
  options.multipath_relax = config.bgp.multipath_relax;
  options.link_bandwidth =
      config.bgp.use_link_bandwidth ? LinkBandwidth::kWeight : LinkBandwidth::kIgnore;
  return options;
}

}  // namespace

Rib::State::State(const Config& configuration, ForwardingPlane& plane, bgp::PeerOutput& output,
                  Neighborhood& neighborhood, Timers& timer_queue)
    : own(configuration),
      asn(configuration.router.asn),
      identifier(configuration.router.id),
      core(configuration.router.mode, decision_options(configuration), plane, neighborhood,
           timer_queue),
      ipv4(core),
      ipv6(core),
      exporter({core, configuration.router.asn, output, timer_queue}, ipv4, ipv6),
      reject_as_sets(configuration.bgp.reject_as_sets),
      sessions(output),
      timers(timer_queue) {
  const auto source = [&](SourceKind kind) {
    Source s;
    s.kind = kind;
    return core.sources.add(s);
  };
  local = source(SourceKind::kLocal);
  connected = source(SourceKind::kConnected);
  statics = source(SourceKind::kStatic);
  aggregates = source(SourceKind::kAggregate);
  defaults = source(SourceKind::kDefault);
  no_attributes = core.attributes.intern({});
  configured = peer_configs(configuration);
  memory_guard = 2 * (std::uint64_t{configuration.dataplane.max_routes_ipv4} +
                      configuration.dataplane.max_routes_ipv6);
  add_local_routes(configuration);
  configure_generated(configuration);
}

Rib::Rib(const Config& config, ForwardingPlane& plane, bgp::PeerOutput& output,
         Neighborhood& neighborhood, Timers& timers)
    : state_(std::make_unique<State>(config, plane, output, neighborhood, timers)) {}

Rib::~Rib() = default;

// --- timers --------------------------------------------------------------------------------------

void Rib::on_timer(const TimerExpired& event, TimePoint /*now*/) {
  State& s = *state_;
  const auto owner = static_cast<std::uint16_t>(event.timer.owner);
  switch (event.timer.kind) {
    case TimerKind::kStaleRoutes:
      log::warn(
          "bgp {}: its table is not complete in time; what it has not announced again is removed",
          s.peer(bgp::PeerId{owner}).name);
      s.end_all_stale(bgp::PeerId{owner});
      s.finish_departures();
      return;
    case TimerKind::kLongLivedStale:
      return s.end_long_lived(event.timer.owner);
    case TimerKind::kSelectionDeferral:
      log::warn("after the restart: not every neighbor has told all its routes in time");
      for (const bgp::Family family : kFamilies) s.end_deferral(family);
      return;
    case TimerKind::kResolve:
      if (const auto silent = s.core.hops.resolve_again(NextHopId{owner})) {
        s.neighbor_route(silent->port, silent->address, false);
      }
      return s.core.plane.poll();
    default:
      return;
  }
}

// --- another configuration ---------------------------------------------------------------------

void Rib::apply(const Config& config, const std::vector<bgp::PeerId>& ids, TimePoint now) {
  State& s = *state_;
  OwnAddresses own{config};
  const auto judgement = own == s.own ? State::Judgement::kSame : State::Judgement::kDiffers;
  s.own = std::move(own);
  s.apply_static_routes(config);
  s.configure_generated(config);
  std::vector<State::PeerConfig> wanted = State::peer_configs(config);
  s.configured.clear();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::size_t number = ids[i].value();
    if (number >= s.configured.size()) s.configured.resize(number + 1);
    s.configured[number] = std::move(wanted[i]);
  }
  s.reject_as_sets = config.bgp.reject_as_sets;
  for (std::size_t i = 0; i < s.peers.size(); ++i) {
    s.apply_to(bgp::PeerId{static_cast<std::uint16_t>(i)}, judgement, now);
  }
  Exporter::NewOptions exported;
  for (std::size_t i = 0; i < s.peers.size(); ++i) {
    exported.emplace(static_cast<std::uint16_t>(i), s.config_of(s.peers[i]).exported);
  }
  s.exporter.reconfigure(exported);
}

// --- work --------------------------------------------------------------------------------------

void Rib::State::take_answers(std::size_t limit) {
  // Of this moment are both how far the tables are and what they refused: what comes later rings.
  core.plane.poll();
  applied = core.plane.applied();
  std::ranges::copy(core.plane.take_failures(), std::back_inserter(failures));
  for (; !failures.empty() && limit > 0; --limit) {
    const FibFailure& failure = failures.front();
    for_prefix(failure.prefix,
               [&](auto& family, const auto& p) { family.on_failure(p, failure.error); });
    failures.pop_front();
  }
  if (failures.empty()) {
    limit -= ipv4.on_applied(applied, limit);
    ipv6.on_applied(applied, limit);
  }
  // As long as operations are under way, one of them may be refused that the room is for.
  if (ipv4.failures() + ipv6.failures() == 0 && applied >= core.submitted) core.retry_credit = 0;
  ipv4.retry_failed(kSliceRoutes);
  ipv6.retry_failed(kSliceRoutes);
  core.hops.take_up_groups();  // before workers see the routes that lead there
  core.plane.flush();          // what that has asked for; what is answered from here on rings
}

bool Rib::State::has_answers() const {
  return !failures.empty() || ipv4.is_confirmed(applied) || ipv6.is_confirmed(applied);
}

/// Frees the sources of ended sessions that have no path left.
void Rib::State::finish_departures() {
  std::erase_if(departing, [&](SourceId id) {
    if (core.sources[id].held != 0) return false;
    core.sources.free(id);
    return true;
  });
  const bool go_on = std::ranges::any_of(
      departing, [&](SourceId id) { return core.sources[id].family == sweep_family; });
  if (!go_on) sweeping = false;
}

std::size_t Rib::State::sweep(std::size_t limit) {
  std::size_t done = 0;
  while (!departing.empty() && done < limit) {
    if (!sweeping) {
      sweeping = true;
      sweep_family = core.sources[departing.front()].family;
      sweep_cursor = 0;
    }
    const std::size_t before = done;
    for_family(sweep_family,
               [&](auto& family) { done += family.sweep(sweep_cursor, limit - done); });
    finish_departures();
    // The end of the table: another family, or a source that departed behind the cursor.
    if (done == before) sweeping = false;
  }
  return done;
}

void Rib::State::make_decisions(std::size_t routes) {
  // A sweep goes on even while a full table comes in from elsewhere.
  const std::size_t for_decisions = departing.empty() ? routes : routes - routes / 4;
  std::size_t done = ipv4.decide_dirty(for_decisions);
  done += ipv6.decide_dirty(for_decisions - done);
  if (done < routes) done += age(routes - done);
  if (done < routes) done += sweep(routes - done);
  if (done < routes) done += ipv4.tell_deferred(routes - done);
  if (done < routes) done += ipv6.tell_deferred(routes - done);
  apply_generated();
  // In front of the announcements, so that these see what has become visible.
  take_answers(routes);
}

void Rib::State::announce(std::size_t routes, TimePoint now) {
  exporter.work(routes, now);
  // Behind it: peers hear of an aggregate first, and then that what is inside is withdrawn.
  ipv4.tell_covered();
  ipv6.tell_covered();
}

bool Rib::work(std::size_t routes, TimePoint now, Share share) {
  State& s = *state_;
  // Announcements have a budget of their own: they must not wait for the end of a full table.
  switch (share) {
    case Share::kAll:
      s.make_decisions(routes);
      s.announce(routes, now);
      break;
    case Share::kDecisions:
      s.make_decisions(routes);
      break;
    case Share::kInTurn:
      // What has just been decided is still at hand, so announcing keeps up with it.
      if (s.announcements_due() && (s.announces_next || !s.decisions_due())) {
        s.announce(routes, now);
        s.announces_next = false;
      } else {
        s.make_decisions(routes);
        s.announces_next = true;
      }
      break;
    case Share::kNothing:
      break;
  }
  return has_work();
}

bool Rib::State::decisions_due() {
  return ipv4.undecided() + ipv6.undecided() != 0 || !departing.empty() || !aging.empty() ||
         ipv4.generated().has_changes() || ipv6.generated().has_changes() || ipv4.has_deferred() ||
         ipv6.has_deferred() || has_answers();
}

bool Rib::State::announcements_due() {
  return exporter.has_work() || ipv4.generated().has_covered() || ipv6.generated().has_covered();
}

bool Rib::has_work() const {
  return state_->decisions_due() || state_->announcements_due();
}

}  // namespace lastmile::rib
