#include "controlplane/bgp/session/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "controlplane/bgp/wire/header.h"
#include "controlplane/bgp/wire/notification.h"
#include "dataplane/net/overloaded.h"

namespace lastmile::bgp {
namespace {

/// The type and the counter of each message, in the order of Message's alternatives.
struct MessageFacts {
  MessageType type;
  std::uint64_t MessageCounters::*counter;
};
constexpr MessageFacts kMessages[] = {
    {MessageType::kOpen, &MessageCounters::open},
    {MessageType::kUpdate, &MessageCounters::update},
    {MessageType::kNotification, &MessageCounters::notification},
    {MessageType::kKeepalive, &MessageCounters::keepalive},
    {MessageType::kRouteRefresh, &MessageCounters::route_refresh},
};
static_assert(std::size(kMessages) == std::variant_size_v<Message>);

const MessageFacts& facts(const Message& message) {
  return kMessages[message.index()];
}

/// How many messages stand one behind the other in `encoded`.
std::uint64_t count_messages(std::span<const std::uint8_t> encoded) {
  constexpr std::size_t kLengthOffset = 16;
  std::uint64_t count = 0;
  while (encoded.size() >= kHeaderSize) {
    const std::size_t length =
        std::size_t{encoded[kLengthOffset]} << 8 | encoded[kLengthOffset + 1];
    encoded = encoded.subspan(std::clamp(length, kHeaderSize, encoded.size()));
    ++count;
  }
  return count;
}

/// RFC 6608 section 3.
FsmError error_in(Connection::State state) {
  switch (state) {
    case Connection::State::kOpenSent:
      return FsmError::kUnexpectedMessageInOpenSent;
    case Connection::State::kOpenConfirm:
      return FsmError::kUnexpectedMessageInOpenConfirm;
    case Connection::State::kEstablished:
      return FsmError::kUnexpectedMessageInEstablished;
    case Connection::State::kDelayOpen:
    case Connection::State::kClosed:
      break;
  }
  return FsmError::kUnspecified;
}

}  // namespace

SessionState to_session_state(Connection::State state, Connection::Origin origin) {
  switch (state) {
    case Connection::State::kDelayOpen:
      // The RFC has no state of its own for this: the DelayOpen timer runs in Connect or Active.
      return origin == Connection::Origin::kOutgoing ? SessionState::kConnect
                                                     : SessionState::kActive;
    case Connection::State::kOpenSent:
      return SessionState::kOpenSent;
    case Connection::State::kOpenConfirm:
      return SessionState::kOpenConfirm;
    case Connection::State::kEstablished:
      return SessionState::kEstablished;
    case Connection::State::kClosed:
      break;
  }
  return SessionState::kIdle;
}

// --- events ------------------------------------------------------------------------------------

void Connection::begin(const Open& open, TimePoint now) {
  sent_ = open;
  if (ctx_.settings.delay_open > Duration{0}) {
    ctx_.timers.arm(timer(TimerKind::kDelayOpen), ctx_.jitter.apply(ctx_.settings.delay_open));
    return;
  }
  send_open();
  restart_hold(kLargeHoldTime, now);
}

void Connection::receive(std::span<const std::uint8_t> bytes, TimePoint now) {
  if (state_ == State::kClosed) return;
  reader_.append(bytes);
  while (state_ != State::kClosed) {
    auto next = reader_.next(codec_);
    if (!next) return;
    if (!*next) {
      close_with(next->error(), now);  // events 21, 22, 28
      return;
    }
    Message& message = **next;
    ++(ctx_.history.received.*facts(message).counter);
    handle(message, now);
  }
}

void Connection::handle(Message& message, TimePoint now) {
  switch (state_) {
    case State::kDelayOpen:
      return in_delay_open(message, now);
    case State::kOpenSent:
      return in_open_sent(message, now);
    case State::kOpenConfirm:
      return in_open_confirm(message, now);
    case State::kEstablished:
      return in_established(message, now);
    case State::kClosed:
      return;
  }
}

void Connection::in_delay_open(Message& message, TimePoint now) {
  std::visit(Overloaded{
                 [&](const Open& open) {  // event 20
                   ctx_.timers.cancel(timer(TimerKind::kDelayOpen));
                   send_open();
                   accept_open(open, now);
                 },
                 [&](const Notification& received) { notified(received, now); },
                 [&](const auto&) { unexpected(message, now); },
             },
             message);
}

void Connection::in_open_sent(Message& message, TimePoint now) {
  std::visit(Overloaded{
                 [&](const Open& open) { accept_open(open, now); },               // event 19
                 [&](const Notification& received) { notified(received, now); },  // 24, 25
                 [&](const auto&) { unexpected(message, now); },
             },
             message);
}

void Connection::in_open_confirm(Message& message, TimePoint now) {
  // Behind its KEEPALIVE nobody sends these but in Established.
  const bool established =
      std::holds_alternative<Update>(message) || std::holds_alternative<RouteRefresh>(message);
  if (established && undecided_ && heard_keepalive_) {
    ctx_.owner.on_decided(*this, now);
    go_on(now);
    return in_established(message, now);
  }
  std::visit(Overloaded{
                 [&](const Keepalive&) {  // event 26
                   if (undecided_) {
                     heard_keepalive_ = true;
                     return;
                   }
                   establish(now);
                 },
                 [&](const Notification& received) { notified(received, now); },  // 24, 25
                 [&](const auto&) { unexpected(message, now); },
             },
             message);
}

void Connection::in_established(Message& message, TimePoint now) {
  std::visit(
      Overloaded{
          [&](Update& update) {  // event 27
            restart_hold(negotiated_.hold_time, now);
            note_faults(update);
            ctx_.owner.on_update(*this, update, now);
          },
          [&](const Keepalive&) { restart_hold(negotiated_.hold_time, now); },  // event 26
          [&](const RouteRefresh& refresh) { ctx_.owner.on_route_refresh(*this, refresh, now); },
          [&](const Notification& received) { notified(received, now); },  // 24, 25
          [&](const Open&) { unexpected(message, now); },
      },
      message);
}

void Connection::accept_open(const Open& theirs, TimePoint now) {
  auto checked = ctx_.owner.check_open(*this, theirs);
  if (!checked) {
    close_with(checked.error(), now);  // event 22
    return;
  }
  received_ = theirs;
  negotiated_ = std::move(*checked);
  codec_ = negotiated_.codec;
  keepalive_ = keepalive_interval(ctx_.settings.timers, negotiated_.hold_time);
  state_ = State::kOpenConfirm;
  // Collisions come first: a connection that loses should not hear a KEEPALIVE that invites the
  // other side to go on.
  ctx_.owner.on_open_confirm(*this, now);
  if (state_ != State::kOpenConfirm) return;
  restart_hold(negotiated_.hold_time, now);
  if (ctx_.owner.may_lose(*this)) {
    hold();
    ctx_.timers.arm(timer(TimerKind::kKeepalive), kCollisionPatience);
    return;
  }
  answer();
}

void Connection::answer() {
  answered_ = true;
  send_keepalive();
}

void Connection::go_on(TimePoint now) {
  if (state_ != State::kOpenConfirm || !std::exchange(undecided_, false)) return;
  if (!answered_) answer();
  if (heard_keepalive_) establish(now);
}

void Connection::establish(TimePoint now) {
  state_ = State::kEstablished;
  restart_hold(negotiated_.hold_time, now);
  ctx_.owner.on_established(*this, now);
}

void Connection::unexpected(const Message& message, TimePoint now) {
  close_with(notification(error_in(state_), {static_cast<std::uint8_t>(facts(message).type)}), now);
}

void Connection::notified(const Notification& received, TimePoint now) {
  ctx_.history.last_received = {received, now};
  Ending ending;
  ending.cause = Ending::Cause::kNotificationReceived;
  ending.notification = received;
  ending.reason = "received " + to_string(received);
  end(std::move(ending));
}

void Connection::note_faults(const Update& update) {
  for (const AttributeFault& fault : update.faults) {
    ++(fault.outcome == AttributeFault::Outcome::kTreatAsWithdraw ? ctx_.history.treat_as_withdraw
                                                                  : ctx_.history.attribute_discard);
  }
}

void Connection::transport_closed(const std::string& reason, TimePoint) {
  if (state_ == State::kClosed) return;
  Ending ending;
  ending.cause = Ending::Cause::kTransport;
  ending.reason = "connection closed: " + reason;
  end(std::move(ending));
}

// --- timers ------------------------------------------------------------------------------------

void Connection::timer_expired(TimerKind kind, TimePoint now) {
  if (state_ == State::kClosed) return;
  switch (kind) {
    case TimerKind::kDelayOpen:  // event 12
      if (state_ != State::kDelayOpen) return;
      send_open();
      restart_hold(kLargeHoldTime, now);
      return;
    case TimerKind::kHold:  // event 10
      return hold_expired(now);
    case TimerKind::kKeepalive:  // event 11
      return answered_ ? send_keepalive() : ctx_.owner.on_undecided(*this, now);
    case TimerKind::kSendHold:
      return send_hold_expired();
    default:
      return;
  }
}

/// A hold time of zero means that there are no KEEPALIVEs to wait for.
void Connection::restart_hold(Duration after, TimePoint now) {
  if (after == Duration{0}) {
    hold_deadline_.reset();
    ctx_.timers.cancel(timer(TimerKind::kHold));
    return;
  }
  // Hundreds of messages come with one read, and one of them is enough.
  if (hold_second_chance_ && hold_deadline_ == now + after) return;
  hold_deadline_ = now + after;
  hold_second_chance_ = true;
  ctx_.timers.arm(timer(TimerKind::kHold), after);
}

void Connection::restart_keepalive() {
  if (keepalive_ == Duration{0}) return;
  ctx_.timers.arm(timer(TimerKind::kKeepalive), ctx_.jitter.apply(keepalive_));
}

void Connection::keepalive_changed() {
  if (state_ != State::kOpenConfirm && state_ != State::kEstablished) return;
  const Duration before =
      std::exchange(keepalive_, keepalive_interval(ctx_.settings.timers, negotiated_.hold_time));
  // Whoever has not answered yet waits for something else by the same timer.
  if (answered_ && keepalive_ != before) restart_keepalive();
}

void Connection::hold_expired(TimePoint now) {
  if (!hold_deadline_) return;
  if (hold_second_chance_ && now > *hold_deadline_ + kLate) {
    // Something kept this thread busy past the deadline. The peer's KEEPALIVEs may well lie in the
    // socket: they are read before this timer can fire again, and then it is moved.
    hold_second_chance_ = false;
    ctx_.timers.arm(timer(TimerKind::kHold), std::chrono::milliseconds{1});
    return;
  }
  close_with(notification(NotificationCode::kHoldTimerExpired), now);
}

void Connection::drained() {
  if (!std::exchange(send_hold_armed_, false)) return;
  ctx_.timers.cancel(timer(TimerKind::kSendHold));
}

/// RFC 9687: the peer's TCP acknowledges, so its hold timer keeps quiet, but it takes no data. One
/// that takes some, however slowly, is alive, though our queue never ran empty meanwhile.
void Connection::send_hold_expired() {
  if (ctx_.transport.queued(id_) == 0) return;
  if (gone_octets() != gone_at_send_hold_) return arm_send_hold();
  // A NOTIFICATION would only join the queue that does not move, so none is sent.
  drop(to_string(notification(NotificationCode::kSendHoldTimerExpired)));
}

// --- sending -----------------------------------------------------------------------------------

void Connection::send(std::vector<std::uint8_t> bytes) {
  sent_octets_ += bytes.size();
  ctx_.transport.send(id_, std::move(bytes));
  if (!send_hold_armed_ && ctx_.transport.queued(id_) != 0) arm_send_hold();
}

void Connection::arm_send_hold() {
  send_hold_armed_ = true;
  gone_at_send_hold_ = gone_octets();
  const Duration after = std::max<Duration>(kSendHoldTime, 2 * negotiated_.hold_time);
  ctx_.timers.arm(timer(TimerKind::kSendHold), after);
}

std::uint64_t Connection::gone_octets() const {
  return sent_octets_ - ctx_.transport.queued(id_);
}

void Connection::send_open() {
  state_ = State::kOpenSent;
  ++ctx_.history.sent.open;
  send(encode(sent_));
}

void Connection::send_keepalive() {
  ++ctx_.history.sent.keepalive;
  send(encode(Keepalive{}));
  restart_keepalive();
}

void Connection::send_updates(std::vector<std::uint8_t> encoded) {
  if (state_ != State::kEstablished || encoded.empty()) return;
  ctx_.history.sent.update += count_messages(encoded);
  send(std::move(encoded));
  restart_keepalive();  // RFC 4271 section 8.2.2, Established
}

void Connection::send_route_refresh(const RouteRefresh& refresh) {
  if (state_ != State::kEstablished) return;
  ++ctx_.history.sent.route_refresh;
  send(encode(refresh));
}

void Connection::close_with(const Notification& notification, TimePoint now) {
  if (state_ == State::kClosed) return;
  ctx_.history.last_sent = {notification, now};
  ++ctx_.history.sent.notification;
  ctx_.transport.send(id_, encode(notification));
  Ending ending;
  ending.cause = Ending::Cause::kNotificationSent;
  ending.notification = notification;
  ending.reason = "sent " + to_string(notification);
  end(std::move(ending));
}

void Connection::drop(const std::string& reason, Ending::Cause cause) {
  if (state_ == State::kClosed) return;
  Ending ending;
  ending.cause = cause;
  ending.reason = reason;
  end(std::move(ending));
}

void Connection::end(Ending ending) {
  // After the other side closed there is nothing left to close.
  if (ending.cause != Ending::Cause::kTransport) ctx_.transport.close(id_);
  for (TimerKind kind :
       {TimerKind::kDelayOpen, TimerKind::kHold, TimerKind::kKeepalive, TimerKind::kSendHold}) {
    ctx_.timers.cancel(timer(kind));
  }
  ending.before = std::exchange(state_, State::kClosed);
  ending_ = std::move(ending);
}

}  // namespace lastmile::bgp
