#include "controlplane/control_plane.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "dataplane/net/format.h"
#include "logging/log.h"
#include "logging/told.h"

namespace lastmile {
namespace {

constexpr TimerKey kWork{TimerKind::kRibWork, 0};

/// This router as every OPEN introduces it; the name is for the FQDN capability.
bgp::Speaker speaker(const Config& config, const std::optional<Duration>& away) {
  std::array<char, 256> buffer{};
  if (gethostname(buffer.data(), buffer.size() - 1) != 0) buffer[0] = '\0';
  const std::string_view name{buffer.data()};
  const std::size_t dot = name.find('.');
  std::vector<std::string> ports;
  for (const PortConfig& port : config.ports) ports.push_back(port.name);
  return {config.router.asn,
          config.router.id,
          std::string{name.substr(0, dot)},
          dot == std::string_view::npos ? "" : std::string{name.substr(dot + 1)},
          away,
          std::move(ports)};
}

/// The twins' own link-local addresses, which the kernel derives from the ports' MAC addresses,
/// belong into next hop self (RFC 2545 section 3) though no configuration names them.
std::vector<bgp::PeerSettings> peer_settings(const Config& config,
                                             const std::vector<ControlPlane::Port>& ports) {
  std::vector<bgp::PeerSettings> peers = bgp::peer_settings(config);
  for (bgp::PeerSettings& peer : peers) {
    if (!peer.port || peer.own_addresses.link_local) continue;
    for (const ControlPlane::Port& port : ports) {
      if (port.id == *peer.port) peer.own_addresses.link_local = port.mac.link_local();
    }
  }
  return peers;
}

std::vector<BfdManager::Port> bfd_ports(const std::vector<ControlPlane::Port>& ports) {
  std::vector<BfdManager::Port> result;
  for (const ControlPlane::Port& port : ports) result.push_back({port.id, port.mac});
  return result;
}

/// Events that come one upon the other while a table does are given a share of the work that
/// follows them, so that nothing else waits for all of it.
rib::Rib::Share share_after(const Event& event) {
  using Share = rib::Rib::Share;
  // What the tables answer is taken in with decisions.
  if (std::holds_alternative<BytesReceived>(event.what) ||
      std::holds_alternative<FibProgressed>(event.what)) {
    return Share::kDecisions;
  }
  // One from each neighbor that a table is announced to, when it reads on.
  if (std::holds_alternative<SendDrained>(event.what)) return Share::kNothing;
  const auto* expired = std::get_if<TimerExpired>(&event.what);
  return expired != nullptr && expired->timer == kWork ? Share::kInTurn : Share::kAll;
}

}  // namespace

/// What BGP sessions tell: the RIB hears all of it, BFD who the neighbor turned out to be, and the
/// journal how they come and go.
class ControlPlane::SessionFanout final : public bgp::SessionObserver {
 public:
  SessionFanout(rib::Rib& rib, BfdManager& bfd, ControlPlane& plane)
      : rib_(rib), bfd_(bfd), plane_(plane) {}

  void on_established(bgp::PeerId peer, const bgp::Negotiated& negotiated, TimePoint now) override {
    note(peer, now,
         fmt::format("Established with AS {} ({})", negotiated.remote_asn.value(),
                     negotiated.remote.address));
    rib_.on_established(peer, negotiated, now);
    bfd_.established(peer, negotiated.remote.address, now);
  }
  void on_update(bgp::PeerId peer, bgp::Update& update, TimePoint now) override {
    rib_.on_update(peer, update, now);
  }
  void on_route_refresh(bgp::PeerId peer, const bgp::RouteRefresh& refresh,
                        TimePoint now) override {
    rib_.on_route_refresh(peer, refresh, now);
  }
  void on_restarting(bgp::PeerId peer, const std::string& reason, TimePoint now) override {
    note(peer, now, fmt::format("restarts, its routes are kept: {}", reason));
    bfd_.restarting(peer);
    rib_.on_restarting(peer, reason, now);
  }
  void on_long_lived(bgp::PeerId peer, const bgp::LongLivedRestart& kept, TimePoint now) override {
    note(peer, now, "is away for long: its routes are the last choice");
    rib_.on_long_lived(peer, kept, now);
  }
  void on_down(bgp::PeerId peer, const std::string& reason, TimePoint now) override {
    note(peer, now, fmt::format("down: {}", reason));
    bfd_.down(peer);
    rib_.on_down(peer, reason, now);
  }
  void on_writable(bgp::PeerId peer, TimePoint now) override { rib_.on_writable(peer, now); }

