// What a worker shows of its BFD sessions: one record for each place, written by the worker with
// plain stores, read by any thread at any time. Each field is some value that it had; together they
// are not one moment.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/bfd/command.h"
#include "dataplane/bfd/refusal.h"
#include "dataplane/net/single_writer.h"
#include "dataplane/update/spsc_ring.h"

namespace lastmile::bfd {

using Gauge = SingleWriter;

// worker: writes; any thread: reads
struct alignas(64) SessionStatus {
  Gauge discriminator;  ///< of the session that this record is of; 0: none
  Gauge state, remote_state;
  Gauge diagnostic, remote_diagnostic, last_down_reason;
  Gauge remote_discriminator, remote_multiplier;
  Gauge transmit_interval_us, receive_interval_us, detection_us;
  Gauge polling, remote_demand, remote_independent;
  Gauge changes, failures;
  Gauge sent, received, refused;
  Gauge longest_gap_ns;
  Gauge echo_state, echo_interval_us, echo_detection_us, echo_sent, echo_returned, echo_reflected;
  Gauge echo_failures;
  Gauge round_trip_ns, round_trip_mean_ns, round_trip_jitter_ns, round_trip_shortest_ns,
      round_trip_longest_ns;
};

/// All of one worker.
class StatusBoard {
 public:
  StatusBoard() : sessions_(std::make_unique<std::array<SessionStatus, kMaxSessions>>()) {}

  [[nodiscard]] SessionStatus& operator[](SessionId id) { return (*sessions_)[id.value()]; }
  [[nodiscard]] const SessionStatus& operator[](SessionId id) const {
    return (*sessions_)[id.value()];
  }
  /// Packets refused, of all sessions and of none, by reason.
  std::array<Gauge, kRefusalCount> refusals;
  /// How late timers fired: the sum and the worst since the start, and how many there were.
  Gauge timers, lateness_ns, worst_lateness_ns;

 private:
  std::unique_ptr<std::array<SessionStatus, kMaxSessions>> sessions_;
};

/// Between the control thread and one worker. What goes back are events (worker/event_ring.h).
struct Channel {
  static constexpr std::size_t kCommands = 2048;

  SpscRing<Command> commands{kCommands};  // control: pushes; worker: takes
  StatusBoard status;                     // worker: writes; any thread: reads
};

}  // namespace lastmile::bfd
