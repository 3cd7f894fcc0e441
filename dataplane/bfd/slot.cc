#include "dataplane/bfd/slot.h"

namespace lastmile::bfd {
namespace {

std::uint64_t count(Microseconds time) {
  return time.count();
}
std::uint64_t count(Interval time) {
  return static_cast<std::uint64_t>(time.count());
}

}  // namespace

void Slot::show(SessionStatus& status) const {
  status.discriminator.set(spec.discriminator);
  status.state.set(static_cast<std::uint64_t>(state()));
  status.diagnostic.set(static_cast<std::uint64_t>(diagnostic()));
  status.failures.set(failures());
  if (control) {
    const Session& session = *control;
    status.remote_state.set(static_cast<std::uint64_t>(session.remote_state()));
    status.remote_diagnostic.set(static_cast<std::uint64_t>(session.remote_diagnostic()));
    status.last_down_reason.set(static_cast<std::uint64_t>(session.last_down_reason()));
    status.remote_discriminator.set(session.remote_discriminator());
    status.remote_multiplier.set(session.remote_multiplier());
    status.transmit_interval_us.set(count(session.transmit_interval()));
    status.receive_interval_us.set(count(session.settings().required_min_rx));
    status.detection_us.set(count(session.detection_time()));
    status.polling.set(session.polling() ? 1 : 0);
    status.remote_demand.set(session.remote_flags().demand ? 1 : 0);
    status.remote_independent.set(session.remote_flags().control_plane_independent ? 1 : 0);
    status.changes.set(session.changes());
    status.longest_gap_ns.set(count(session.longest_gap()));
  } else if (echo) {
    status.remote_state.set(static_cast<std::uint64_t>(echo->state()));
    status.last_down_reason.set(static_cast<std::uint64_t>(
        echo->failures() > 0 ? Diagnostic::kEchoFailed : Diagnostic::kNone));
    status.transmit_interval_us.set(count(echo->interval()));
    status.receive_interval_us.set(count(echo->interval()));
    status.detection_us.set(count(echo->detection_time()));
    status.longest_gap_ns.set(count(echo->longest_gap()));
  }
  if (!echo) return status.echo_state.set(static_cast<std::uint64_t>(State::kAdminDown));
  status.echo_state.set(static_cast<std::uint64_t>(echo->state()));
  status.echo_interval_us.set(count(echo->interval()));
  status.echo_detection_us.set(count(echo->detection_time()));
  status.echo_sent.set(echo->sent());
  status.echo_returned.set(echo->returned());
  status.echo_failures.set(echo->failures());
  status.round_trip_ns.set(count(echo->round_trip().last));
  status.round_trip_mean_ns.set(count(echo->round_trip().mean));
  status.round_trip_jitter_ns.set(count(echo->round_trip().jitter));
  status.round_trip_shortest_ns.set(count(echo->round_trip().shortest));
  status.round_trip_longest_ns.set(count(echo->round_trip().longest));
}

}  // namespace lastmile::bfd