 private:
  void note(bgp::PeerId peer, TimePoint now, std::string text) {
    plane_.journal_.record(now, JournalKind::kBgp, plane_.peer_name(peer), std::move(text));
  }

  rib::Rib& rib_;
  BfdManager& bfd_;
  ControlPlane& plane_;
};

ControlPlane::ControlPlane(const Config& config, const std::vector<Port>& ports,
                           rib::ForwardingPlane& plane, const Outside& outside,
                           const Beginning& beginning)
    : config_(config),
      ports_(ports),
      timers_(outside.timers),
      log_(outside.log),
      journal_(outside.journal),
      discovery_(outside.neighborhood, outside.timers, *this, beginning.seed),
      sessions_(speaker(config, beginning.away), peer_settings(config, ports), outside.transport,
                outside.timers, beginning.seed),
      plane_(plane),
      bfd_(config, bfd_ports(ports), {outside.bfd, outside.neighborhood, outside.timers, *this},
           beginning.seed),
      rib_(config, plane_, sessions_, outside.neighborhood, outside.timers),
      services_(config.services, {outside.checker, outside.timers, *this}),
      away_(beginning.away),
      fanout_(std::make_unique<SessionFanout>(rib_, bfd_, *this)) {
  plane_.set_watcher(&bfd_);
  for (const Port& port : ports) discovery_.add_port(port.id, port.mac.link_local());
}

ControlPlane::~ControlPlane() = default;

void ControlPlane::start(TimePoint now) {
  if (log_ != nullptr) log_->started(now);
  services_.start(now);  // before the first announcement
  for (const PortConfig& port : config_.ports) {
    const LinkChanged down{port.id, LinkState::kDown};
    rib_.on_link_changed(down);
    sessions_.handle(Event{now, down});
  }
  std::vector<bgp::PeerId> ids;
  for (std::size_t i = 0; i < config_.bgp.neighbors.size(); ++i) {
    ids.push_back(bgp::PeerId{static_cast<std::uint16_t>(i)});
  }
  bfd_.apply(config_, bgp::peer_settings(config_), ids, now);
  hold_for_bfd(ids, now);
  begin_restart();
  sessions_.start(*fanout_, now);
  work(now);
  if (log_ != nullptr) log_->handled();
}

void ControlPlane::apply(const Config& wanted, TimePoint now) {
  if (log_ != nullptr) log_->applied(wanted, now);
  const std::vector<bgp::PeerSettings> peers = peer_settings(wanted, ports_);
  const std::vector<bgp::PeerId> ids = sessions_.apply(peers, now);
  rib_.apply(wanted, ids, now);
  services_.apply(wanted.services, now);
  bfd_.apply(wanted, peers, ids, now);
  hold_for_bfd(ids, now);
  for (const Port& port : ports_) {
    if (const auto neighbor = discovery_.neighbor(port.id)) {
      sessions_.discovered(port.id, *neighbor, now);
      bfd_.neighbor_found(port.id, IpAddress{*neighbor}, now);
    }
  }
  work(now);
  if (log_ != nullptr) log_->handled();
}

/// This process takes up where another one was broken off, if that was so short ago that a neighbor
/// may still have our routes (RFC 4724 section 4.1).
void ControlPlane::begin_restart() {
  std::chrono::seconds longest{0};
  for (const BgpNeighborConfig& neighbor : config_.bgp.neighbors) {
    const GracefulRestartConfig& restart = neighbor.graceful_restart;
    if (restart.mode != GracefulRestartConfig::Mode::kRestarter) continue;
    longest = std::max(longest, restart.restart_time);
  }
  if (!away_ || *away_ > longest) return sessions_.restart_is_over();
  log::info("this is a restart after {} ms without a router",
            std::chrono::duration_cast<std::chrono::milliseconds>(*away_).count());
  restarting_ = true;
  rib_.defer_selection(longest);
}

void ControlPlane::hold_for_bfd(const std::vector<bgp::PeerId>& peers, TimePoint now) {
  for (const bgp::PeerId peer : peers) {
    bfd_.must_wait(peer) ? sessions_.hold(peer) : sessions_.release(peer, now);
  }
}

void ControlPlane::stop(const std::string& reason, TimePoint now) {
  if (log_ != nullptr) log_->stopped(reason, now);
  sessions_.stop(reason, now);
  bfd_.stop();
  if (log_ != nullptr) log_->handled();
}

void ControlPlane::handle(const Event& event) {
  if (log_ != nullptr) log_->event(event);
  dispatch(event);
  work(event.at, share_after(event));
  if (log_ != nullptr) log_->handled();
}

void ControlPlane::dispatch(const Event& event) {
  std::visit(
      [&](const auto& what) {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, LinkChanged>) {
          // Liveness before everything else: packets are being lost now.
          rib_.on_link_changed(what);
          note_link(what, event.at);
          sessions_.handle(event);
          bfd_.link_changed(what, event.at);
          discovery_.handle(what, event.at);
        } else if constexpr (std::is_same_v<What, TimerExpired>) {
          timer_expired(event, what);
        } else if constexpr (std::is_same_v<What, RouterAdvertisementHeard> ||
                             std::is_same_v<What, RouterSolicitationHeard>) {
          discovery_.handle(what, event.at);
        } else if constexpr (std::is_same_v<What, LinkLayerNeighborChanged>) {
          rib_.on_link_layer_neighbor(what, event.at);
          bfd_.link_layer_changed(what, event.at);
        } else if constexpr (std::is_same_v<What, ResolutionWanted>) {
          rib_.on_resolution_wanted(what);
        } else if constexpr (std::is_same_v<What, FibProgressed>) {
          // work() follows every event, and takes in what the tables answer.
        } else if constexpr (std::is_same_v<What, bfd::StateChanged>) {
          seen_at_ = TimePoint{std::chrono::floor<Duration>(what.at.time_since_epoch())};
          bfd_.handle(what, event.at);
          seen_at_.reset();
        } else if constexpr (std::is_same_v<What, ServiceChecked>) {
          services_.handle(what, event.at);
        } else if constexpr (!std::is_same_v<What, CommandReceived>) {
          sessions_.handle(event);
        }
      },
      event.what);
}

