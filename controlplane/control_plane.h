// The whole control plane: neighbors, BGP sessions, the RIB, and who hears of what.
//
//   ControlPlane control(config, ports, plane, outside, {seed});
//   control.start(now);
//   loop.set_handler([&](Event&& event) { control.handle(event); });
//
//      LinkChanged ──────────> RIB (liveness first), sessions, router discovery
//      RouterAdvertisement… ─> router discovery ── neighbor found ──> sessions, RIB
//      Connection…, Bytes… ──> sessions ── established, update, down ──> RIB
//      LinkLayerNeighbor… ───> RIB (next hops), BFD
//      bfd::StateChanged ────> BFD ── failed, up ──> sessions, RIB (static routes)
//      FibProgressed ────────> RIB (announce what forwards)
//      ServiceChecked ───────> services ── announced, withdrawn ──> RIB
//
// What an operator would want to read of it afterwards goes into the journal.
//
// A function of its events: no clock, no socket, no thread. Work that would take long (decisions
// over a full table) is cut into slices by a timer of zero length, so other events come in between.
// Whatever changes something is told to the InputLog, if there is one, so that the run can be
// recorded and replayed (controlplane/record).
//
// All functions: control thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/bfd/bfd_manager.h"
#include "controlplane/bfd/watched_plane.h"
#include "controlplane/bgp/session/session_manager.h"
#include "controlplane/config/config.h"
#include "controlplane/event/effects.h"
#include "controlplane/event/input_log.h"
#include "controlplane/journal/journal.h"
#include "controlplane/neighbors/router_discovery.h"
#include "controlplane/rib/rib.h"
#include "controlplane/services/announced_services.h"

namespace lastmile {

class ControlPlane final : private NeighborObserver, private BfdObserver, private ServiceObserver {
 public:
  /// A port as the drivers opened it.
  struct Port {
    PortId id;
    MacAddress mac;  ///< the kernel twin has the same, so this gives our link-local address
  };
  /// All outlive the control plane.
  struct Outside {
    Transport& transport;
    Timers& timers;
    Neighborhood& neighborhood;
    BfdPlane& bfd;
    HealthChecker& checker;
    Journal& journal;
    InputLog* log = nullptr;
  };

  /// What a run begins with beside its configuration; the same and the same events give the same
  /// run.
  struct Beginning {
    std::uint32_t seed = 0;  ///< of the jitter of timers
    /// How long ago the process before ended without a word; nothing: it did not (RFC 4724).
    std::optional<Duration> away{};
  };

  ControlPlane(const Config& config, const std::vector<Port>& ports, rib::ForwardingPlane& plane,
               const Outside& outside, const Beginning& beginning);
  ~ControlPlane() override;

  /// Installs the configuration's own routes and starts the sessions. Ports count as down until a
  /// LinkChanged says otherwise.
  void start(TimePoint now);
  /// Anything but CommandReceived, which is the control socket's (controlplane/control).
  void handle(const Event& event);
  /// Takes up another configuration; the caller has seen to it that nothing in it needs a restart
  /// (config/differences.h), and replaces the one that the control plane was made with after it.
  void apply(const Config& wanted, TimePoint now);
  /// The operator's word about a service; the error is one line.
  [[nodiscard]] tl::expected<void, std::string> set_service(const std::string& name,
                                                            ServiceOverride wanted, TimePoint now);
  /// Ends every session: BGP with Cease/Administrative Shutdown, BFD with AdminDown.
  void stop(const std::string& reason, TimePoint now);

  // For `show`.
  [[nodiscard]] const bgp::SessionManager& sessions() const { return sessions_; }
  [[nodiscard]] const rib::Rib& rib() const { return rib_; }
  [[nodiscard]] const RouterDiscovery& discovery() const { return discovery_; }
  [[nodiscard]] const BfdManager& bfd() const { return bfd_; }
  [[nodiscard]] const AnnouncedServices& services() const { return services_; }

 private:
  class SessionFanout;

  void on_bfd_up(bgp::PeerId peer, TimePoint now) override;
  void on_bfd_failed(bgp::PeerId peer, const std::string& reason, TimePoint now) override;
  void on_bfd_spared(bgp::PeerId peer, TimePoint now) override;
  void on_bfd_path(const WatchedHop& hop, rib::PathState state, TimePoint now) override;
  void on_neighbor_discovered(PortId port, const Ipv6Address& address, TimePoint now) override;
  void on_neighbor_lost(PortId port, TimePoint now) override;
  void on_service(const ServiceConfig& service, ServiceAppearance appearance,
                  const std::string& reason, TimePoint now) override;

  void dispatch(const Event& event);
  void timer_expired(const Event& event, const TimerExpired& expired);
  void work(TimePoint now, rib::Rib::Share share = rib::Rib::Share::kAll);
  void begin_restart();
  void note_link(const LinkChanged& change, TimePoint now);
  void note_applied(TimePoint now);
  [[nodiscard]] std::string peer_name(bgp::PeerId peer) const;
  /// Peers whose BGP waits for BFD don't start before it.
  void hold_for_bfd(const std::vector<bgp::PeerId>& peers, TimePoint now);

  const Config& config_;
  const std::vector<Port> ports_;
  Timers& timers_;
  InputLog* const log_;
  Journal& journal_;
  FibSequence noted_ = 0;  ///< operations of the forwarding tables that the journal knows of
  /// When the worker saw the BFD event that is being handled, if there is one.
  std::optional<TimePoint> seen_at_;
  RouterDiscovery discovery_;
  bgp::SessionManager sessions_;
  WatchedPlane plane_;
  BfdManager bfd_;
  rib::Rib rib_;
  AnnouncedServices services_;
  const std::optional<Duration> away_;
  bool restarting_ = false;  ///< what RFC 4724 section 4.1 says is still going on
  std::unique_ptr<SessionFanout> fanout_;
};

}  // namespace lastmile
