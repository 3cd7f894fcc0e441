// The seeking half of a peer: when to dial, when to rest, and what follows the end of a connection.

#include <algorithm>
#include <utility>

#include "controlplane/bgp/session/peer.h"
#include "controlplane/bgp/wire/notification.h"
#include "dataplane/net/format.h"
#include "logging/log.h"

namespace lastmile::bgp {
namespace {

/// Cease subcodes (RFC 4486) after which the peer is willing to go on at once. After all others
/// section 4 recommends to damp.
bool invites_return(const Notification& notification) {
  // What a Hard Reset carries is what would have been sent without it.
  const Notification received = hard_reset_reason(notification).value_or(notification);
  constexpr CeaseReason kMild[] = {
      CeaseReason::kAdministrativeReset,
      CeaseReason::kOtherConfigurationChange,
      CeaseReason::kConnectionCollision,
  };
  return received.code == static_cast<std::uint8_t>(NotificationCode::kCease) &&
         std::any_of(std::begin(kMild), std::end(kMild), [&](CeaseReason reason) {
           return received.subcode == static_cast<std::uint8_t>(reason);
         });
}

bool rejects_capabilities(const Notification& received) {
  const Notification rejection = notification(OpenError::kUnsupportedOptionalParameter);
  return received.code == rejection.code && received.subcode == rejection.subcode;
}

}  // namespace

bool Peer::may_seek() const {
  return enabled_ && !suspended_ && !held_ && link_ == LinkState::kUp;
}

/// The neighbor that an incoming connection made known is not dialed: nothing says that it listens.
bool Peer::may_dial() const {
  return !settings_.passive && address_ && address_source_ != AddressSource::kIncoming;
}

/// Listens, and dials at once if there is whom to dial.
void Peer::seek(TimePoint now) {
  ctx_.timers.cancel({TimerKind::kIdleHold, id_.value()});
  rest();
  dial(now);
}

void Peer::dial(TimePoint) {
  if (!may_dial() || slot(Connection::Origin::kOutgoing) || past_open()) return;
  Endpoint remote{*address_, settings_.tcp_port, std::nullopt};
  if (is_ipv6_link_local(*address_)) remote.port = settings_.port;
  dialing_ = ctx_.transport.connect(remote, {settings_.source, settings_.hops, settings_.password});
  ctx_.connection_peers.insert_or_assign(*dialing_, id_);
  seek_ = Seek::kConnect;
  ctx_.timers.arm({TimerKind::kConnectRetry, id_.value()}, jitter_.apply(backoff_.interval()));
}

void Peer::dial_after(Duration wait) {
  if (!may_dial()) return;
  ctx_.timers.arm({TimerKind::kConnectRetry, id_.value()}, jitter_.apply(wait));
  dial_planned_ = true;
}

/// Only listens from now on: no dial under way, none planned.
void Peer::rest() {
  seek_ = Seek::kActive;
  dial_planned_ = false;
  ctx_.timers.cancel({TimerKind::kConnectRetry, id_.value()});
  if (!dialing_) return;
  ctx_.transport.close(*dialing_);
  ctx_.connection_peers.erase(*dialing_);
  dialing_.reset();
}

void Peer::stop_seeking() {
  rest();
  // The pause of one that is suspended goes on, whatever happens to the link meanwhile.
  if (!suspended_) ctx_.timers.cancel({TimerKind::kIdleHold, id_.value()});
  seek_ = Seek::kIdle;
}

void Peer::hold_idle() {
  stop_seeking();
  ctx_.timers.arm({TimerKind::kIdleHold, id_.value()}, jitter_.apply(backoff_.base()));
}

void Peer::timer_expired(TimerKind kind, TimePoint now) {
  turn(now, [&] {
    if (kind == TimerKind::kRestart) return restart_timer_expired(now);
    if (kind == TimerKind::kIdleHold && std::exchange(suspended_, false)) backoff_.forget();
    if (!may_seek()) return;
    if (kind == TimerKind::kIdleHold && seek_ == Seek::kIdle) {  // event 13
      const Duration rest_of_backoff = backoff_.interval() - backoff_.base();
      seek_ = Seek::kActive;
      rest_of_backoff > Duration{0} ? dial_after(rest_of_backoff) : dial(now);
    } else if (kind == TimerKind::kConnectRetry && seek_ != Seek::kIdle) {  // event 9
      if (seek_ == Seek::kConnect) {
        note_error("connect: no answer", now);
        backoff_.unreachable();
      }
      rest();
      dial(now);
    }
  });
}

// --- the end of a connection ---------------------------------------------------------------------

void Peer::settle(TimePoint now) {
  for (Slot& s : slots_) {
    if (s && other_than(*s) == nullptr) s->go_on(now);
  }
  if (const auto aftermath = reap(now)) plan(*aftermath, now);
  note_state(now);
}

/// Takes the connections that have ended out of their slots; the worst of what they ask for.
std::optional<Peer::Aftermath> Peer::reap(TimePoint now) {
  std::optional<Aftermath> worst;
  // By name and not in a range, because the observer may end the other one meanwhile.
  const auto next_closed = [&] {
    return std::find_if(slots_.begin(), slots_.end(), [](const Slot& s) {
      return s && s->state() == Connection::State::kClosed;
    });
  };
  for (auto it = next_closed(); it != slots_.end(); it = next_closed()) {
    const Connection::Ending ending = (*it)->ending();
    const Negotiated session = (*it)->negotiated();
    ctx_.connection_peers.erase((*it)->id());
    it->reset();
    Aftermath aftermath = judge(ending);
    // Nothing went wrong if it lost to the connection that goes on.
    const bool lost = ending.notification == notification(CeaseReason::kConnectionCollision);
    if (!lost || furthest() == nullptr) note_error(ending.reason, now);
    if (ending.before == Connection::State::kEstablished) {
      const Duration stood = now - *std::exchange(established_at_, std::nullopt);
      if (stood >= Backoff::kStableAfter) {
        backoff_.forget();
        aftermath = std::min(aftermath, Aftermath::kRetry);
      }
      ++history_.dropped;
      history_.last_down = ending.reason;
      capability_use_ = CapabilityUse::kAnnounce;
      if (is_restart(ending, session.graceful_restart)) {
        aftermath = std::min(aftermath, Aftermath::kRetry);  // it is to find us when it is back
        begin_restart(session, ending.reason, now);
      } else {
        ctx_.observer.on_down(id_, ending.reason, now);
      }
    }
    worst = std::max(worst.value_or(aftermath), aftermath);
  }
  if (worst && furthest() == nullptr) believe_discovery();
  return worst;
}

Peer::Aftermath Peer::judge(const Connection::Ending& ending) {
  using Cause = Connection::Ending::Cause;
  switch (ending.cause) {
    case Cause::kTransport:
      // OpenSent goes back to Active, later states go to Idle (RFC 4271 section 8.2.2, event 18).
      return ending.before < Connection::State::kOpenConfirm ? Aftermath::kRetry : Aftermath::kDamp;
    case Cause::kNotificationSent:
      return invites_return(ending.notification) ? Aftermath::kRetry : Aftermath::kDamp;
    case Cause::kNotificationReceived:
      if (rejects_capabilities(ending.notification) &&
          capability_use_ == CapabilityUse::kAnnounce) {
        capability_use_ = CapabilityUse::kOmit;  // RFC 5492 section 3
        return Aftermath::kRetryAtOnce;
      }
      return invites_return(ending.notification) ? Aftermath::kRetry : Aftermath::kDamp;
    case Cause::kSuperseded:
      return Aftermath::kRetry;
    case Cause::kDropped:
      break;
  }
  return Aftermath::kDamp;
}

void Peer::plan(Aftermath aftermath, TimePoint now) {
  if (suspended_) return;  // the pause is under way
  if (!may_seek()) return stop_seeking();
  if (past_open()) return;  // the connection that is left is the session
  const bool alone = furthest() == nullptr;
  switch (aftermath) {
    case Aftermath::kRetryAtOnce:
      if (!dialing_) seek(now);
      return;
    case Aftermath::kRetry:
      backoff_.unreachable();
      if (seek_ == Seek::kActive && !dial_planned_) dial_after(backoff_.interval());
      return;
    case Aftermath::kDamp:
      backoff_.flapped();
      if (alone) return hold_idle();
      rest();
      dial_after(backoff_.interval());
      return;
  }
}

void Peer::end_all(const Notification& notification, TimePoint now) {
  for (Slot& s : slots_) {
    if (s) s->close_with(final_word(notification, *s), now);
  }
}

// --- the address --------------------------------------------------------------------------------

void Peer::use_address(std::optional<IpAddress> address, AddressSource source) {
  if (address != address_) {
    unguard_address();
    address_ = address;
    guard_address();
  }
  address_source_ = source;
}

/// From where connections have to be signed. Of a dynamic peer the whole listen range is guarded,
/// by the session manager.
std::optional<IpPrefix> Peer::guarded_address() const {
  if (settings_.password.empty() || !address_ || settings_.listen) return std::nullopt;
  return host_prefix(*address_);
}

void Peer::guard_address() {
  const auto host = guarded_address();
  if (!host) return;
  if (ctx_.guards.is_contested(*host, settings_.password)) {
    log::warn(
        "bgp {}: another neighbor has the address {}, too, with another password, and the kernel "
        "takes one: connections that the other opens will be refused, those that we open will not",
        settings_.name, *address_);
  }
  if (ctx_.guards.add(*host, settings_.password)) return;
  log::error("bgp {}: the kernel takes no TCP MD5 password for {}; the session will not come up",
             settings_.name, *address_);
}

void Peer::unguard_address() {
  if (const auto host = guarded_address()) ctx_.guards.remove(*host, settings_.password);
}

/// With no connection left, what was learned meanwhile counts.
void Peer::believe_discovery() {
  if (address_source_ == AddressSource::kConfigured) return;
  if (discovered_) {
    if (address_ != IpAddress{*discovered_}) backoff_.forget();
    use_address(*discovered_, AddressSource::kDiscovered);
  } else {
    use_address(std::nullopt, AddressSource::kNone);
  }
}

}  // namespace lastmile::bgp