void ControlPlane::timer_expired(const Event& event, const TimerExpired& expired) {
  switch (expired.timer.kind) {
    case TimerKind::kRibWork:
      break;  // work() follows every event
    case TimerKind::kResolve:
    case TimerKind::kStaleRoutes:
    case TimerKind::kLongLivedStale:
    case TimerKind::kSelectionDeferral:
      rib_.on_timer(expired, event.at);
      break;
    case TimerKind::kBfdResolve:
      bfd_.timer_expired(expired);
      break;
    case TimerKind::kServiceCheck:
      services_.timer_expired(expired, event.at);
      break;
    case TimerKind::kRouterAdvertisement:
    case TimerKind::kRouterSolicitation:
      discovery_.handle(expired, event.at);
      break;
    default:
      sessions_.handle(event);
  }
}

void ControlPlane::work(TimePoint now, rib::Rib::Share share) {
  if (rib_.work(rib::kSliceRoutes, now, share)) timers_.arm(kWork, Duration::zero());
  note_applied(now);
  if (!restarting_ || rib_.defers_selection()) return;
  restarting_ = false;
  sessions_.restart_is_over();
}

void ControlPlane::note_link(const LinkChanged& change, TimePoint now) {
  const bool up = change.state == LinkState::kUp;
  journal_.record(now, JournalKind::kLink, config_.ports[change.port.value()].name,
                  up ? "up" : "down: what left by it goes other ways from now on");
}

