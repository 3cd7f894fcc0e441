#include "controlplane/bgp/session/session_manager.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controlplane/bgp/wire/notification.h"
#include "dataplane/net/format.h"
#include "dataplane/net/overloaded.h"
#include "logging/log.h"

namespace lastmile::bgp {
namespace {

constexpr Duration kUnknownLogInterval = std::chrono::seconds{10};

}  // namespace

/// Peers are made before the observer is known (the RIB is made with us as its PeerOutput), so they
/// hold on to this. No peer calls it before start().
class SessionManager::ObserverSlot final : public SessionObserver {
 public:
  void set(SessionObserver& target) { target_ = &target; }

  void on_established(PeerId peer, const Negotiated& negotiated, TimePoint now) override {
    target_->on_established(peer, negotiated, now);
  }
  void on_update(PeerId peer, Update& update, TimePoint now) override {
    target_->on_update(peer, update, now);
  }
  void on_route_refresh(PeerId peer, const RouteRefresh& refresh, TimePoint now) override {
    target_->on_route_refresh(peer, refresh, now);
  }
  void on_restarting(PeerId peer, const std::string& reason, TimePoint now) override {
    target_->on_restarting(peer, reason, now);
  }
  void on_long_lived(PeerId peer, const LongLivedRestart& kept, TimePoint now) override {
    target_->on_long_lived(peer, kept, now);
  }
  void on_down(PeerId peer, const std::string& reason, TimePoint now) override {
    target_->on_down(peer, reason, now);
  }
  void on_writable(PeerId peer, TimePoint now) override { target_->on_writable(peer, now); }

