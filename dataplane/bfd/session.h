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

  [[nodiscard]] bool must_send(Instant now) const;
  /// Writes the next packet, authentication included, and plans the one after it. `out` holds
  /// kLargestControl octets. Returns how many it took.
  std::size_t write(std::span<std::uint8_t> out, Instant now);
  /// When expire() or must_send() has something to do; may lie in the past, kNever: not before the
  /// next packet.
  [[nodiscard]] Instant deadline() const;

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
  [[nodiscard]] Microseconds transmit_interval() const;
  /// Section 6.8.4; 0 before the first packet.
  [[nodiscard]] Microseconds detection_time() const;
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
  [[nodiscard]] bool sends_periodically() const;
  [[nodiscard]] bool may_speak() const;
  void plan(Instant from);
  Interval jittered(Interval interval);

  std::uint32_t discriminator_;
  SessionSettings settings_;
  std::uint64_t random_;

  // Section 6.8.1, by the names there.
  State state_ = State::kDown;
  Diagnostic diagnostic_ = Diagnostic::kNone;
  Remote remote_;
  std::uint32_t transmit_sequence_;
  SequenceWindow window_{};

  // Section 6.8.3: what we go by until the other side has acknowledged a change.
  Microseconds applied_min_tx_;
  Microseconds applied_min_rx_;
  bool polling_ = false;
  bool poll_again_ = false;  ///< parameters changed while a poll was under way

  bool final_due_ = false;
  bool news_ = true;  ///< something to say before the interval is over
  Instant sent_at_{};
  Instant send_at_ = Instant::min();
  Instant received_at_{};
  Instant detect_at_ = kNever;

  std::uint32_t changes_ = 0;
  std::uint32_t failures_ = 0;
  Diagnostic last_down_reason_ = Diagnostic::kNone;
  Interval longest_gap_{0};
  std::uint32_t revision_ = 1;
};

}  // namespace lastmile::bfd
