// Echo: packets of our own that the neighbor's forwarding path returns.
//
//   EchoProbe probe{settings, seed};
//   if (probe.must_send(now)) send(probe.write(buffer, now));
//   const auto refusal = probe.receive(payload, port, now);     // came back
//   probe.expire(now);                                          // when deadline() has come
//
// Nothing is asked of the neighbor but to forward, so it detects the loss of a path through a
// router that knows no BFD (RFC 9747), at a rate that only the path limits.
//
//   Down ── returned ──> Init ── returned ──> Up ── none for multiplier × interval ──> Down
//
// The payload is a control packet as RFC 9747 section 4 has it (our discriminator in both places),
// and behind it a sequence number, the time of sending, the port, and a keyed digest of it all: so
// nobody can keep a dead path alive with packets that he has made up or recorded. A sequence number
// counts once, and only on the port that it left by.
//
// One thread: the worker that owns it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/bfd/clock.h"
#include "dataplane/bfd/refusal.h"
#include "dataplane/bfd/session.h"
#include "dataplane/bfd/siphash.h"
#include "dataplane/bfd/wire.h"
#include "dataplane/net/strong_id.h"

namespace lastmile::bfd {

inline constexpr std::size_t kEchoSize = 56;

/// May a session that is not Up send as fast as one that is?
enum class EchoStart : std::uint8_t {
  kSlow,  ///< once a second until the first has returned
  kFast,  ///< at its interval: the neighbor has said that it may
};

struct EchoSettings {
  Microseconds interval{50'000};
  std::uint8_t multiplier = 3;
  EchoStart start = EchoStart::kSlow;

  friend bool operator==(const EchoSettings&, const EchoSettings&) = default;
};

class EchoProbe {
 public:
  EchoProbe(std::uint32_t discriminator, PortId port, const EchoSettings& settings,
            const SipKey& key, std::uint64_t seed);

  [[nodiscard]] bool must_send(Instant now) const { return send_at_ <= now; }
  /// Writes the next payload; `out` holds kEchoSize octets.
  void write(std::span<std::uint8_t> out, Instant now);
  /// A payload that came back by `port`. A refusal changes nothing.
  std::optional<Refusal> receive(std::span<const std::uint8_t> payload, PortId port, Instant now);
  void expire(Instant now);
  /// Something else has told that the path is gone.
  void fail(Instant now);
  [[nodiscard]] Instant deadline() const;

  /// What change() and reset() leave: Down, until packets return again.
  void change(const EchoSettings& settings, Instant now);
  void reset(Instant now);

  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] std::uint32_t failures() const { return failures_; }
  [[nodiscard]] const EchoSettings& settings() const { return settings_; }
  [[nodiscard]] Microseconds interval() const {
    const bool slow = state_ == State::kDown && settings_.start == EchoStart::kSlow;
    return slow ? std::max(settings_.interval, kSlowInterval) : settings_.interval;
  }
  [[nodiscard]] Microseconds detection_time() const {
    return times(settings_.multiplier, interval());
  }

  /// Of the packets that returned: the last one's round-trip time, its running mean and its mean
  /// deviation (RFC 6298 section 2), the shortest and the longest.
  struct RoundTrip {
    Interval last{0}, mean{0}, jitter{0}, shortest{0}, longest{0};
  };
  [[nodiscard]] const RoundTrip& round_trip() const { return round_trip_; }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  [[nodiscard]] std::uint64_t returned() const { return returned_; }
  [[nodiscard]] Interval longest_gap() const { return longest_gap_; }

 private:
  void measure(Interval time);
  void enter(State to, Instant now);

  std::uint32_t discriminator_;
  PortId port_;
  EchoSettings settings_;
  SipKey key_;
  std::uint64_t random_;
  State state_ = State::kDown;
  std::uint64_t sequence_;       ///< of the last one sent
  std::uint64_t seen_sequence_;  ///< highest one that returned
  Instant send_at_ = Instant::min();
  Instant detect_at_ = kNever;
  Instant returned_at_{};
  RoundTrip round_trip_{};
  std::uint64_t sent_ = 0;
  std::uint64_t returned_ = 0;
  std::uint32_t failures_ = 0;
  Interval longest_gap_{0};
};

}  // namespace lastmile::bfd