void ControlPlane::note_applied(TimePoint now) {
  const FibSequence applied = rib_.applied();
  if (applied < rib_.submitted() || applied <= noted_) return;
  journal_.record_applied(now, applied - noted_);
  noted_ = applied;
}

std::string ControlPlane::peer_name(bgp::PeerId peer) const {
  return sessions_.settings(peer).name;
}

tl::expected<void, std::string> ControlPlane::set_service(const std::string& name,
                                                          ServiceOverride wanted, TimePoint now) {
  if (log_ != nullptr) log_->service(name, wanted, now);
  auto done = services_.set_override(name, wanted, now);
  work(now);
  if (log_ != nullptr) log_->handled();
  return done;
}

void ControlPlane::on_service(const ServiceConfig& service, ServiceAppearance appearance,
                              const std::string& reason, TimePoint now) {
  rib::AnnouncementMarks marks;
  if (appearance == ServiceAppearance::kDegraded) {
    marks = {service.degraded->med, service.degraded->communities};
  }
  rib_.set_announced(
      service.address,
      appearance == ServiceAppearance::kWithdrawn ? rib::Announced::kNo : rib::Announced::kYes,
      marks);
  log::told("service {}: {}: {}", service.name, to_string(appearance), reason);
  journal_.record(now, JournalKind::kService, service.name,
                  fmt::format("{}: {}", to_string(appearance), reason));
}

void ControlPlane::on_bfd_up(bgp::PeerId peer, TimePoint now) {
  journal_.record(seen_at_.value_or(now), JournalKind::kBfd, peer_name(peer), "up");
  sessions_.path_works(peer, now);
}

/// RFC 9384: the session ends with Cease/BFD Down. The next hops are dead already.
void ControlPlane::on_bfd_failed(bgp::PeerId peer, const std::string& reason, TimePoint now) {
  const bool on_link = sessions_.settings(peer).port.has_value();
  if (reason == to_string(bfd::Diagnostic::kPathDown)) {
    // Nothing that BFD found out: the worker was told that the link is gone.
    journal_.record(seen_at_.value_or(now), JournalKind::kBfd, peer_name(peer),
                    "down with its link");
  } else {
    journal_.record(seen_at_.value_or(now), JournalKind::kDetection, peer_name(peer),
                    fmt::format("{}; {}", reason,
                                on_link ? "the worker moved its packets to other next hops in the "
                                          "same loop"
                                        : "it is behind routers: its routes go, no link's"));
  }
  sessions_.path_failed(peer, "BFD: " + reason, now);
  if (bfd_.must_wait(peer)) sessions_.hold(peer);
}

void ControlPlane::on_bfd_spared(bgp::PeerId peer, TimePoint now) {
  journal_.record(seen_at_.value_or(now), JournalKind::kBfd, peer_name(peer),
                  "down while its routing restarts: its routes are kept");
  if (bfd_.must_wait(peer)) sessions_.hold(peer);
}

void ControlPlane::on_bfd_path(const WatchedHop& hop, rib::PathState state, TimePoint now) {
  journal_.record(seen_at_.value_or(now), JournalKind::kBfd, name_of(config_, hop),
                  state == rib::PathState::kUp ? "up: static routes by it count"
                                               : "down: static routes by it don't");
  rib_.on_path_changed(hop.port, hop.address, state);
}

void ControlPlane::on_neighbor_discovered(PortId port, const Ipv6Address& address, TimePoint now) {
  sessions_.discovered(port, address, now);
  bfd_.neighbor_found(port, IpAddress{address}, now);
  rib_.on_neighbor_discovered(port, IpAddress{address});
}

void ControlPlane::on_neighbor_lost(PortId port, TimePoint now) {
  sessions_.discovery_lost(port, now);
  rib_.on_neighbor_discovered(port, std::nullopt);
}

}  // namespace lastmile
