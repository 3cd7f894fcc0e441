// What happens to a peer from outside, and what its connections ask of it. The search for a
// connection and what follows the end of one are in peer_seek.cc.
#include "controlplane/bgp/session/peer.h"

#include <algorithm>
#include <utility>

#include "controlplane/bgp/wire/notification.h"
#include "dataplane/net/format.h"
#include "logging/log.h"
#include "logging/told.h"

namespace lastmile::bgp {
namespace {

constexpr Duration kFaultLogInterval = std::chrono::seconds{10};

}  // namespace

Peer::Peer(const Context& context, PeerId id, PeerId configured_as, PeerSettings settings,
           std::uint64_t seed)
    : ctx_(context),
      id_(id),
      configured_as_(configured_as),
      settings_(std::move(settings)),
      jitter_(seed),
      backoff_(settings_.timers.connect_retry) {
  if (settings_.address) use_address(settings_.address, AddressSource::kConfigured);
}

// --- administration and the link -----------------------------------------------------------------

void Peer::start(TimePoint now) {
  turn(now, [&] {
    const bool was_suspended = std::exchange(suspended_, false);
    if (std::exchange(enabled_, true) && !was_suspended) return;
    backoff_.forget();
    if (may_seek()) seek(now);
  });
}

void Peer::shutdown(const std::string& message, TimePoint now) {
  turn(now, [&] {
    enabled_ = suspended_ = false;
    end_all(administrative_shutdown(message), now);
    stop_seeking();
    end_restart("administratively down", now);
  });
}

void Peer::reset(const Notification& notification, TimePoint now) {
  turn(now, [&] { end_all(notification, now); });
}

void Peer::suspend(const Notification& notification, std::optional<Duration> pause, TimePoint now) {
  turn(now, [&] {
    suspended_ = false;
    end_all(notification, now);
    stop_seeking();
    suspended_ = true;
    awaits_configuration_ = !pause;
    end_restart("suspended", now);
    if (pause) ctx_.timers.arm({TimerKind::kIdleHold, id_.value()}, *pause);
  });
}

void Peer::retire(const Notification& notification, TimePoint now) {
  turn(now, [&] {
    enabled_ = false;
    end_all(notification, now);
    stop_seeking();
    end_restart("no longer configured so", now);
  });
  unguard_address();
}

void Peer::send_route_refresh(const RouteRefresh& refresh) {
  if (Connection* connection = established()) connection->send_route_refresh(refresh);
}

void Peer::configure_again(const PeerSettings& settings, TimePoint now) {
  const BgpTimers& timers = settings.timers;
  if (std::exchange(settings_.timers.connect_retry, timers.connect_retry) != timers.connect_retry) {
    backoff_ = Backoff{timers.connect_retry};
  }
  settings_.timers.keepalive = timers.keepalive;
  for (Slot& s : slots_) {
    if (s) s->keepalive_changed();
  }
  const MaxPrefixes before = std::exchange(settings_.max_prefixes, settings.max_prefixes);
  if (suspended_ && awaits_configuration_ && before != settings.max_prefixes) start(now);
}

void Peer::link_down(TimePoint now) {
  turn(now, [&] {
    link_ = LinkState::kDown;
    // No NOTIFICATION: there is no link to carry it.
    for (Slot& s : slots_) {
      if (s) s->drop("link is down");
    }
    stop_seeking();
    end_restart("link is down", now);
  });
}

void Peer::link_up(TimePoint now) {
  turn(now, [&] {
    if (std::exchange(link_, LinkState::kUp) == LinkState::kUp) return;
    backoff_.forget();
    capability_use_ = CapabilityUse::kAnnounce;  // who knows who is there now
    if (may_seek()) seek(now);
  });
}

void Peer::hold() {
  held_ = true;
  // A session that stands goes on. When it has ended, held or not by then, plan() decides.
  furthest() != nullptr ? rest() : stop_seeking();
}

void Peer::path_works(TimePoint now) {
  turn(now, [&] {
    held_ = false;
    if (furthest() != nullptr) return;
    backoff_.forget();
    if (may_seek()) seek(now);
  });
}

void Peer::path_failed(const std::string& reason, TimePoint now) {
  turn(now, [&] {
    end_restart(reason, now);
    if (furthest() == nullptr) return;
    note_error(reason, now);
    end_all(notification(CeaseReason::kBfdDown), now);
  });
}

void Peer::set_discovered(const Ipv6Address& address, TimePoint now) {
  turn(now, [&] {
    discovered_ = address;
    if (address_source_ == AddressSource::kConfigured) return;
    if (established() != nullptr && address_ != IpAddress{address}) return;
    if (address_ != IpAddress{address}) {
      end_restart("another neighbor has been discovered", now);
      end_all(notification(CeaseReason::kOtherConfigurationChange), now);
      reap(now);
      may_seek() ? rest() : stop_seeking();
      backoff_.forget();
      capability_use_ = CapabilityUse::kAnnounce;
    } else if (std::exchange(address_source_, AddressSource::kDiscovered) !=
               AddressSource::kIncoming) {
      return;
    }
    use_address(address, AddressSource::kDiscovered);
    if (may_seek() && !past_open()) seek(now);
  });
}

void Peer::discovery_lost(TimePoint now) {
  turn(now, [&] {
    discovered_.reset();
    // A connection that stands needs no router advertisement to prove it: its own timers do.
    if (address_source_ != AddressSource::kDiscovered || furthest() != nullptr) return;
    use_address(std::nullopt, AddressSource::kNone);
    if (seek_ != Seek::kIdle) rest();
  });
}

// --- connections
// -----------------------------------------------------------------------------------

bool Peer::matches(const Endpoint& remote) const {
  if (address_ != remote.address) return false;
  return !is_ipv6_link_local(remote.address) || remote.port == settings_.port;
}

/// Not with a password: the kernel asks for none of an address that it has not been told.
bool Peer::adopts(const Endpoint& remote) const {
  return !address_ && settings_.password.empty() && settings_.port &&
         remote.port == settings_.port && is_ipv6_link_local(remote.address);
}

Peer::Welcome Peer::accepted(ConnectionId id, const Endpoint& local, const Endpoint& remote,
                             TimePoint now) {
  Welcome welcome = Welcome::kRefused;
  turn(now, [&] {
    const bool collides = established() != nullptr && !superseded(now);
    if (collides || !may_seek() || seek_ == Seek::kIdle) {
      // RFC 4271 section 6.8 (Established), RFC 4486 section 4 (Connection Rejected).
      const Notification why = notification(collides ? CeaseReason::kConnectionCollision
                                                     : CeaseReason::kConnectionRejected);
      ctx_.transport.send(id, encode(why));
      ctx_.transport.close(id);
      // Of one that is suspended the last word stays: it says why.
      if (!suspended_) history_.last_sent = {why, now};
      ++history_.sent.notification;
      return;
    }
    welcome = Welcome::kAccepted;
    if (!address_) use_address(remote.address, AddressSource::kIncoming);
    if (Slot& old = slot(Connection::Origin::kIncoming)) {
      // Nobody opens a second connection before giving up on the first.
      old->close_with(notification(CeaseReason::kConnectionCollision), now);
      ctx_.connection_peers.erase(old->id());
      old.reset();
    }
    ctx_.transport.set_hop_limits(id, settings_.hops);
    open_connection(id, Connection::Origin::kIncoming, local, remote, now);
  });
  return welcome;
}

void Peer::opened(ConnectionId id, const Endpoint& local, const Endpoint& remote, TimePoint now) {
  turn(now, [&] {
    if (dialing_ != id) return;
    dialing_.reset();
    rest();
    open_connection(id, Connection::Origin::kOutgoing, local, remote, now);
  });
}

void Peer::failed(ConnectionId id, const std::string& reason, TimePoint now) {
  turn(now, [&] {
    if (dialing_ != id) return;
    ctx_.connection_peers.erase(id);
    dialing_.reset();
    note_error("connect: " + reason, now);
    rest();
    plan(Aftermath::kRetry, now);
  });
}

void Peer::closed(ConnectionId id, const std::string& reason, TimePoint now) {
  turn(now, [&] {
    if (Connection* connection = find(id)) connection->transport_closed(reason, now);
  });
}

void Peer::received(ConnectionId id, std::span<const std::uint8_t> bytes, TimePoint now) {
  turn(now, [&] {
    if (Connection* connection = find(id)) connection->receive(bytes, now);
  });
}

void Peer::drained(ConnectionId id, TimePoint now) {
  turn(now, [&] {
    Connection* connection = find(id);
    if (connection == nullptr) return;
    connection->drained();
    if (connection != established() || !std::exchange(send_paused_, false)) return;
    ctx_.observer.on_writable(id_, now);
  });
}

void Peer::connection_timer_expired(ConnectionId id, TimerKind kind, TimePoint now) {
  turn(now, [&] {
    if (Connection* connection = find(id)) connection->timer_expired(kind, now);
  });
}

void Peer::open_connection(ConnectionId id, Connection::Origin origin, const Endpoint& local,
                           const Endpoint& remote, TimePoint now) {
  const Connection::Context context{*this,   ctx_.transport, ctx_.timers,
                                    jitter_, history_,       settings_};
  Connection& connection = slot(origin).emplace(context, id, origin, local, remote);
  ctx_.connection_peers.insert_or_assign(id, id_);
  connection.begin(make_open(ctx_.speaker, settings_, local.address, capability_use_), now);
}

// --- what connections ask
// ----------------------------------------------------------------------------

tl::expected<Negotiated, Notification> Peer::check_open(const Connection& connection,
                                                        const Open& theirs) {
  auto negotiated = negotiate(ctx_.speaker, settings_, connection.sent_open(), theirs,
                              connection.local(), connection.remote());
  if (negotiated) {
    negotiated->name = settings_.name;
    negotiated->configured_as = configured_as_;
  }
  return negotiated;
}

/// RFC 4271 section 6.8: of two connections, the one that the prevailing speaker opened stays. The
/// other is closed as soon as it is certain that the prevailing speaker has its own: if that is we,
/// when ours is open; if it is the peer, when its OPEN has come on it.
///
/// The RFC compares only once OPEN has come on both. But then the prevailing speaker may already
/// have KEEPALIVEd, and be Established on, the connection that the other one is about to close:
/// each would close what the other one keeps. Here the prevailing speaker never sends KEEPALIVE on
/// a connection that is to lose, so the other one is never Established on it.
///
/// A peer that prevails and does as the RFC says would still be misled by our own KEEPALIVE, see
/// may_lose(). If it has got one already, it may be Established on our connection, and close its
/// own: then it decides.
void Peer::on_open_confirm(Connection& connection, TimePoint now) {
  backoff_.reached();
  if (Connection* other = other_than(connection)) {
    const bool we_prevail =
        local_speaker_prevails(connection.sent_open(), connection.received_open());
    const bool ours = connection.origin() == Connection::Origin::kOutgoing;
    const Notification lost = notification(CeaseReason::kConnectionCollision);
    if (we_prevail) (ours ? *other : connection).close_with(lost, now);
    if (!we_prevail && !ours) other->answered() ? other->hold() : other->close_with(lost, now);
  }
  rest();
}

/// The peer prevails, and there are two connections. A KEEPALIVE of ours on our own would cross
/// with our OPEN on the peer's: it may take them in either order, and end here what it keeps, while
/// we, Established by its KEEPALIVE, end the other. Both connections would be gone.
///
/// So we say none on ours as long as OPEN has not come on the peer's. If we had, when the peer's
/// came to be, we say none on the peer's, until it ends one of the two: its own if it is
/// Established on ours, or else ours.
bool Peer::may_lose(const Connection& connection) const {
  if (local_speaker_prevails(connection.sent_open(), connection.received_open())) return false;
  using State = Connection::State;
  const bool ours = connection.origin() == Connection::Origin::kOutgoing;
  const Slot& other = slot(ours ? Connection::Origin::kIncoming : Connection::Origin::kOutgoing);
  return other && other->state() == (ours ? State::kOpenSent : State::kOpenConfirm);
}

/// The end of the other one is under way, if the peer has not lost itself: bytes of two connections
/// come in any order.
void Peer::on_decided(Connection& connection, TimePoint now) {
  Connection* other = other_than(connection);
  if (other != nullptr) other->close_with(notification(CeaseReason::kConnectionCollision), now);
}

/// The peer has decided nothing; what RFC 4271 section 6.8 says holds.
void Peer::on_undecided(Connection& connection, TimePoint now) {
  Connection* other = other_than(connection);
  if (other != nullptr && connection.origin() == Connection::Origin::kIncoming) {
    other->close_with(notification(CeaseReason::kConnectionCollision), now);
  }
  connection.go_on(now);
}

void Peer::on_established(Connection& connection, TimePoint now) {
  if (Connection* other = other_than(connection)) {
    other->close_with(notification(CeaseReason::kConnectionCollision), now);
  }
  established_at_ = now;
  last_choice_ = false;
  if (std::exchange(restarting_, false)) ctx_.timers.cancel({TimerKind::kRestart, id_.value()});
  send_paused_ = false;
  ++history_.established;
  logged_error_.clear();
  const Negotiated& negotiated = connection.negotiated();
  note_state(now);
  log::told("bgp {}: Established with {} (AS {})", settings_.name, connection.remote().address,
            negotiated.remote_asn.value());
  ctx_.observer.on_established(id_, negotiated, now);
}

void Peer::on_update(Connection& connection, Update& update, TimePoint now) {
  drop_foreign_families(connection.negotiated().families, update);
  if (!update.faults.empty()) note_fault(update, now);
  ctx_.observer.on_update(id_, update, now);
}

/// Routes of a family that OPEN did not settle (RFC 4760 section 8) are nobody's.
void Peer::drop_foreign_families(const std::vector<Family>& agreed, Update& update) {
  const auto foreign = [&](const auto& routes) {
    return std::find(agreed.begin(), agreed.end(), routes.family) == agreed.end();
  };
  const std::size_t dropped =
      std::erase_if(update.reach, foreign) + std::erase_if(update.unreach, foreign);
  if (dropped == 0) return;
  ++history_.attribute_discard;
  update.faults.push_back({0, AttributeFault::Outcome::kAttributeDiscard,
                           "routes of a family that was not agreed on (RFC 4760 section 8)"});
}

void Peer::note_fault(const Update& update, TimePoint now) {
  // The worst one; of equals the first.
  const auto worst = std::max_element(
      update.faults.begin(), update.faults.end(),
      [](const AttributeFault& a, const AttributeFault& b) { return a.outcome < b.outcome; });
  history_.last_fault = worst->reason;
  if (fault_logged_at_ && now - *fault_logged_at_ < kFaultLogInterval) return;
  fault_logged_at_ = now;
  log::warn("bgp {}: {} by an UPDATE: {}", settings_.name,
            worst->outcome == AttributeFault::Outcome::kTreatAsWithdraw ? "routes withdrawn"
                                                                        : "attribute discarded",
            worst->reason);
}

void Peer::on_route_refresh(Connection&, const RouteRefresh& refresh, TimePoint now) {
  ctx_.observer.on_route_refresh(id_, refresh, now);
}

// --- for the routing side
// --------------------------------------------------------------------------

void Peer::send_updates(std::vector<std::uint8_t> encoded) {
  Connection* connection = established();
  if (connection == nullptr) return;
  connection->send_updates(std::move(encoded));
  if (ctx_.transport.queued(connection->id()) > kSendMark) send_paused_ = true;
}

bool Peer::writable() const {
  return state() == SessionState::kEstablished && !send_paused_;
}

// --- look-up
// ---------------------------------------------------------------------------------------

Connection* Peer::find(ConnectionId id) {
  for (Slot& s : slots_) {
    if (s && s->id() == id && s->state() != Connection::State::kClosed) return &*s;
  }
  return nullptr;
}

Connection* Peer::other_than(const Connection& connection) {
  for (Slot& s : slots_) {
    if (s && &*s != &connection && s->state() != Connection::State::kClosed) return &*s;
  }
  return nullptr;
}

const Connection* Peer::furthest() const {
  const Connection* best = nullptr;
  for (const Slot& s : slots_) {
    if (!s || s->state() == Connection::State::kClosed) continue;
    if (best == nullptr || s->state() > best->state()) best = &*s;
  }
  return best;
}

bool Peer::past_open() const {
  const Connection* best = furthest();
  return best != nullptr && best->state() >= Connection::State::kOpenConfirm;
}

Connection* Peer::established() {
  for (Slot& s : slots_) {
    if (s && s->state() == Connection::State::kEstablished) return &*s;
  }
  return nullptr;
}

}  // namespace lastmile::bgp
