// What `show bfd` sees.
#include <algorithm>

#include "daemon/show.h"
#include "dataplane/bfd/wire.h"

namespace lastmile {
namespace {

double microseconds(const bfd::Gauge& nanoseconds) {
  return static_cast<double>(nanoseconds.read()) / 1000;
}

std::string state_name(const bfd::Gauge& state) {
  return std::string{to_string(static_cast<bfd::State>(state.read()))};
}

std::string diagnostic_name(const bfd::Gauge& diagnostic) {
  return std::string{to_string(static_cast<bfd::Diagnostic>(diagnostic.read()))};
}

std::string echo_name(bfd::EchoMode mode, const bfd::SessionStatus& status) {
  switch (mode) {
    case bfd::EchoMode::kOff:
      return "off";
    case bfd::EchoMode::kOn:
      return static_cast<bfd::State>(status.echo_state.read()) == bfd::State::kUp ? "up"
                                                                                  : "waiting";
    case bfd::EchoMode::kUnaffiliated:
      return "unaffiliated";
  }
  return "off";
}

void add_echo(BfdView& view, const bfd::SessionStatus& status) {
  view.echo_interval_us = status.echo_interval_us.read();
  view.echo_sent = status.echo_sent.read();
  view.echo_returned = status.echo_returned.read();
  if (view.echo_returned == 0) return;
  view.rtt_us = microseconds(status.round_trip_ns);
  view.rtt_mean_us = microseconds(status.round_trip_mean_ns);
  view.rtt_jitter_us = microseconds(status.round_trip_jitter_ns);
  view.rtt_min_us = microseconds(status.round_trip_shortest_ns);
  view.rtt_max_us = microseconds(status.round_trip_longest_ns);
}

BfdView view_of(const BfdSessionView& session) {
  const bfd::SessionStatus& status = *session.status;
  const bfd::SessionParameters& parameters = session.spec.parameters;
  BfdView view;
  view.neighbor = session.neighbor;
  view.address = session.address;
  view.local_address = session.spec.local;
  if (session.spec.is_multihop()) view.minimum_ttl = session.spec.least_hop_limit;
  view.clients = session.clients;
  view.profile = session.profile;
  view.multiplier = parameters.control.multiplier;
  view.offload = "none";
  view.auth = to_string(parameters.control.authentication.type);
  view.discriminator = session.spec.discriminator;
  view.state = view.remote_state = "down";
  view.echo = echo_name(parameters.echo_mode, status);
  // A session that its worker has not taken up yet has no record.
  if (status.discriminator.read() != session.spec.discriminator) return view;
  view.state = state_name(status.state);
  view.remote_state = state_name(status.remote_state);
  if (session.up_for)
    view.uptime = std::chrono::duration_cast<std::chrono::seconds>(*session.up_for);
  view.interval_us = status.transmit_interval_us.read();
  view.receive_interval_us = status.receive_interval_us.read();
  view.detect_us = status.detection_us.read();
  view.diagnostic = diagnostic_name(status.diagnostic);
  view.remote_diagnostic = diagnostic_name(status.remote_diagnostic);
  if (status.last_down_reason.read() != 0) {
    view.last_down_reason = diagnostic_name(status.last_down_reason);
  }
  view.remote_independent = status.remote_independent.read() != 0;
  view.remote_discriminator = status.remote_discriminator.read();
  view.sent = status.sent.read();
  view.received = status.received.read();
  view.refused = status.refused.read();
  view.state_changes = status.changes.read();
  view.failures = status.failures.read();
  view.longest_gap_us = microseconds(status.longest_gap_ns);
  view.echo_reflected = status.echo_reflected.read();
  if (parameters.echo_mode != bfd::EchoMode::kOff) add_echo(view, status);
  return view;
}

}  // namespace

BfdStatusView Show::bfd() const {
  BfdStatusView result;
  for (const BfdSessionView& session : from_.control.bfd().sessions(ControlClock::now())) {
    result.sessions.push_back(view_of(session));
    if (session.port) result.sessions.back().port = port_name(*session.port);
  }
  const BfdWires& wires = from_.forwarding.bfd();
  std::uint64_t lateness = 0;
  std::uint64_t worst = 0;
  std::array<std::uint64_t, bfd::kRefusalCount> refused{};
  for (unsigned worker = 0; worker < wires.workers(); ++worker) {
    const bfd::StatusBoard& board = wires.board(worker);
    result.timers += board.timers.read();
    lateness += board.lateness_ns.read();
    worst = std::max(worst, board.worst_lateness_ns.read());
    for (std::size_t i = 0; i < refused.size(); ++i) refused[i] += board.refusals[i].read();
  }
  if (result.timers != 0) {
    result.mean_lateness_us =
        static_cast<double>(lateness) / static_cast<double>(result.timers) / 1e3;
  }
  result.worst_lateness_us = static_cast<double>(worst) / 1e3;
  for (std::size_t i = 0; i < refused.size(); ++i) {
    if (refused[i] == 0) continue;
    result.refused.push_back(
        {std::string{bfd::kRefusals[i].name}, std::string{bfd::kRefusals[i].text}, refused[i]});
  }
  return result;
}

}  // namespace lastmile
