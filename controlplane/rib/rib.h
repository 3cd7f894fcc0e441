// The routing information base: which paths are known, which are best, who is told, and what the
// forwarding tables are to do. README.md in this folder tells the whole story.
//
//   Rib rib(config, forwarding_plane, sessions, neighborhood, timers);
//   // BGP sessions call its SessionObserver side; the event loop hands it the events below.
//   while (rib.work(rib::kSliceRoutes, now)) { let other events in; }
//
// Taking in an event only files it; decisions, FIB operations and announcements are made by work(),
// in slices that the event loop doses, so that no table, however large, holds up a keepalive.
//
// All functions: control thread only. Nothing here reads a clock, blocks or throws for input.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/bgp/session/session_events.h"
#include "controlplane/config/config.h"
#include "controlplane/event/effects.h"
#include "controlplane/event/event.h"
#include "controlplane/rib/forwarding_plane.h"
#include "controlplane/rib/path.h"
#include "controlplane/rib/prefix_listing.h"
#include "controlplane/rib/show.h"

namespace lastmile::rib {

/// Routes for one slice of work(): well under 5 ms on a 2.5 GHz core.
inline constexpr std::size_t kSliceRoutes = 1024;

/// What neighbors hear of one of our own addresses beside that it is there.
struct AnnouncementMarks {
  std::optional<std::uint32_t> med;
  std::vector<bgp::Community> communities;
};

class Rib final : public bgp::SessionObserver {
 public:
  /// Installs the configuration's own routes (loopbacks, services, connected, static) with the
  /// first work(). PeerId n is config.bgp.neighbors[n]; later numbers are dynamic peers. The
  /// references must outlive the Rib; it releases what it holds in `plane` when destroyed.
  Rib(const Config& config, ForwardingPlane& plane, bgp::PeerOutput& output,
      Neighborhood& neighborhood, Timers& timers);
  ~Rib() override;
  Rib(const Rib&) = delete;
  Rib& operator=(const Rib&) = delete;

  // From the BGP sessions.
  void on_established(bgp::PeerId peer, const bgp::Negotiated& negotiated, TimePoint now) override;
  void on_update(bgp::PeerId peer, bgp::Update& update, TimePoint now) override;
  void on_route_refresh(bgp::PeerId peer, const bgp::RouteRefresh& refresh, TimePoint now) override;
  void on_restarting(bgp::PeerId peer, const std::string& reason, TimePoint now) override;
  void on_long_lived(bgp::PeerId peer, const bgp::LongLivedRestart& kept, TimePoint now) override;
  void on_down(bgp::PeerId peer, const std::string& reason, TimePoint now) override;
  void on_writable(bgp::PeerId peer, TimePoint now) override;

  // From the event loop.
  void on_link_changed(const LinkChanged& event);
  void on_link_layer_neighbor(const LinkLayerNeighborChanged& event, TimePoint now);
  /// The router that a port discovered by its advertisements; nullopt when it is gone. Static
  /// routes via the port alone follow it.
  void on_neighbor_discovered(PortId port, const std::optional<IpAddress>& address);
  /// What BFD says of the next hop of static routes that it watches: via this port, and this
  /// address if the configuration has one. It counts as down until then.
  void on_path_changed(PortId port, const std::optional<IpAddress>& address, PathState state);
  void on_resolution_wanted(const ResolutionWanted& event);
  /// For timers of TimerKind::kResolve, kStaleRoutes, kLongLivedStale and kSelectionDeferral.
  void on_timer(const TimerExpired& event, TimePoint now);

  /// Announces or withdraws one of our loopbacks or services; it stays a local address either way.
  /// False if `prefix` is none of them. At start all are announced.
  bool set_announced(const IpPrefix& prefix, Announced announced,
                     const AnnouncementMarks& marks = {});

  /// This process follows one that ended without a word (RFC 4724 section 4.1): what neighbors
  /// bring is forwarded at once, but announced only when those who say when they are through have
  /// said so, or after `at_most`. Before any session.
  void defer_selection(Duration at_most);
  [[nodiscard]] bool defers_selection() const;
  /// Whether that waits for this peer.
  [[nodiscard]] bool awaits(bgp::PeerId peer) const;

  /// Takes up what may change while running: what the configuration says of the neighbors (`ids[i]`
  /// is the PeerId of config.bgp.neighbors[i]), policies, static routes. Routes are not forgotten:
  /// peers are asked for theirs again where another import would judge them differently.
  void apply(const Config& config, const std::vector<bgp::PeerId>& ids, TimePoint now);

  /// What one call of work() does: the less it is, the sooner somebody else is heard.
  enum class Share : std::uint8_t {
    kAll,
    kDecisions,  ///< decides and programs; announcing is for a later call
    kInTurn,     ///< either that or announcing, the other one with the next call
    kNothing,    ///< only says whether there is something to do
  };
  /// Decides, programs and announces, at most `routes` steps. True if there is more to do now.
  bool work(std::size_t routes, TimePoint now, Share share = Share::kAll);
  [[nodiscard]] bool has_work() const;

  // For `show`.
  /// At most `limit` paths, sorted by prefix, best path first.
  [[nodiscard]] std::vector<RouteView> routes(const RouteQuery& query, TimePoint now,
                                              std::size_t limit = SIZE_MAX) const;
  /// Goes on with finding the prefixes that a listing is of, by one slice.
  void gather(PrefixListing& listing) const;
  /// Visits the paths of at most `prefixes` prefixes in table order and moves `cursor` on, for
  /// tables too large for one slice. Prefixes that come or go between calls may be missed; none is
  /// seen twice unless it was removed and added again. Where the filter passes over most of the
  /// table a call may visit less, or nothing, and not be at the end.
  void walk(RouteCursor& cursor, std::size_t prefixes, const PathFilter& filter, TimePoint now,
            const std::function<void(const RouteView&)>& visit) const;
  /// The same over what a peer has been told, at most `records` places of the table at a time.
  void walk_advertised(RouteCursor& cursor, std::size_t records, bgp::PeerId peer,
                       const std::function<void(const AdvertisedView&)>& visit) const;
  /// What a peer has been told of one prefix, or of the longest match of an address.
  [[nodiscard]] std::vector<AdvertisedView> advertised(bgp::PeerId peer,
                                                       const RouteQuery& query) const;
  [[nodiscard]] PeerCounts counts(bgp::PeerId peer) const;
  [[nodiscard]] RibSummary summary() const;
  /// Of the last operation that the forwarding tables were asked for.
  [[nodiscard]] FibSequence submitted() const;
  /// Of the last one that workers see, as of the last work().
  [[nodiscard]] FibSequence applied() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lastmile::rib