 private:
  SessionObserver* target_ = nullptr;
};

SessionManager::SessionManager(Speaker speaker, std::vector<PeerSettings> peers,
                               Transport& transport, Timers& timers, std::uint64_t seed)
    : speaker_(std::move(speaker)),
      transport_(transport),
      timers_(timers),
      seed_(seed),
      guards_(transport),
      observer_(std::make_unique<ObserverSlot>()) {
  peers_.reserve(peers.size());
  for (PeerSettings& settings : peers) {
    const PeerId id{static_cast<std::uint16_t>(peers_.size())};
    if (settings.listen) {
      ranges_.push_back({id, std::move(settings)});
      peers_.push_back(nullptr);
    } else {
      peers_.push_back(make_peer(id, id, std::move(settings)));
    }
  }
  sort_ranges();
}

/// The most specific range gets whoever is in several.
void SessionManager::sort_ranges() {
  std::ranges::stable_sort(ranges_, [](const Range& a, const Range& b) {
    return length_of(*a.settings.listen) > length_of(*b.settings.listen);
  });
}

std::unique_ptr<Peer> SessionManager::make_peer(PeerId id, PeerId configured_as,
                                                PeerSettings settings) {
  const Peer::Context context{speaker_,   transport_,        timers_,
                              *observer_, connection_peers_, guards_};
  return std::make_unique<Peer>(context, id, configured_as, std::move(settings),
                                seed_ + id.value());
}

SessionManager::~SessionManager() = default;

void SessionManager::start(SessionObserver& observer, TimePoint now) {
  observer_->set(observer);
  for (const Range& range : ranges_) guard(range);
  for (auto& peer : peers_) {
    if (peer && !peer->settings().shutdown) peer->start(now);
  }
}

void SessionManager::guard(const Range& range) {
  const PeerSettings& settings = range.settings;
  if (settings.password.empty() || guards_.add(*settings.listen, settings.password)) return;
  log::error(
      "bgp {}: the kernel takes no TCP MD5 password for this range; nobody in it can connect",
      settings.name);
}

void SessionManager::stop(const std::string& message, TimePoint now) {
  for (auto& peer : peers_) {
    if (peer) peer->shutdown(message, now);
  }
  // Who comes back by a listen range would be taken for a new neighbor.
  for (Range& range : ranges_) range.settings.shutdown = true;
}

bool SessionManager::handle(const Event& event) {
  const TimePoint now = event.at;
  if (dynamic_ > 0) forget_dynamic();
  return std::visit(Overloaded{
                        [&](const ConnectionAccepted& accepted) {
                          accept(accepted, now);
                          return true;
                        },
                        [&](const ConnectionOpened& opened) {
                          Peer* peer = peer_of(opened.connection);
                          if (peer)
                            peer->opened(opened.connection, opened.local, opened.remote, now);
                          return peer != nullptr;
                        },
                        [&](const ConnectionFailed& failed) {
                          Peer* peer = peer_of(failed.connection);
                          if (peer) peer->failed(failed.connection, failed.reason, now);
                          return peer != nullptr;
                        },
                        [&](const ConnectionClosed& closed) {
                          Peer* peer = peer_of(closed.connection);
                          if (peer) peer->closed(closed.connection, closed.reason, now);
                          return peer != nullptr;
                        },
                        [&](const BytesReceived& received) {
                          Peer* peer = peer_of(received.connection);
                          if (peer) peer->received(received.connection, received.bytes, now);
                          return peer != nullptr;
                        },
                        [&](const SendDrained& drained) {
                          Peer* peer = peer_of(drained.connection);
                          if (peer) peer->drained(drained.connection, now);
                          return peer != nullptr;
                        },
                        [&](const TimerExpired& expired) { return timer_expired(expired, now); },
                        [&](const LinkChanged& change) {
                          link_changed(change, now);
                          return false;
                        },
                        [](const auto&) { return false; },
                    },
                    event.what);
}

bool SessionManager::timer_expired(const TimerExpired& expired, TimePoint now) {
  const auto [kind, owner] = expired.timer;
  switch (kind) {
    case TimerKind::kConnectRetry:
    case TimerKind::kIdleHold:
    case TimerKind::kRestart:
      if (owner < peers_.size() && peers_[owner]) peers_[owner]->timer_expired(kind, now);
      return true;
    case TimerKind::kDelayOpen:
    case TimerKind::kHold:
    case TimerKind::kKeepalive:
    case TimerKind::kSendHold:
      if (Peer* peer = peer_of(ConnectionId{owner})) {
        peer->connection_timer_expired(ConnectionId{owner}, kind, now);
      }
      return true;
    default:
      return false;
  }
}

void SessionManager::link_changed(const LinkChanged& change, TimePoint now) {
  links_[change.port] = change.state;
  for (auto& peer : peers_) {
    if (!peer || peer->settings().port != change.port) continue;
    change.state == LinkState::kUp ? peer->link_up(now) : peer->link_down(now);
  }
}

void SessionManager::accept(const ConnectionAccepted& connection, TimePoint now) {
  // A peer that is known by its address goes before one that would take anybody on the port.
  auto it = std::find_if(peers_.begin(), peers_.end(), [&](const auto& peer) {
    return peer && peer->matches(connection.remote);
  });
  if (it == peers_.end()) {
    it = std::find_if(peers_.begin(), peers_.end(),
                      [&](const auto& peer) { return peer && peer->adopts(connection.remote); });
  }
  Peer* peer = it != peers_.end() ? it->get() : adopt_dynamic(connection, now);
  if (peer == nullptr) return refuse_unknown(connection, now);
  const auto welcome =
      peer->accepted(connection.connection, connection.local, connection.remote, now);
  ++(welcome == Peer::Welcome::kAccepted ? incoming_.accepted : incoming_.refused);
}

/// A peer of its own for somebody in a listen range; nullptr if there is none, or it is full.
Peer* SessionManager::adopt_dynamic(const ConnectionAccepted& connection, TimePoint now) {
  const Endpoint& remote = connection.remote;
  const auto range = std::ranges::find_if(ranges_, [&](const Range& r) {
    // A link-local address is one only together with its port.
    const bool right_port = !r.settings.port || !remote.port || r.settings.port == remote.port;
    return right_port && contains(*r.settings.listen, remote.address);
  });
  if (range == ranges_.end() || range->settings.shutdown) return nullptr;
  if (dynamic_count(range->id) >= range->settings.limit) {
    log::warn("bgp {}: {} is refused: {} dynamic neighbors are here already", range->settings.name,
              remote.address, range->settings.limit);
    return nullptr;
  }
  PeerSettings settings = range->settings;
  settings.address = remote.address;
  settings.passive = true;
  if (remote.port) settings.port = remote.port;
  settings.name = name_of(remote);
  const PeerId id = free_id();
  peers_[id.value()] = make_peer(id, range->id, std::move(settings));
  ++dynamic_;
  start(id, now);
  return peers_[id.value()].get();
}

/// A link-local address is one only together with its port.
std::string SessionManager::name_of(const Endpoint& remote) const {
  const std::string address = to_string(remote.address);
  return remote.port ? address + '%' + speaker_.ports.at(remote.port->value()) : address;
}

/// A number that nobody has.
PeerId SessionManager::free_id() {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const PeerId id{static_cast<std::uint16_t>(i)};
    if (!peers_[i] && !is_range(id)) return id;
  }
  peers_.emplace_back();
  return PeerId{static_cast<std::uint16_t>(peers_.size() - 1)};
}

