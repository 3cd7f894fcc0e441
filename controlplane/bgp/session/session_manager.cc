#include "controlplane/bgp/session/session_manager.h"

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
      observer_(std::make_unique<ObserverSlot>()) {
  const Peer::Context context{speaker_, transport, timers, *observer_, connection_peers_};
  peers_.reserve(peers.size());
  for (PeerSettings& settings : peers) {
    const PeerId id{static_cast<std::uint16_t>(peers_.size())};
    peers_.push_back(std::make_unique<Peer>(context, id, std::move(settings), seed + id.value()));
  }
}

SessionManager::~SessionManager() = default;

void SessionManager::start(SessionObserver& observer, TimePoint now) {
  observer_->set(observer);
  for (auto& peer : peers_) peer->start(now);
}

void SessionManager::stop(const std::string& message, TimePoint now) {
  for (auto& peer : peers_) peer->shutdown(message, now);
}

bool SessionManager::handle(const Event& event) {
  const TimePoint now = event.at;
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
      if (owner < peers_.size()) peers_[owner]->timer_expired(kind, now);
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
  for (auto& peer : peers_) {
    if (peer->settings().port != change.port) continue;
    change.state == LinkState::kUp ? peer->link_up(now) : peer->link_down(now);
  }
}

void SessionManager::accept(const ConnectionAccepted& connection, TimePoint now) {
  // A peer that is known by its address goes before one that would take anybody on the port.
  auto it = std::find_if(peers_.begin(), peers_.end(),
                         [&](const auto& peer) { return peer->matches(connection.remote); });
  if (it == peers_.end()) {
    it = std::find_if(peers_.begin(), peers_.end(),
                      [&](const auto& peer) { return peer->adopts(connection.remote); });
  }
  if (it == peers_.end()) return refuse_unknown(connection, now);
  const auto welcome =
      (*it)->accepted(connection.connection, connection.local, connection.remote, now);
  ++(welcome == Peer::Welcome::kAccepted ? incoming_.accepted : incoming_.refused);
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
      "bgp: refused a connection from {}{}: no neighbor has this address ({} more since the "
      "last such line)",
      connection.remote.address,
      connection.remote.port ? fmt::format(" on port {}", connection.remote.port->value())
                             : std::string{},
      std::exchange(unknown_unlogged_, 0));
}

Peer* SessionManager::peer_of(ConnectionId connection) {
  const auto it = connection_peers_.find(connection);
  return it == connection_peers_.end() ? nullptr : &at(it->second);
}

void SessionManager::discovered(PortId port, const Ipv6Address& address, TimePoint now) {
  for (auto& peer : peers_) {
    const PeerSettings& settings = peer->settings();
    if (settings.port == port && !settings.address) peer->set_discovered(address, now);
  }
}

void SessionManager::discovery_lost(PortId port, TimePoint now) {
  for (auto& peer : peers_) {
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

const PeerSettings& SessionManager::settings(PeerId peer) const {
  return at(peer).settings();
}
SessionState SessionManager::state(PeerId peer) const {
  return at(peer).state();
}

std::vector<PeerStatus> SessionManager::status(TimePoint now) const {
  std::vector<PeerStatus> all;
  all.reserve(peers_.size());
  for (const auto& peer : peers_) all.push_back(peer->status(now));
  return all;
}
PeerStatus SessionManager::status(PeerId peer, TimePoint now) const {
  return at(peer).status(now);
}

}  // namespace lastmile::bgp
