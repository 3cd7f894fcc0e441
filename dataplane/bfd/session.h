// One BFD session (RFC 5880 section 6): its state machine, its timers, what it sends.
//
//   Session session{discriminator, settings, seed};
//   if (const auto refusal = session.receive(packet, octets, now)) count(*refusal);
//   session.expire(now);                                        // when deadline() has come
//   if (session.must_send(now)) send(session.write(buffer, now));
//
//        ┌──────────────── recv Down, Init ───────────────┐
//        │            recv Down         recv Init, Up     ▼
//      Down ────────────────────► Init ────────────────► Up
//        ▲        detection time    │    detection time   │
//        └──────────────────────────┴─────────────────────┘  or recv Down, AdminDown
//
// A function of what it is told: no clock, no socket, no allocation. One thread: the worker that
// owns it.
//
// Demand mode is never asked for. A peer that asks for it gets what section 6.6 promises: we cease
// periodic packets while both sides are Up, and answer its polls.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/bfd/authentication.h"
#include "dataplane/bfd/clock.h"
#include "dataplane/bfd/wire.h"

namespace lastmile::bfd {

/// Section 6.1: does a system speak before it is spoken to?
enum class Role : std::uint8_t { kActive, kPassive };

/// Section 6.8.16: may the session run?
enum class Admin : std::uint8_t { kEnabled, kDown };

struct SessionSettings {
  Microseconds desired_min_tx{300'000};
  Microseconds required_min_rx{300'000};
  Microseconds required_min_echo_rx{0};  ///< 0: we reflect no echo
  std::uint8_t multiplier = 3;
  Role role = Role::kActive;
  Authentication authentication{};

  friend bool operator==(const SessionSettings&, const SessionSettings&) = default;
};

/// Section 6.8.3: as long as the session is not Up, packets are at least this far apart.
inline constexpr Microseconds kSlowInterval{1'000'000};

class Session {
 public:
  /// `discriminator`: not 0, and no other session's. `seed`: for jitter and the first sequence
  /// number.
  Session(std::uint32_t discriminator, const SessionSettings& settings, std::uint64_t seed);

  // ---- what happens

  /// A packet that decode() took and that belongs to this session. `octets`: all of it, exactly as
  /// long as its length field says. A refusal changes nothing.
  std::optional<Refusal> receive(const ControlPacket& packet, std::span<const std::uint8_t> octets,
                                 Instant now);
  /// Ends what has run out.
  void expire(Instant now);
  /// The echo function lost its packets (section 6.8.5).
  void echo_failed(Instant now);
  /// The link under the session is gone (section 6.8.17 calls it path down).
  void path_down(Instant now);
  void set_admin(Admin admin, Instant now);
  /// What was said may not have been heard: says it again, now.
  void remind() { news_ = true; }
  /// New parameters; an Up session stays Up (section 6.8.3).
  void change(const SessionSettings& settings, Instant now);

  // ---- what is to be sent

  [[nodiscard]] bool must_send(Instant now) const {
    if (final_due_) return true;
    return sends_periodically() && (news_ || send_at_ <= now);
  }
  /// Writes the next packet, authentication included, and plans the one after it. `out` holds
  /// kLargestControl octets. Returns how many it took.
  std::size_t write(std::span<std::uint8_t> out, Instant now);
  /// When expire() or must_send() has something to do; may lie in the past, kNever: not before the
  /// next packet.
  [[nodiscard]] Instant deadline() const {
    if (final_due_) return Instant::min();
    if (!sends_periodically()) return detect_at_;
    return news_ ? Instant::min() : std::min(detect_at_, send_at_);
  }

  // ---- what is known

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] Diagnostic diagnostic() const { return diagnostic_; }
  [[nodiscard]] State remote_state() const { return remote_.state; }
  [[nodiscard]] Diagnostic remote_diagnostic() const { return remote_.diagnostic; }
  [[nodiscard]] std::uint32_t discriminator() const { return discriminator_; }
  [[nodiscard]] std::uint32_t remote_discriminator() const { return remote_.discriminator; }
  [[nodiscard]] const Flags& remote_flags() const { return remote_.flags; }
  [[nodiscard]] std::uint8_t remote_multiplier() const { return remote_.multiplier; }
  [[nodiscard]] const SessionSettings& settings() const { return settings_; }
  [[nodiscard]] bool polling() const { return polling_; }
  /// Between our packets, before jitter (section 6.8.7).
  [[nodiscard]] Microseconds transmit_interval() const {
    return std::max(applied_min_tx_, remote_.min_rx);
  }
  /// Section 6.8.4; 0 before the first packet.
  [[nodiscard]] Microseconds detection_time() const {
    return times(remote_.multiplier, std::max(applied_min_rx_, remote_.desired_min_tx));
  }
  /// How often the other side may be sent echo packets; 0: never.
  [[nodiscard]] Microseconds remote_min_echo_rx() const { return remote_.min_echo_rx; }
  /// How often the state has changed, and how often from Up for a reason that is a failure
  /// (RFC 5882 section 3.2: administrative changes are none).
  [[nodiscard]] std::uint32_t changes() const { return changes_; }
  [[nodiscard]] std::uint32_t failures() const { return failures_; }
  /// Why the session last left Up.
  [[nodiscard]] Diagnostic last_down_reason() const { return last_down_reason_; }
  /// Longest time between two packets while Up.
  [[nodiscard]] Interval longest_gap() const { return longest_gap_; }
  /// Another number whenever anything of the above may have changed: with most packets nothing
  /// does.
  [[nodiscard]] std::uint32_t revision() const { return revision_; }

  // ---- when nothing is new: what an Up session does all day, in a few instructions

  /// Takes a packet that is, octet for octet, one that receive() took at this revision() without
  /// making another. False if it has to go through receive() after all; nothing has happened then.
  [[nodiscard]] bool receive_again(Instant now) {
    if (state_ == State::kUp && now - received_at_ > longest_gap_) return false;
    received_at_ = now;
    detect_at_ = now + detection_time();
    return true;
  }
  /// Would write() at the same revision() make the same octets again? Not with a sequence number in
  /// them, and not if a poll waits for its answer.
  [[nodiscard]] bool writes_the_same() const {
    return !final_due_ && settings_.authentication.type == AuthType::kNone;
  }
  /// The packet that write() made before goes out again: plans the one after it.
  void note_sent(Instant now) {
    news_ = false;
    sent_at_ = now;
    plan(now);
  }
  /// The silence lasts too long: expire() has something to do.
  [[nodiscard]] bool is_expired(Instant now) const { return detect_at_ <= now; }

 private:
  enum class Cause : std::uint8_t { kFailure, kAdministrative };
  /// What the other side's last packet said. Most packets say what the one before them did.
  struct Remote {
    State state = State::kDown;
    Diagnostic diagnostic = Diagnostic::kNone;
    std::uint32_t discriminator = 0;
    Flags flags{};
    std::uint8_t multiplier = 0;
    Microseconds min_rx{1};
    Microseconds desired_min_tx{0};
    Microseconds min_echo_rx{0};

    friend bool operator==(const Remote&, const Remote&) = default;
  };

  std::optional<Refusal> authenticate(const ControlPacket& packet,
                                      std::span<const std::uint8_t> octets, Instant now);
  void note_gap(Interval gap);
  void learn(const ControlPacket& packet, Instant now);
  void follow(State received, Instant now);
  void enter(State to, Diagnostic why, Cause cause, Instant now);
  void begin_poll();
  void end_poll();
  [[nodiscard]] Microseconds advertised_min_tx() const;
  [[nodiscard]] bool sends_periodically() const {
    const bool demand =
        remote_.flags.demand && state_ == State::kUp && remote_.state == State::kUp && !polling_;
    return may_speak() && remote_.min_rx.count() != 0 && !demand;
  }
  /// Section 6.8.7.
  [[nodiscard]] bool may_speak() const {
    return !(settings_.role == Role::kPassive && remote_.discriminator == 0);
  }
  void plan(Instant from) { send_at_ = from + jittered(transmit_interval()); }
  /// Section 6.8.7: 75 to 100 % of the interval; at most 90 % with a multiplier of 1, so that a
  /// single packet on its way does not look lost.
  Interval jittered(Interval interval) {
    random_ ^= random_ << 13U;
    random_ ^= random_ >> 7U;
    random_ ^= random_ << 17U;
    const std::uint64_t span = settings_.multiplier == 1 ? 15 : 25;
    // Hundredths of a percent; a product in place of a remainder, which would be a division.
    const auto part = static_cast<std::int64_t>((random_ >> 32U) * (span * 100) >> 32U);
    return interval * 3 / 4 + interval * part / 10'000;
  }

  // In the order of use: a packet that says nothing new touches the first two cache lines, of which
  // the key of the settings is not one.
  Instant received_at_{};
  Instant detect_at_ = kNever;
  Instant sent_at_{};
  Instant send_at_ = Instant::min();
  Interval longest_gap_{0};
  std::uint64_t random_;
  std::uint32_t revision_ = 1;

  // Section 6.8.1, by the names there.
  State state_ = State::kDown;
  Diagnostic diagnostic_ = Diagnostic::kNone;

  bool polling_ = false;
  bool poll_again_ = false;  ///< parameters changed while a poll was under way
  bool final_due_ = false;
  bool news_ = true;  ///< something to say before the interval is over
  Remote remote_;

  // Section 6.8.3: what we go by until the other side has acknowledged a change.
  Microseconds applied_min_tx_;
  Microseconds applied_min_rx_;
  std::uint32_t discriminator_;
  SessionSettings settings_;

  std::uint32_t transmit_sequence_;
  SequenceWindow window_{};
  std::uint32_t changes_ = 0;
  std::uint32_t failures_ = 0;
  Diagnostic last_down_reason_ = Diagnostic::kNone;
};

}  // namespace lastmile::bfd