bool SessionManager::is_range(PeerId id) const {
  return std::ranges::find(ranges_, id, &Range::id) != ranges_.end();
}

/// With the link's state as it is known.
void SessionManager::start(PeerId id, TimePoint now) {
  Peer& peer = at(id);
  if (const auto& port = peer.settings().port) {
    const auto link = links_.find(*port);
    if (link != links_.end() && link->second == LinkState::kDown) peer.link_down(now);
  }
  if (!peer.settings().shutdown) peer.start(now);
}

// --- another configuration ---------------------------------------------------------------------

std::optional<PeerId> SessionManager::configured(const std::string& name) const {
  const auto range =
      std::ranges::find_if(ranges_, [&](const Range& r) { return r.settings.name == name; });
  if (range != ranges_.end()) return range->id;
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const PeerId id{static_cast<std::uint16_t>(i)};
    if (peers_[i] && peers_[i]->configured_as() == id && peers_[i]->settings().name == name) {
      return id;
    }
  }
  return std::nullopt;
}

void SessionManager::retire(PeerId id, const Notification& notification, TimePoint now) {
  at(id).retire(notification, now);
  timers_.cancel({TimerKind::kConnectRetry, id.value()});
  timers_.cancel({TimerKind::kIdleHold, id.value()});
  if (at(id).configured_as() != id) --dynamic_;
  peers_[id.value()].reset();
}

/// Whoever came by a listen range from where a configured neighbor is now: both would
/// have it, and the range's settings would go on to hold.
void SessionManager::retire_dynamic(const PeerSettings& configured, TimePoint now) {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const PeerId id{static_cast<std::uint16_t>(i)};
    if (!peers_[i] || peers_[i]->configured_as() == id) continue;
    const PeerSettings& dynamic = peers_[i]->settings();
    const bool link_local = is_ipv6_link_local(*dynamic.address);
    // On an unnumbered port whoever is there is the neighbor.
    const bool same = configured.address ? dynamic.address == configured.address : link_local;
    if (same && (!link_local || dynamic.port == configured.port)) {
      retire(id, notification(CeaseReason::kOtherConfigurationChange), now);
    }
  }
}

/// The range and whoever came by it.
void SessionManager::retire_range(PeerId id, const Notification& notification, TimePoint now) {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    if (peers_[i] && peers_[i]->configured_as() == id) {
      retire(PeerId{static_cast<std::uint16_t>(i)}, notification, now);
    }
  }
  const auto range = std::ranges::find(ranges_, id, &Range::id);
  const PeerSettings& settings = range->settings;
  if (!settings.password.empty()) guards_.remove(*settings.listen, settings.password);
  ranges_.erase(range);
}

