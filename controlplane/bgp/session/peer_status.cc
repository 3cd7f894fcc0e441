// What a peer tells of itself.

#include "controlplane/bgp/session/peer.h"
#include "logging/log.h"

namespace lastmile::bgp {

const char* to_string(SessionState state) {
  constexpr const char* kNames[] = {"Idle",     "Connect",     "Active",
                                    "OpenSent", "OpenConfirm", "Established"};
  return kNames[static_cast<std::size_t>(state)];
}

SessionState Peer::state() const {
  if (const Connection* best = furthest()) return to_session_state(best->state(), best->origin());
  switch (seek_) {
    case Seek::kIdle:
      return SessionState::kIdle;
    case Seek::kActive:
      return SessionState::kActive;
    case Seek::kConnect:
      return SessionState::kConnect;
  }
  return SessionState::kIdle;
}

PeerStatus Peer::status(TimePoint now) const {
  PeerStatus status;
  status.id = id_;
  status.name = settings_.name;
  status.port = settings_.port;
  status.address = address_;
  status.expected_asn = settings_.remote_asn;
  status.passive = settings_.passive;
  status.state = state();
  status.detail = detail();
  status.suspended = suspended_;
  status.since = state_since_;
  status.restarting = restarting_;
  status.last_choice = last_choice_;
  if (established_at_) status.uptime = now - *established_at_;
  status.history = history_;
  const Connection* best = furthest();
  if (best == nullptr) return status;
  status.announced = best->sent_open().capabilities;
  if (best->state() < Connection::State::kOpenConfirm) return status;
  status.negotiated = best->negotiated();
  status.keepalive = best->keepalive();
  status.received = best->received_open().capabilities;
  return status;
}

std::string Peer::detail() const {
  if (state() == SessionState::kEstablished) return {};
  if (!enabled_) {
    const std::string& why = settings_.shutdown_message;
    return settings_.shutdown && !why.empty() ? "administratively down: " + why
                                              : "administratively down";
  }
  if (suspended_) return "suspended: " + history_.last_error;
  if (link_ == LinkState::kDown) return "link is down";
  if (last_choice_) return "away for long, its routes are the last choice; " + history_.last_error;
  if (restarting_) return "restarting, its routes are kept; " + history_.last_error;
  if (held_) return "waiting for BFD";
  if (!address_) return "no neighbor has been discovered on the port";
  return history_.last_error;
}

void Peer::note_state(TimePoint now) {
  const SessionState current = state();
  if (current == noted_state_) return;
  log::debug("bgp {}: {} -> {}", settings_.name, to_string(noted_state_), to_string(current));
  noted_state_ = current;
  state_since_ = now;
}

/// Logged once until the reason changes: a peer that is away for a day is one line, not 20,000.
void Peer::note_error(const std::string& reason, TimePoint now) {
  history_.last_error = reason;
  history_.last_error_at = now;
  if (reason == logged_error_) return;
  logged_error_ = reason;
  log::info("bgp {}: {}", settings_.name, reason);
}

}  // namespace lastmile::bgp
