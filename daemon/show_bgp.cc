// What `show bgp` sees.
#include <algorithm>
#include <chrono>

#include "daemon/show.h"

namespace lastmile {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

const char* name_of(bgp::Family family) {
  return family == bgp::Family::kIpv4Unicast ? "ipv4" : "ipv6";
}

std::uint64_t sum(const rib::PathCounts& counts) {
  std::uint64_t total = 0;
  for (const std::uint32_t count : counts) total += count;
  return total;
}

}  // namespace

std::vector<NeighborView> Show::bgp_neighbors() const {
  std::vector<NeighborView> views;
  for (const bgp::PeerStatus& status : from_.control.sessions().status(ControlClock::now())) {
    NeighborView view;
    view.name = status.name;
    const auto& neighbors = from_.config.bgp.neighbors;
    const auto configured = std::ranges::find(neighbors, status.name, &BgpNeighborConfig::name);
    if (configured != neighbors.end()) view.description = configured->description;
    if (status.port) view.port = port_name(*status.port);
    view.address = status.address;
    if (status.negotiated) {
      view.remote_asn = status.negotiated->remote_asn;
      view.remote_id = status.negotiated->remote_identifier;
      view.hold_time = status.negotiated->hold_time;
      for (const bgp::Family family : status.negotiated->families) {
        view.families.emplace_back(name_of(family));
      }
    } else if (status.expected_asn.kind == RemoteAsn::Kind::kNumber) {
      view.remote_asn = status.expected_asn.number;
    }
    view.state = to_string(status.state);
    if (status.state == bgp::SessionState::kEstablished) {
      view.uptime = duration_cast<seconds>(status.uptime);
    }
    const rib::PeerCounts counts = from_.control.rib().counts(status.id);
    view.received = sum(counts.received);
    view.accepted = sum(counts.accepted);
    view.advertised = sum(counts.advertised);
    view.messages_received = status.history.received.total();
    view.messages_sent = status.history.sent.total();
    view.established_count = status.history.established;
    view.detail = status.detail;
    view.passive = status.passive;
    // Why the last session ended, whatever attempts there were since: the peer's shutdown message
    // is to be read for longer than a second. A connection that lost against another one before the
    // session came up is no error to show.
    if (status.history.dropped != 0) {
      view.last_error = status.history.last_down;
    } else if (status.state != bgp::SessionState::kEstablished) {
      view.last_error = status.history.last_error;
    }
    view.treat_as_withdraw = status.history.treat_as_withdraw;
    view.attribute_discard = status.history.attribute_discard;
    view.last_fault = status.history.last_fault;
    view.restarting = status.restarting;
    view.long_lived = status.last_choice;
    view.stale = sum(counts.stale);
    view.awaited = from_.control.rib().awaits(status.id);
    const auto& announced = status.announced.graceful_restart;
    if (announced && !announced->families.empty()) {
      LocalRestartView& local = view.local_restart.emplace();
      local.restart_time = seconds{announced->restart_time_s};
      local.restarted = announced->restarted;
      for (const auto& kept : announced->families) {
        if (kept.forwarding) local.forwarding.emplace_back(name_of(kept.family));
      }
    }
    if (status.negotiated && status.negotiated->graceful_restart) {
      const bgp::GracefulRestart& agreed = *status.negotiated->graceful_restart;
      GracefulRestartView& restart = view.graceful_restart.emplace();
      restart.restart_time = seconds{agreed.restart_time_s};
      restart.notifications = agreed.notifications;
      for (const auto& kept : agreed.families) {
        restart.families.emplace_back(name_of(kept.family));
      }
    }
    const auto& settings = from_.control.sessions().settings(status.id);
    if (settings.role) view.role = bgp::facts(*settings.role).name;
    if (!status.received.roles.empty()) {
      view.remote_role = bgp::role_name(status.received.roles.front());
    }
    views.push_back(std::move(view));
  }
  return views;
}

}  // namespace lastmile