void SessionManager::apply_to(PeerId id, PeerSettings settings, TimePoint now) {
  const Notification changed = notification(CeaseReason::kOtherConfigurationChange);
  const auto range = std::ranges::find(ranges_, id, &Range::id);
  if (range != ranges_.end()) {
    if (same_session(range->settings, settings) && !settings.shutdown) {
      for (const auto& peer : peers_) {
        if (peer && peer->configured_as() == id) peer->configure_again(settings, now);
      }
      range->settings = std::move(settings);  // the limit, our own timers, or what is for people
      return;
    }
    retire_range(
        id, settings.shutdown ? administrative_shutdown(settings.shutdown_message) : changed, now);
    ranges_.push_back({id, std::move(settings)});
    guard(ranges_.back());
    return;
  }
  const PeerSettings& old = at(id).settings();
  if (same_session(old, settings) && old.shutdown == settings.shutdown) {
    return at(id).configure_again(settings, now);
  }
  const bool goes_down = settings.shutdown && same_session(old, settings);
  retire(id, goes_down ? administrative_shutdown(settings.shutdown_message) : changed, now);
  peers_[id.value()] = make_peer(id, id, std::move(settings));
  start(id, now);
}

std::vector<PeerId> SessionManager::apply(std::vector<PeerSettings> peers, TimePoint now) {
  const auto wanted = [&](const std::string& name) {
    return std::ranges::find(peers, name, &PeerSettings::name) != peers.end();
  };
  // Who goes leaves first: a new peer may have its address.
  const Notification gone = notification(CeaseReason::kPeerDeconfigured);
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const PeerId id{static_cast<std::uint16_t>(i)};
    if (peers_[i] && peers_[i]->configured_as() == id && !wanted(peers_[i]->settings().name)) {
      retire(id, gone, now);
    }
  }
  std::vector<PeerId> ranges_gone;
  for (const Range& range : ranges_) {
    if (!wanted(range.settings.name)) ranges_gone.push_back(range.id);
  }
  for (const PeerId id : ranges_gone) retire_range(id, gone, now);

  std::vector<PeerId> ids;
  for (PeerSettings& settings : peers) {
    if (const auto known = configured(settings.name)) {
      ids.push_back(*known);
      apply_to(*known, std::move(settings), now);
      continue;
    }
    const PeerId id = free_id();
    ids.push_back(id);
    if (settings.listen) {
      ranges_.push_back({id, std::move(settings)});
      guard(ranges_.back());
    } else {
      retire_dynamic(settings, now);
      peers_[id.value()] = make_peer(id, id, std::move(settings));
      start(id, now);
    }
  }
  sort_ranges();
  return ids;
}

unsigned SessionManager::dynamic_count(PeerId range) const {
  return static_cast<unsigned>(std::ranges::count_if(
      peers_, [&](const auto& peer) { return peer && peer->configured_as() == range; }));
}

/// Between two events, when no peer is on the stack.
void SessionManager::forget_dynamic() {
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const PeerId id{static_cast<std::uint16_t>(i)};
    if (!peers_[i] || peers_[i]->configured_as() == id || !peers_[i]->idle()) continue;
    timers_.cancel({TimerKind::kConnectRetry, i});
    timers_.cancel({TimerKind::kIdleHold, i});
    peers_[i].reset();
    --dynamic_;
  }
}

/// RFC 4486 section 4: Connection Rejected, "e.g., the peer is not configured locally".
void SessionManager::refuse_unknown(const ConnectionAccepted& connection, TimePoint now) {
  ++incoming_.unknown;
  transport_.send(connection.connection, encode(notification(CeaseReason::kConnectionRejected)));
  transport_.close(connection.connection);
  if (unknown_logged_at_ && now - *unknown_logged_at_ < kUnknownLogInterval) {
    ++unknown_unlogged_;
    return;
  }
  unknown_logged_at_ = now;
  log::warn(
      "bgp: refused a connection from {}: no neighbor has this address ({} more since the "
      "last such line)",
      name_of(connection.remote), std::exchange(unknown_unlogged_, 0));
}

