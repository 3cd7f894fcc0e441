// How long a peer waits before it tries again: jitter and backoff.
//
// Two things go wrong differently. A peer that can't be reached costs one SYN an attempt, so we
// keep trying briskly: its interval grows to four times the configured one. A peer with which
// sessions start and then fail again and again costs both sides work (RFC 4271 section 8.1.1,
// DampPeerOscillations): its interval doubles each time, up to a minute.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "controlplane/event/time.h"

namespace lastmile::bgp {

/// Random factor of 0.75 to 1.0 on BGP timers (RFC 4271 section 10). Seeded, so a replayed run sees
/// the same timers.
class Jitter {
 public:
  explicit Jitter(std::uint64_t seed) : state_(seed) {}

  [[nodiscard]] Duration apply(Duration nominal) {
    constexpr std::uint64_t kSteps = 1U << 16;
    const auto step = static_cast<Duration::rep>(next() % kSteps);
    return nominal - nominal / 4 * step / static_cast<Duration::rep>(kSteps);
  }

 private:
  /// SplitMix64.
  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

/// Counts failures since the last good session and turns them into the next interval.
class Backoff {
 public:
  /// A session that stood this long was a good one.
  static constexpr Duration kStableAfter = std::chrono::seconds{30};
  static constexpr Duration kLongest = std::chrono::seconds{60};

  explicit Backoff(Duration base) : base_(base) {}

  /// The peer was not reached, or went away before it said OPEN.
  void unreachable() { ++unreachable_; }
  /// A session failed.
  void flapped() { ++flaps_; }
  /// The peer was reached.
  void reached() { unreachable_ = 0; }
  /// Start over: the last session was a good one, or the peer's circumstances have changed.
  void forget() { unreachable_ = flaps_ = 0; }

  [[nodiscard]] Duration base() const { return base_; }
  /// From the failure to the next attempt, before jitter.
  [[nodiscard]] Duration interval() const {
    const Duration reach = doubled(unreachable_, 2);
    const Duration damp = std::min(doubled(flaps_, 16), std::max(kLongest, base_));
    return std::max(reach, damp);
  }

 private:
  [[nodiscard]] Duration doubled(unsigned failures, unsigned limit) const {
    return base_ * (1LL << std::min(failures > 0 ? failures - 1 : 0, limit));
  }

  Duration base_;
  unsigned unreachable_ = 0;
  unsigned flaps_ = 0;
};

}  // namespace lastmile::bgp
