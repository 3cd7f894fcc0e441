#include "controlplane/bfd/bfd_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "dataplane/bfd/engine.h"
#include "dataplane/net/format.h"
#include "logging/log.h"

namespace lastmile {
namespace {

using Kind = bfd::Command::Kind;
using std::chrono::seconds;

/// The kernel gives up on a neighbor after three seconds (RFC 4861 section 10); we don't.
constexpr seconds kResolveAgain{3};

TimerKey timer_of(bfd::SessionId id) {
  return {TimerKind::kBfdResolve, id.value()};
}

bfd::Microseconds microseconds(std::chrono::microseconds time) {
  return bfd::Microseconds{static_cast<std::uint32_t>(time.count())};
}

bfd::AuthType auth_type(BfdAuth auth) {
  switch (auth) {
    case BfdAuth::kNone:
      return bfd::AuthType::kNone;
    case BfdAuth::kSimple:
      return bfd::AuthType::kSimplePassword;
    case BfdAuth::kSha1:
      return bfd::AuthType::kKeyedSha1;
    case BfdAuth::kMeticulousSha1:
      return bfd::AuthType::kMeticulousSha1;
  }
  return bfd::AuthType::kNone;
}

bfd::EchoMode echo_mode(BfdEcho echo) {
  switch (echo) {
    case BfdEcho::kOff:
      return bfd::EchoMode::kOff;
    case BfdEcho::kOn:
      return bfd::EchoMode::kOn;
    case BfdEcho::kUnaffiliated:
      return bfd::EchoMode::kUnaffiliated;
  }
  return bfd::EchoMode::kOff;
}

/// An address of ours that every neighbor has a route for once BGP is up.
IpAddress echo_address(const Config& config) {
  IpAddress address;
  const auto first = std::ranges::find_if(
      config.loopbacks, [](const IpPrefix& p) { return std::holds_alternative<Ipv4Prefix>(p); });
  const auto chosen = first != config.loopbacks.end() ? first : config.loopbacks.begin();
  if (chosen != config.loopbacks.end()) {
    std::visit([&](const auto& prefix) { address = prefix.address(); }, *chosen);
  }
  return address;
}

}  // namespace

bfd::SessionParameters session_parameters(const BfdProfile& profile) {
  bfd::SessionParameters parameters;
  bfd::SessionSettings& control = parameters.control;
  control.desired_min_tx = microseconds(profile.transmit.value_or(profile.interval));
  control.required_min_rx = microseconds(profile.receive.value_or(profile.interval));
  control.multiplier = profile.multiplier;
  control.role = profile.passive ? bfd::Role::kPassive : bfd::Role::kActive;
  control.authentication.type = auth_type(profile.auth);
  control.authentication.key_id = profile.auth_key_id;
  control.authentication.key_length = static_cast<std::uint8_t>(profile.auth_key.size());
  std::copy_n(profile.auth_key.begin(), profile.auth_key.size(),
              control.authentication.key.begin());
  parameters.echo_mode = echo_mode(profile.echo);
  parameters.echo.interval = microseconds(profile.echo_interval.value_or(profile.interval));
  parameters.echo.multiplier = profile.multiplier;
  if (parameters.echo_mode == bfd::EchoMode::kOn) {
    control.required_min_echo_rx = parameters.echo.interval;
  }
  return parameters;
}

struct BfdManager::Session {
  bfd::SessionId id;
  PortId port;
  IpAddress address;
  std::string profile;
  bfd::SessionSpec spec;
  std::vector<bgp::PeerId> users;
  std::string name;  ///< for logs
  bfd::State state = bfd::State::kDown;
  std::uint32_t failures = 0;
  std::optional<TimePoint> up_since;
};

BfdManager::BfdManager(const Config& config, std::vector<Port> ports, const Outside& outside,
                       std::uint64_t seed)
    : config_(config),
      ports_(std::move(ports)),
      out_(outside),
      random_(seed ^ 0x9e3779b97f4a7c15) {}

BfdManager::~BfdManager() = default;

/// SplitMix64: seeds, discriminators and echo keys. The same seed gives the same run.
std::uint64_t BfdManager::random() {
  std::uint64_t z = (random_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111eb;
  return z ^ (z >> 31U);
}

// --- which sessions there are --------------------------------------------------------------------

void BfdManager::apply(const Config& wanted, const std::vector<bgp::PeerSettings>& peers,
                       const std::vector<bgp::PeerId>& ids, TimePoint now) {
  std::map<bgp::PeerId, Watched> watched;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto profile = wanted.bgp.neighbors[i].bfd;
    if (!profile || peers[i].listen) continue;
    watched.emplace(ids[i], Watched{peers[i].name, peers[i].port, peers[i].address,
                                    wanted.bfd.profiles[*profile],
                                    wanted.bgp.neighbors[i].shutdown ? Watched::Admin::kDown
                                                                     : Watched::Admin::kEnabled});
  }
  for (const auto& [peer, old] : std::exchange(watched_, std::move(watched))) {
    const auto still = watched_.find(peer);
    if (still == watched_.end() || still->second.port != old.port ||
        still->second.address != old.address) {
      drop(peer);
      continue;
    }
    Session* const session = of(peer);
    if (session == nullptr) continue;
    session->profile = still->second.profile.name;
    if (still->second.admin != old.admin) {
      submit(*session, old.admin == Watched::Admin::kEnabled ? Kind::kAdminDown : Kind::kEnable);
    }
    const bfd::SessionParameters parameters = session_parameters(still->second.profile);
    if (parameters == session->spec.parameters) continue;
    session->spec.parameters = parameters;
    submit(*session, Kind::kChange);
  }
  for (const auto& [peer, neighbor] : watched_) {
    if (neighbor.address) watch(peer, *neighbor.address, now);
  }
}

void BfdManager::stop() {
  for (const auto& [id, session] : sessions_) submit(session, Kind::kAdminDown);
}

bool BfdManager::must_wait(bgp::PeerId peer) const {
  const auto watched = watched_.find(peer);
  if (watched == watched_.end() || !watched->second.profile.strict) return false;
  const auto found = by_peer_.find(peer);
  return found == by_peer_.end() || sessions_.at(found->second).state != bfd::State::kUp;
}

void BfdManager::neighbor_found(PortId port, const IpAddress& address, TimePoint now) {
  for (const auto& [peer, neighbor] : watched_) {
    if (neighbor.port == port && !neighbor.address) watch(peer, address, now);
  }
}

void BfdManager::established(bgp::PeerId peer, const IpAddress& address, TimePoint now) {
  watch(peer, address, now);  // a neighbor that sends no router advertisements shows itself so
  // BGP is back though BFD is not: its verdict is old.
  const Session* const session = of(peer);
  if (session != nullptr && session->state != bfd::State::kUp) submit(*session, Kind::kForgive);
}

void BfdManager::watch(bgp::PeerId peer, const IpAddress& address, TimePoint now) {
  const auto watched = watched_.find(peer);
  if (watched == watched_.end()) return;
  const auto& [name, port, configured, profile, admin] = watched->second;
  if (!port) {
    log::warn("bfd {}: no session: {} is on no port's link", name, address);
    return;
  }
  if (const Session* const known = of(peer)) {
    if (known->address == address) return;
    drop(peer);
  }
  if (Session* const shared = find(*port, address)) {
    shared->users.push_back(peer);
    by_peer_.emplace(peer, shared->id);
    if (shared->state == bfd::State::kUp) out_.observer.on_bfd_up(peer, now);
    return;
  }
  const auto local = local_address(*port, address);
  const auto id = free_id();
  if (!local || !id) {
    log::error("bfd {}: no session with {}: {}", name, address,
               local ? "there are too many" : "the port has no address in its subnet");
    return;
  }
  Session& session = sessions_[*id];
  session.id = *id;
  session.port = *port;
  session.address = address;
  session.profile = profile.name;
  session.users = {peer};
  session.name = name;
  session.spec = spec(*id, *port, *local, address, profile);
  by_peer_.emplace(peer, *id);
  if (const auto mac = link_layer_.find({*port, address}); mac != link_layer_.end()) {
    session.spec.remote_mac = mac->second;
  }
  submit(session, Kind::kAdd);
  if (admin == Watched::Admin::kDown) submit(session, Kind::kAdminDown);
  if (session.spec.remote_mac.is_zero()) {
    out_.neighborhood.resolve(*port, address);
    out_.timers.arm(timer_of(*id), kResolveAgain);
    return;
  }
  for (const auto& [hop, place] : next_hops_) {
    if (place == Place{*port, session.spec.remote_mac}) bind(session, hop);
  }
}

void BfdManager::drop(bgp::PeerId peer) {
  const auto found = by_peer_.find(peer);
  if (found == by_peer_.end()) return;
  Session& session = sessions_.at(found->second);
  by_peer_.erase(found);
  std::erase(session.users, peer);
  if (!session.users.empty()) return;
  std::erase_if(bound_, [&](const auto& bound) { return bound.second == session.id; });
  submit(session, Kind::kRemove);
  out_.timers.cancel(timer_of(session.id));
  sessions_.erase(session.id);
}

std::optional<bfd::SessionId> BfdManager::free_id() const {
  for (std::uint16_t id = 0; id < bfd::kMaxSessions; ++id) {
    if (!sessions_.contains(bfd::SessionId{id})) return bfd::SessionId{id};
  }
  return std::nullopt;
}

std::optional<IpAddress> BfdManager::local_address(PortId port, const IpAddress& remote) const {
  if (is_ipv6_link_local(remote)) {
    const auto found = std::ranges::find(ports_, port, &Port::id);
    if (found != ports_.end()) return IpAddress{found->mac.link_local()};
  }
  for (const auto& ours : config_.ports[port.value()].addresses) {
    if (contains(ours.subnet(), remote)) return ours.address;
  }
  return std::nullopt;
}

bfd::SessionSpec BfdManager::spec(bfd::SessionId id, PortId port, const IpAddress& local,
                                  const IpAddress& remote, const BfdProfile& profile) {
  bfd::SessionSpec spec;
  // Never 0, and a neighbor that still speaks to the last session in this place finds nobody.
  const std::uint64_t above = random() % (0x100000000 / bfd::kMaxSessions - 1) + 1;
  spec.discriminator = static_cast<std::uint32_t>(above * bfd::kMaxSessions + id.value());
  spec.port = port;
  spec.local_mac = std::ranges::find(ports_, port, &Port::id)->mac;
  spec.local = local;
  spec.remote = remote;
  spec.echo_address = echo_address(config_);
  spec.source_port = static_cast<std::uint16_t>(bfd::kFirstSourcePort + id.value());
  spec.parameters = session_parameters(profile);
  spec.echo_key = {random(), random()};
  spec.seed = random();
  return spec;
}

// --- the link layer and next hops ----------------------------------------------------------------

void BfdManager::link_layer_changed(const LinkLayerNeighborChanged& event, TimePoint) {
  if (event.mac) {
    link_layer_[{event.port, event.address}] = *event.mac;
  } else {
    link_layer_.erase({event.port, event.address});
  }
  if (Session* const session = find(event.port, event.address)) resolve(*session, event.mac);
}

void BfdManager::resolve(Session& session, const std::optional<MacAddress>& mac) {
  if (!mac) {
    // The kernel forgets neighbors that it does not use itself; the session goes on with what it
    // has and would notice if nobody were there.
    out_.neighborhood.resolve(session.port, session.address);
    out_.timers.arm(timer_of(session.id), kResolveAgain);
    return;
  }
  out_.timers.cancel(timer_of(session.id));
  if (*mac == session.spec.remote_mac) return;
  for (const auto& [hop, place] : next_hops_) {
    if (place == Place{session.port, session.spec.remote_mac}) unbind(hop, Kind::kUnbind);
  }
  session.spec.remote_mac = *mac;
  submit(session, Kind::kResolve);
  for (const auto& [hop, place] : next_hops_) {
    if (place == Place{session.port, *mac}) bind(session, hop);
  }
}

void BfdManager::timer_expired(const TimerExpired& expired) {
  const auto found =
      sessions_.find(bfd::SessionId{static_cast<std::uint16_t>(expired.timer.owner)});
  if (found == sessions_.end()) return;
  const Session& session = found->second;
  if (link_layer_.contains({session.port, session.address})) return;
  out_.neighborhood.resolve(session.port, session.address);
  out_.timers.arm(expired.timer, kResolveAgain);
}

void BfdManager::next_hop_changed(NextHopId next_hop, const NextHopSpec& spec) {
  const Place place{spec.port,
                    spec.kind == NextHopKind::kForward ? spec.destination : MacAddress{}};
  const auto [known, is_new] = next_hops_.try_emplace(next_hop, place);
  if (!is_new && known->second == place) return;
  known->second = place;
  unbind(next_hop, Kind::kUnbind);
  if (place.mac.is_zero()) return;
  for (auto& [id, session] : sessions_) {
    if (session.port == place.port && session.spec.remote_mac == place.mac) {
      return bind(session, next_hop);
    }
  }
}

void BfdManager::next_hop_released(NextHopId next_hop) {
  unbind(next_hop, Kind::kRelease);
  next_hops_.erase(next_hop);
}

void BfdManager::bind(Session& session, NextHopId next_hop) {
  if (!bound_.emplace(next_hop, session.id).second) return;
  submit(session, Kind::kBind, next_hop);
}

void BfdManager::unbind(NextHopId next_hop, Kind how) {
  const auto found = bound_.find(next_hop);
  if (found == bound_.end()) return;
  submit(sessions_.at(found->second), how, next_hop);
  bound_.erase(found);
}

void BfdManager::submit(const Session& session, Kind kind, NextHopId next_hop) const {
  out_.plane.submit(session.port, {kind, session.id, next_hop, session.spec});
}

// --- what happens to them ------------------------------------------------------------------------

void BfdManager::link_changed(const LinkChanged& event, TimePoint) {
  if (event.state == LinkState::kUp) return;  // packets will tell
  for (const auto& [id, session] : sessions_) {
    if (session.port == event.port) submit(session, Kind::kPathDown);
  }
}

void BfdManager::handle(const bfd::StateChanged& change, TimePoint now) {
  const auto found = sessions_.find(change.session);
  if (found == sessions_.end() || found->second.spec.discriminator != change.discriminator) return;
  Session& session = found->second;
  const bool failed = change.failures != session.failures;
  const bool came_up = change.state == bfd::State::kUp && (session.state != change.state || failed);
  session.failures = change.failures;
  session.state = change.state;
  const std::vector<bgp::PeerId> users = session.users;  // an observer may change them
  if (failed) {
    const std::string reason{to_string(change.diagnostic)};
    const double stood =
        session.up_since ? std::chrono::duration<double>(now - *session.up_since).count() : 0;
    log::warn("bfd {} {}: down after {:.1f} s: {}", session.name, session.address, stood, reason);
    session.up_since.reset();
    for (const bgp::PeerId peer : users) out_.observer.on_bfd_failed(peer, reason, now);
  } else if (session.up_since && change.state != bfd::State::kUp) {
    log::info("bfd {} {}: {}: {}", session.name, session.address, to_string(change.state),
              to_string(change.diagnostic));
    session.up_since.reset();
  }
  if (!came_up) return;
  log::info("bfd {} {}: up", session.name, session.address);
  session.up_since = now;
  for (const bgp::PeerId peer : users) out_.observer.on_bfd_up(peer, now);
}

BfdManager::Session* BfdManager::find(PortId port, const IpAddress& address) {
  const auto found = std::ranges::find_if(sessions_, [&](const auto& entry) {
    return entry.second.port == port && entry.second.address == address;
  });
  return found == sessions_.end() ? nullptr : &found->second;
}

BfdManager::Session* BfdManager::of(bgp::PeerId peer) {
  const auto found = by_peer_.find(peer);
  return found == by_peer_.end() ? nullptr : &sessions_.at(found->second);
}

std::vector<BfdSessionView> BfdManager::sessions(TimePoint now) const {
  std::vector<BfdSessionView> views;
  for (const auto& [id, session] : sessions_) {
    BfdSessionView view;
    view.neighbor = session.name;
    view.profile = session.profile;
    view.port = session.port;
    view.address = session.address;
    view.id = id;
    view.spec = session.spec;
    view.resolved = !session.spec.remote_mac.is_zero();
    if (session.up_since) view.up_for = now - *session.up_since;
    view.status = &out_.plane.status(session.port, id);
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace lastmile