Peer* SessionManager::peer_of(ConnectionId connection) {
  const auto it = connection_peers_.find(connection);
  return it == connection_peers_.end() ? nullptr : &at(it->second);
}

void SessionManager::discovered(PortId port, const Ipv6Address& address, TimePoint now) {
  for (auto& peer : peers_) {
    if (!peer) continue;
    const PeerSettings& settings = peer->settings();
    if (settings.port == port && !settings.address) peer->set_discovered(address, now);
  }
}

void SessionManager::discovery_lost(PortId port, TimePoint now) {
  for (auto& peer : peers_) {
    if (!peer) continue;
    const PeerSettings& settings = peer->settings();
    if (settings.port == port && !settings.address) peer->discovery_lost(now);
  }
}

void SessionManager::hold(PeerId peer) {
  at(peer).hold();
}
void SessionManager::path_works(PeerId peer, TimePoint now) {
  at(peer).path_works(now);
}
void SessionManager::release(PeerId peer, TimePoint now) {
  const auto& held = peers_[peer.value()];
  if (held && held->is_held()) held->path_works(now);
}
void SessionManager::path_failed(PeerId peer, const std::string& reason, TimePoint now) {
  at(peer).path_failed(reason, now);
}

void SessionManager::shutdown_peer(PeerId peer, const std::string& message, TimePoint now) {
  at(peer).shutdown(message, now);
}
void SessionManager::start_peer(PeerId peer, TimePoint now) {
  at(peer).start(now);
}

void SessionManager::send_updates(PeerId peer, std::vector<std::uint8_t> encoded) {
  at(peer).send_updates(std::move(encoded));
}
bool SessionManager::writable(PeerId peer) const {
  return at(peer).writable();
}
void SessionManager::reset(PeerId peer, const Notification& notification, TimePoint now) {
  at(peer).reset(notification, now);
}
void SessionManager::suspend(PeerId peer, const Notification& notification,
                             std::optional<Duration> pause, TimePoint now) {
  at(peer).suspend(notification, pause, now);
}

void SessionManager::send_route_refresh(PeerId peer, const RouteRefresh& refresh) {
  at(peer).send_route_refresh(refresh);
}

const PeerSettings& SessionManager::settings(PeerId peer) const {
  if (peers_[peer.value()]) return at(peer).settings();
  return std::ranges::find(ranges_, peer, &Range::id)->settings;
}
SessionState SessionManager::state(PeerId peer) const {
  return peers_[peer.value()] ? at(peer).state() : SessionState::kIdle;
}

std::vector<PeerStatus> SessionManager::status(TimePoint now) const {
  std::vector<PeerStatus> all;
  all.reserve(peers_.size());
  for (std::size_t i = 0; i < peers_.size(); ++i) {
    const PeerId id{static_cast<std::uint16_t>(i)};
    if (peers_[i] || is_range(id)) all.push_back(status(id, now));
  }
  return all;
}
PeerStatus SessionManager::status(PeerId peer, TimePoint now) const {
  if (peers_[peer.value()]) return at(peer).status(now);
  const Range& range = *std::ranges::find(ranges_, peer, &Range::id);
  PeerStatus status;
  status.id = peer;
  status.name = range.settings.name;
  status.port = range.settings.port;
  status.expected_asn = range.settings.remote_asn;
  status.passive = true;
  status.state = range.settings.shutdown ? SessionState::kIdle : SessionState::kActive;
  status.detail =
      range.settings.shutdown
          ? "administratively down"
          : fmt::format("listens for {}: {} of {} dynamic neighbors", *range.settings.listen,
                        dynamic_count(peer), range.settings.limit);
  return status;
}

}  // namespace lastmile::bgp
