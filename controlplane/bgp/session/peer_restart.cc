// A peer that restarts, seen from its helper (RFC 4724 section 4.2, RFC 8538): which ends of a
// session are restarts, and when the waiting is over.
//
// Its routes are kept as long as nothing says that its forwarding has stopped, too: the link going
// down and BFD do, a NOTIFICATION or silence do unless both sides said otherwise (the N bit).

#include <algorithm>
#include <utility>

#include "controlplane/bgp/session/peer.h"
#include "controlplane/bgp/wire/notification.h"
#include "logging/log.h"

namespace lastmile::bgp {

bool Peer::is_restart(const Connection::Ending& ending,
                      const std::optional<GracefulRestart>& agreed) const {
  using Cause = Connection::Ending::Cause;
  if (!agreed || !may_seek()) return false;
  switch (ending.cause) {
    case Cause::kTransport:
    case Cause::kSuperseded:
      return true;
    case Cause::kNotificationSent:
    case Cause::kNotificationReceived:
      return agreed->notifications && !is_hard_reset(ending.notification);
    case Cause::kDropped:
      break;
  }
  return false;
}

void Peer::begin_restart(const Negotiated& session, const std::string& reason, TimePoint now) {
  const GracefulRestart& agreed = *session.graceful_restart;
  restarting_ = true;
  last_choice_ = false;
  long_lived_ = session.long_lived;
  const Duration wait = std::min<Duration>(std::chrono::seconds{agreed.restart_time_s},
                                           settings_.graceful_restart.restart_limit);
  ctx_.timers.arm({TimerKind::kRestart, id_.value()}, wait);
  log::info("bgp {}: restarting ({}); its routes are kept for {} s", settings_.name, reason,
            std::chrono::duration_cast<std::chrono::seconds>(wait).count());
  ctx_.observer.on_restarting(id_, reason, now);
}

/// The restart time is over, or the long-lived one (RFC 9494 section 4.2), which the RIB ends for
/// each family by itself: the longest is ours.
void Peer::restart_timer_expired(TimePoint now) {
  if (!restarting_) return;
  std::uint32_t longest = 0;
  if (long_lived_ && !last_choice_) {
    for (const auto& kept : long_lived_->families) longest = std::max(longest, kept.stale_time_s);
  }
  if (longest == 0) return end_restart("restarts for too long", now);
  last_choice_ = true;
  ctx_.timers.arm({TimerKind::kRestart, id_.value()}, std::chrono::seconds{longest});
  log::info("bgp {}: restarts for too long; its routes are the last choice for {} s",
            settings_.name, longest);
  ctx_.observer.on_long_lived(id_, *long_lived_, now);
}

void Peer::end_restart(const std::string& reason, TimePoint now) {
  if (!std::exchange(restarting_, false)) return;
  last_choice_ = false;
  ctx_.timers.cancel({TimerKind::kRestart, id_.value()});
  log::info("bgp {}: its routes are no longer kept: {}", settings_.name, reason);
  ctx_.observer.on_down(id_, reason, now);
}

/// RFC 4724 section 5: who connects anew has forgotten the session that we hold for Established.
/// True if it has been taken out of the way.
bool Peer::superseded(TimePoint now) {
  Connection* connection = established();
  if (!connection->negotiated().graceful_restart || now - *established_at_ < kCollisionWindow) {
    return false;
  }
  connection->drop("the neighbor has opened another connection",
                   Connection::Ending::Cause::kSuperseded);
  reap(now);
  return true;
}

/// What ends a session by our own decision is no restart: where the peer would take it for one, it
/// is told (RFC 8538 section 3).
Notification Peer::final_word(const Notification& notification, const Connection& connection) {
  const bool established = connection.state() == Connection::State::kEstablished;
  const auto& ours = connection.sent_open().capabilities.graceful_restart;
  const auto& theirs = connection.received_open().capabilities.graceful_restart;
  const bool resumed = ours && theirs && ours->notifications && theirs->notifications;
  return established && resumed ? hard_reset(notification) : notification;
}

}  // namespace lastmile::bgp
