#include "dataplane/bfd/session.h"

#include <algorithm>
#include <array>
#include <utility>

namespace lastmile::bfd {
namespace {

/// Section 6.8.6, the state machine: what a received state makes of ours. AdminDown received is not
/// in it (it makes everything Down), nor are we while administratively down.
///
///                                            received: AdminDown      Down          Init        Up
constexpr std::array<std::array<State, 4>, 4> kNextState{{
    /* AdminDown */ {State::kAdminDown, State::kAdminDown, State::kAdminDown, State::kAdminDown},
    /* Down      */ {State::kDown, State::kInit, State::kUp, State::kDown},
    /* Init      */ {State::kDown, State::kInit, State::kUp, State::kUp},
    /* Up        */ {State::kDown, State::kDown, State::kUp, State::kUp},
}};

}  // namespace

Session::Session(std::uint32_t discriminator, const SessionSettings& settings, std::uint64_t seed)
    : random_(seed | 1),  // the generator must not start from 0
      applied_min_tx_(std::max(settings.desired_min_tx, kSlowInterval)),
      applied_min_rx_(settings.required_min_rx),
      discriminator_(discriminator),
      settings_(settings),
      transmit_sequence_(static_cast<std::uint32_t>(seed >> 16)) {}

// --- receiving -----------------------------------------------------------------------------------

std::optional<Refusal> Session::receive(const ControlPacket& packet,
                                        std::span<const std::uint8_t> octets, Instant now) {
  if (const auto refusal = authenticate(packet, octets, now)) return refusal;
  if (state_ == State::kUp && received_at_ != Instant{}) {
    note_gap(now - received_at_);
  }
  received_at_ = now;
  learn(packet, now);
  if (state_ == State::kAdminDown) return Refusal::kAdministrativelyDown;
  follow(packet.state, now);
  if (packet.flags.poll) final_due_ = true;
  detect_at_ = now + detection_time();
  return std::nullopt;
}

void Session::note_gap(Interval gap) {
  if (gap <= longest_gap_) return;
  longest_gap_ = gap;
  ++revision_;
}

std::optional<Refusal> Session::authenticate(const ControlPacket& packet,
                                             std::span<const std::uint8_t> octets, Instant now) {
  const bool wanted = settings_.authentication.type != AuthType::kNone;
  if (packet.flags.authenticated != wanted) {
    return wanted ? Refusal::kAuthMissing : Refusal::kAuthUnexpected;
  }
  if (!wanted) return std::nullopt;
  // Section 6.8.1, bfd.AuthSeqKnown: forgotten after twice the detection time.
  if (window_.known && now - received_at_ > 2 * Interval{detection_time()}) window_.known = false;
  window_.multiplier = packet.multiplier;
  return check(settings_.authentication, octets, window_);
}

void Session::learn(const ControlPacket& packet, Instant now) {
  const Remote heard{.state = packet.state,
                     .diagnostic = packet.diagnostic,
                     .discriminator = packet.my_discriminator,
                     .flags = packet.flags,
                     .multiplier = packet.multiplier,
                     .min_rx = packet.required_min_rx,
                     .desired_min_tx = packet.desired_min_tx,
                     .min_echo_rx = packet.required_min_echo_rx};
  if (heard == remote_ && !packet.flags.final) return;
  const Microseconds before = transmit_interval();
  const bool was_silent = !sends_periodically();
  remote_ = heard;
  ++revision_;
  if (polling_ && packet.flags.final) end_poll();
  if (was_silent) {
    send_at_ = now;
  } else if (transmit_interval() != before) {
    plan(sent_at_);
  }
}

void Session::follow(State received, Instant now) {
  const State next =
      kNextState[static_cast<std::size_t>(state_)][static_cast<std::size_t>(received)];
  if (next == state_) return;
  const bool down = next == State::kDown;
  enter(next, down ? Diagnostic::kNeighborSignaledDown : Diagnostic::kNone,
        received == State::kAdminDown ? Cause::kAdministrative : Cause::kFailure, now);
}

// --- timers and commands -------------------------------------------------------------------------

void Session::expire(Instant now) {
  if (detect_at_ > now) return;
  detect_at_ = kNever;
  ++revision_;
  // Section 6.8.1: the other side may come back as another one.
  remote_.discriminator = 0;
  remote_.state = State::kDown;
  remote_.flags.demand = false;
  remote_.min_rx = Microseconds{1};
  if (state_ == State::kInit || state_ == State::kUp) {
    enter(State::kDown, Diagnostic::kDetectionTimeExpired, Cause::kFailure, now);
  }
}

void Session::echo_failed(Instant now) {
  if (state_ == State::kUp) enter(State::kDown, Diagnostic::kEchoFailed, Cause::kFailure, now);
}

void Session::path_down(Instant now) {
  if (state_ == State::kInit || state_ == State::kUp) {
    enter(State::kDown, Diagnostic::kPathDown, Cause::kFailure, now);
  }
}

void Session::set_admin(Admin admin, Instant now) {
  if (admin == Admin::kDown) {
    enter(State::kAdminDown, Diagnostic::kAdministrativelyDown, Cause::kAdministrative, now);
  } else if (state_ == State::kAdminDown) {
    enter(State::kDown, Diagnostic::kNone, Cause::kAdministrative, now);
  }
}

void Session::change(const SessionSettings& settings, Instant now) {
  const SessionSettings before = settings_;
  settings_ = settings;
  if (settings_ == before) return;
  ++revision_;
  const bool up = state_ == State::kUp;
  // Section 6.8.3: slower packets only when the other side knows, and slower detection at once.
  if (!up || settings_.desired_min_tx < before.desired_min_tx) {
    applied_min_tx_ = advertised_min_tx();
  }
  if (!up || settings_.required_min_rx > before.required_min_rx) {
    applied_min_rx_ = settings_.required_min_rx;
  }
  if (up) begin_poll();
  if (detect_at_ != kNever) detect_at_ = received_at_ + detection_time();
  plan(sent_at_);
  news_ = true;
  static_cast<void>(now);
}

void Session::enter(State to, Diagnostic why, Cause cause, Instant now) {
  if (to == state_) return;
  const State from = state_;
  state_ = to;
  diagnostic_ = why;
  ++changes_;
  ++revision_;
  if (from == State::kUp) {
    last_down_reason_ = why;
    if (cause == Cause::kFailure) ++failures_;
    polling_ = poll_again_ = false;
    applied_min_rx_ = settings_.required_min_rx;
  }
  if (to == State::kUp) {
    longest_gap_ = Interval{0};
    // Section 6.8.3: the interval changes with the state, so it is told by a poll.
    if (advertised_min_tx() != kSlowInterval) begin_poll();
  }
  applied_min_tx_ = advertised_min_tx();
  news_ = true;
  plan(now);
}

void Session::begin_poll() {
  poll_again_ = polling_;
  polling_ = true;
}

void Session::end_poll() {
  // It asked for settings that are no longer the last ones; the last ones have to be asked for
  // before they hold (section 6.8.3).
  if (std::exchange(poll_again_, false)) return;
  applied_min_tx_ = advertised_min_tx();
  applied_min_rx_ = settings_.required_min_rx;
  polling_ = false;
}

// --- sending -------------------------------------------------------------------------------------

Microseconds Session::advertised_min_tx() const {
  return state_ == State::kUp ? settings_.desired_min_tx
                              : std::max(settings_.desired_min_tx, kSlowInterval);
}

std::size_t Session::write(std::span<std::uint8_t> out, Instant now) {
  ControlPacket packet;
  packet.diagnostic = diagnostic_;
  packet.state = state_;
  packet.flags.final = std::exchange(final_due_, false);
  packet.flags.poll = polling_ && !packet.flags.final;  // never both (section 6.5)
  // Sessions are on the workers, as forwarding is: no disruption of the control plane that they
  // don't survive leaves forwarding alive, so their silence never means less (section 6.8.7).
  packet.flags.control_plane_independent = true;
  packet.flags.authenticated = settings_.authentication.type != AuthType::kNone;
  packet.multiplier = settings_.multiplier;
  packet.my_discriminator = discriminator_;
  packet.your_discriminator = remote_.discriminator;
  packet.desired_min_tx = advertised_min_tx();
  packet.required_min_rx = settings_.required_min_rx;
  packet.required_min_echo_rx = settings_.required_min_echo_rx;
  const std::size_t size = kControlSize + section_size(settings_.authentication);
  packet.length = static_cast<std::uint8_t>(size);
  encode(packet, out);
  sign(settings_.authentication, ++transmit_sequence_, out.first(size));
  note_sent(now);
  return size;
}

}  // namespace lastmile::bfd
