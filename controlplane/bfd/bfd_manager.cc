#include "controlplane/bfd/bfd_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "dataplane/bfd/engine.h"
#include "dataplane/net/format.h"
#include "logging/log.h"
#include "logging/told.h"

namespace lastmile {
namespace {

using Kind = bfd::Command::Kind;
using std::chrono::seconds;

/// The kernel gives up on a neighbor after three seconds (RFC 4861 section 10); we don't.
constexpr seconds kResolveAgain{3};

TimerKey timer_of(bfd::SessionId id) {
  return {TimerKind::kBfdResolve, id.value()};
}

/// The first loopback of a family: 0 for IPv4, 1 for IPv6, as the variants have them.
std::optional<IpAddress> loopback(const Config& config, std::size_t family) {
  const auto first = std::ranges::find_if(
      config.loopbacks, [&](const IpPrefix& prefix) { return prefix.index() == family; });
  if (first == config.loopbacks.end()) return std::nullopt;
  return address_of(*first);
}

/// An address of ours that every neighbor has a route for once BGP is up.
IpAddress echo_address(const Config& config) {
  const auto ipv4 = loopback(config, 0);
  return ipv4 ? *ipv4 : loopback(config, 1).value_or(IpAddress{});
}

}  // namespace

struct BfdManager::Session {
  bfd::SessionId id;
  PortId port;  ///< bfd::kAnyPort: over several hops
  IpAddress address;
  std::string profile;
  bfd::SessionSpec spec;
  std::vector<User> users;
  std::string name;  ///< for logs
  bfd::Admin admin = bfd::Admin::kEnabled;
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
  const std::map<User, Watched> before = std::exchange(watched_, bfd_watched(wanted, peers, ids));
  for (const auto& [user, old] : before) {
    const auto still = watched_.find(user);
    if (still == watched_.end() || !still->second.same_session(old)) {
      drop(user, now);
      continue;
    }
    Session* const session = of(user);
    if (session == nullptr) continue;
    settle_admin(*session);
    if (session->users.front() != user) continue;  // who came first decides
    session->profile = still->second.profile.name;
    const bfd::SessionParameters parameters = session_parameters(still->second.profile);
    if (parameters == session->spec.parameters) continue;
    session->spec.parameters = parameters;
    submit(*session, Kind::kChange);
  }
  for (const auto& [user, neighbor] : watched_) {
    if (neighbor.address) watch(user, *neighbor.address, now);
  }
}

void BfdManager::stop() {
  for (const auto& [id, session] : sessions_) submit(session, Kind::kAdminDown);
}

bool BfdManager::must_wait(bgp::PeerId peer) const {
  const auto watched = watched_.find(peer);
  if (watched == watched_.end() || !watched->second.profile.strict) return false;
  const auto found = by_user_.find(peer);
  return found == by_user_.end() || sessions_.at(found->second).state != bfd::State::kUp;
}

void BfdManager::neighbor_found(PortId port, const IpAddress& address, TimePoint now) {
  for (const auto& [user, neighbor] : watched_) {
    if (neighbor.port == port && !neighbor.address) watch(user, address, now);
  }
}

void BfdManager::established(bgp::PeerId peer, const IpAddress& address, TimePoint now) {
  down(peer);
  watch(peer, address, now);  // a neighbor that sends no router advertisements shows itself so
  // BGP is back though BFD is not: its verdict is old.
  const Session* const session = of(peer);
  if (session != nullptr && session->state != bfd::State::kUp) submit(*session, Kind::kForgive);
}

void BfdManager::restarting(bgp::PeerId peer) {
  const Session* const session = of(peer);
  if (session == nullptr) return;
  restarting_.insert(peer);
  submit(*session, Kind::kSpare);
}

void BfdManager::down(bgp::PeerId peer) {
  if (restarting_.erase(peer) == 0) return;
  if (const Session* const session = of(peer)) submit(*session, Kind::kHeed);
}

void BfdManager::watch(const User& user, const IpAddress& address, TimePoint now) {
  const auto found = watched_.find(user);
  if (found == watched_.end()) return;
  const Watched& watched = found->second;
  if (const Session* const known = of(user)) {
    if (known->address == address) return;
    drop(user, now);
  }
  const auto local = local_address(watched, address);
  if (!local) {
    log::error("bfd {}: no session with {}: {}", watched.name, address,
               watched.port == bfd::kAnyPort ? "there is no address of ours of its family"
                                             : "the port has no address in its subnet");
    return;
  }
  Session* const shared = find(watched.port, address);
  if (shared != nullptr && shared->spec.local == *local) {
    shared->users.push_back(user);
    by_user_.emplace(user, shared->id);
    settle_admin(*shared);
    if (shared->state == bfd::State::kUp) tell_up(user, now);
    return;
  }
  const auto id = free_id();
  if (!id) {
    log::error("bfd {}: no session with {}: there are too many", watched.name, address);
    return;
  }
  Session& session = sessions_[*id];
  session.id = *id;
  session.port = watched.port;
  session.address = address;
  session.profile = watched.profile.name;
  session.users = {user};
  session.name = watched.name;
  session.spec = spec(*id, watched, *local, address);
  by_user_.emplace(user, *id);
  if (const auto mac = link_layer_.find({session.port, address}); mac != link_layer_.end()) {
    session.spec.remote_mac = mac->second;
  }
  submit(session, Kind::kAdd);
  settle_admin(session);
  if (session.spec.is_multihop()) return;
  if (session.spec.remote_mac.is_zero()) {
    out_.neighborhood.resolve(session.port, address);
    out_.timers.arm(timer_of(*id), kResolveAgain);
    return;
  }
  for (const auto& [hop, place] : next_hops_) {
    if (place == Place{session.port, session.spec.remote_mac}) bind(session, hop);
  }
}

void BfdManager::drop(const User& user, TimePoint now) {
  // Others may go on with the session: what it was spared for the neighbor's sake ends here.
  if (const auto* peer = std::get_if<bgp::PeerId>(&user)) down(*peer);
  const auto found = by_user_.find(user);
  if (found == by_user_.end()) return;
  Session& session = sessions_.at(found->second);
  by_user_.erase(found);
  std::erase(session.users, user);
  if (const auto* hop = std::get_if<WatchedHop>(&user)) {
    out_.observer.on_bfd_path(*hop, rib::PathState::kDown, now);
  }
  if (!session.users.empty()) return settle_admin(session);
  std::erase_if(bound_, [&](const auto& bound) { return bound.second == session.id; });
  submit(session, Kind::kRemove);
  out_.timers.cancel(timer_of(session.id));
  sessions_.erase(session.id);
}

/// A session rests while all who use it do.
void BfdManager::settle_admin(Session& session) {
  const bool rests = std::ranges::all_of(session.users, [&](const User& user) {
    const auto found = watched_.find(user);
    return found == watched_.end() || found->second.admin == bfd::Admin::kDown;
  });
  const bfd::Admin wanted = rests ? bfd::Admin::kDown : bfd::Admin::kEnabled;
  if (std::exchange(session.admin, wanted) == wanted) return;
  submit(session, rests ? Kind::kAdminDown : Kind::kEnable);
}

std::optional<bfd::SessionId> BfdManager::free_id() const {
  for (std::uint16_t id = 0; id < bfd::kMaxSessions; ++id) {
    if (!sessions_.contains(bfd::SessionId{id})) return bfd::SessionId{id};
  }
  return std::nullopt;
}

std::optional<IpAddress> BfdManager::local_address(const Watched& watched,
                                                   const IpAddress& remote) const {
  // The one that the kernel takes for TCP if the configuration names none.
  if (watched.port == bfd::kAnyPort) {
    return watched.source ? watched.source : loopback(config_, remote.index());
  }
  if (is_ipv6_link_local(remote)) {
    const auto found = std::ranges::find(ports_, watched.port, &Port::id);
    if (found != ports_.end()) return IpAddress{found->mac.link_local()};
  }
  for (const auto& ours : config_.ports[watched.port.value()].addresses) {
    if (contains(ours.subnet(), remote)) return ours.address;
  }
  return std::nullopt;
}

bfd::SessionSpec BfdManager::spec(bfd::SessionId id, const Watched& watched, const IpAddress& local,
                                  const IpAddress& remote) {
  bfd::SessionSpec spec;
  // Never 0, and a neighbor that still speaks to the last session in this place finds nobody.
  const std::uint64_t above = random() % (0x100000000 / bfd::kMaxSessions - 1) + 1;
  spec.discriminator = static_cast<std::uint32_t>(above * bfd::kMaxSessions + id.value());
  spec.port = watched.port;
  const auto port = std::ranges::find(ports_, watched.port, &Port::id);
  if (port != ports_.end()) spec.local_mac = port->mac;
  spec.local = local;
  spec.remote = remote;
  spec.least_hop_limit = watched.least_hop_limit;
  spec.echo_address = echo_address(config_);
  spec.source_port = static_cast<std::uint16_t>(bfd::kFirstSourcePort + id.value());
  spec.parameters = session_parameters(watched.profile);
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

void BfdManager::tell_up(const User& user, TimePoint now) {
  if (const auto* hop = std::get_if<WatchedHop>(&user)) {
    out_.observer.on_bfd_path(*hop, rib::PathState::kUp, now);
  } else {
    out_.observer.on_bfd_up(std::get<bgp::PeerId>(user), now);
  }
}

void BfdManager::tell_failed(const Session& session, const User& user,
                             const bfd::StateChanged& change, TimePoint now) {
  const auto* const peer = std::get_if<bgp::PeerId>(&user);
  if (peer == nullptr) return;  // it hears that the path is down, whyever
  if (!change.ambiguous || !restarting_.contains(*peer)) {
    out_.observer.on_bfd_failed(*peer, std::string{to_string(change.diagnostic)}, now);
    return;
  }
  log::info("bfd {} {}: its routing restarts, and its BFD with it: that is no dead path",
            session.name, session.address);
  submit(session, Kind::kForgive);  // the worker may have detected before it was told
  out_.observer.on_bfd_spared(*peer, now);
}

void BfdManager::handle(const bfd::StateChanged& change, TimePoint now) {
  const auto found = sessions_.find(change.session);
  if (found == sessions_.end() || found->second.spec.discriminator != change.discriminator) return;
  Session& session = found->second;
  const bool failed = change.failures != session.failures;
  const bool was_up = session.state == bfd::State::kUp;
  const bool is_up = change.state == bfd::State::kUp;
  session.failures = change.failures;
  session.state = change.state;
  const std::vector<User> users = session.users;  // an observer may change them
  if (failed) {
    const double stood =
        session.up_since ? std::chrono::duration<double>(now - *session.up_since).count() : 0;
    log::warn("bfd {} {}: down after {:.1f} s: {}", session.name, session.address, stood,
              to_string(change.diagnostic));
    session.up_since.reset();
    for (const User& user : users) tell_failed(session, user, change, now);
  } else if (session.up_since && !is_up) {
    log::info("bfd {} {}: {}: {}", session.name, session.address, to_string(change.state),
              to_string(change.diagnostic));
    session.up_since.reset();
  }
  if (was_up && (failed || !is_up)) {
    for (const User& user : users) {
      const auto* hop = std::get_if<WatchedHop>(&user);
      if (hop != nullptr) out_.observer.on_bfd_path(*hop, rib::PathState::kDown, now);
    }
  }
  if (!is_up || (was_up && !failed)) return;
  log::told("bfd {} {}: up", session.name, session.address);
  session.up_since = now;
  for (const User& user : users) tell_up(user, now);
}

BfdManager::Session* BfdManager::find(PortId port, const IpAddress& address) {
  const auto found = std::ranges::find_if(sessions_, [&](const auto& entry) {
    return entry.second.port == port && entry.second.address == address;
  });
  return found == sessions_.end() ? nullptr : &found->second;
}

BfdManager::Session* BfdManager::of(const User& user) {
  const auto found = by_user_.find(user);
  return found == by_user_.end() ? nullptr : &sessions_.at(found->second);
}

std::vector<BfdSessionView> BfdManager::sessions(TimePoint now) const {
  std::vector<BfdSessionView> views;
  for (const auto& [id, session] : sessions_) {
    BfdSessionView view;
    view.neighbor = session.name;
    view.profile = session.profile;
    if (!session.spec.is_multihop()) view.port = session.port;
    for (const User& user : session.users) {
      const char* client = std::holds_alternative<bgp::PeerId>(user) ? "bgp" : "static";
      if (std::ranges::find(view.clients, client) == view.clients.end()) {
        view.clients.emplace_back(client);
      }
    }
    view.address = session.address;
    view.id = id;
    view.spec = session.spec;
    view.resolved = session.spec.is_multihop() || !session.spec.remote_mac.is_zero();
    if (session.up_since) view.up_for = now - *session.up_since;
    view.status = &out_.plane.status(session.port, id);
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace lastmile
