// The inside of Rib, shared by the files that are a part of it each: rib (the door, work in
// slices), rib_own_routes, rib_sessions, rib_settings, rib_updates, rib_restart, rib_generated,
// and, for who asks, rib_show and rib_listing.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "controlplane/policy/policy.h"
#include "controlplane/rib/exporter.h"
#include "controlplane/rib/family_rib.h"
#include "controlplane/rib/import.h"
#include "controlplane/rib/own_addresses.h"
#include "controlplane/rib/path_numbers.h"
#include "controlplane/rib/rib.h"
#include "controlplane/rib/rib_core.h"

namespace lastmile::rib {

inline constexpr std::array kFamilies{bgp::Family::kIpv4Unicast, bgp::Family::kIpv6Unicast};

/// Ends what is stale of a peer: after its restart, or a refresh of its own.
constexpr TimerKey stale_timer(bgp::PeerId peer) {
  return {TimerKind::kStaleRoutes, peer.value()};
}

struct Rib::State {
  State(const Config& configuration, ForwardingPlane& plane, bgp::PeerOutput& output,
        Neighborhood& neighborhood, Timers& timers);

  /// Where a family of a session stands with RFC 7313.
  enum class Refresh : std::uint8_t {
    kNever,          ///< the peer doesn't mark begin and end
    kAfterEndOfRib,  ///< not before its initial table is complete
    kNone,
    kUnderWay,  ///< what it had announced before is stale
  };

  /// What the configuration says of a peer and, while a session is up, what the session is.
  struct Peer {
    std::string name;
    using Sources = std::array<std::optional<SourceId>, bgp::kFamilyCount>;  ///< by family
    Sources sources;  ///< all set while the session is up
    Sources stale;    ///< what the peer's last session has left, while it is kept
    Incarnation incarnation;
    // What was agreed on with the session.
    std::optional<bgp::GracefulRestart> restart;
    std::optional<bgp::LongLivedRestart> long_lived;

    [[nodiscard]] bool up() const { return sources.front().has_value(); }
    [[nodiscard]] SourceId source(bgp::Family family) const {
      return *sources[static_cast<std::size_t>(family)];
    }
    [[nodiscard]] std::optional<SourceId>& stale_source(bgp::Family family) {
      return stale[static_cast<std::size_t>(family)];
    }
    [[nodiscard]] const std::optional<SourceId>& stale_source(bgp::Family family) const {
      return stale[static_cast<std::size_t>(family)];
    }
    [[nodiscard]] bool has_stale() const {
      return std::ranges::any_of(stale, [](const auto& id) { return id.has_value(); });
    }
    bgp::PeerId configured_as;  ///< whose settings hold: its own, or a listen range's
    ImportContext import;
    ImportChanges changes;
    /// By which its routes were judged; kept here until all of them are judged by another.
    std::shared_ptr<const policy::Policy> import_policy;
    bool near_limit_said = false;
    bool too_many_paths_said = false;
    /// RFC 7911: whether the peer's routes have path identifiers, and what we call them.
    std::array<bgp::PathIds, bgp::kFamilyCount> with_path_ids{};
    std::shared_ptr<PathNumberTables> path_numbers;

    [[nodiscard]] bgp::PathIds& path_ids(bgp::Family family) {
      return with_path_ids[static_cast<std::size_t>(family)];
    }
    /// Null without path identifiers.
    template <class Address>
    [[nodiscard]] PathNumbers<Address>* numbers() {
      const bool present = path_ids(FamilyRib<Address>::kFamily) == bgp::PathIds::kPresent;
      return present ? &std::get<PathNumbers<Address>>(*path_numbers) : nullptr;
    }
    bool can_refresh = false;
    std::array<Refresh, bgp::kFamilyCount> refreshes{};

    [[nodiscard]] Refresh& refresh(bgp::Family family) {
      return refreshes[static_cast<std::size_t>(family)];
    }
    std::vector<bgp::Family> families;
  };
  /// What the configuration says of a neighbor or a listen range.
  struct PeerConfig {
    std::string name;
    std::uint8_t allow_own_as = 0;
    bool enforce_first_as = true;
    LocalAs local_as;
    MaxPrefixes max_prefixes;
    ExportOptions exported;
    std::chrono::seconds stale_time{0};
    bool awaited = false;  ///< by us, after our own restart
    std::shared_ptr<const policy::Policy> import;
  };
  /// The import of one UPDATE: what each rule of the policy that decided about one of its routes
  /// made of the attributes and the next hop.
  struct Incoming {
    Peer& from;
    const policy::Policy* policy = nullptr;
    const bgp::PathAttributes& attributes;  ///< as they came, with ImportChanges applied
    std::optional<IpAddress> next_hop;
    Path path;  ///< without policy, or refused by the checks of the whole UPDATE
    struct Outcome {
      std::size_t rule;
      Path path;
    };
    std::vector<Outcome> outcomes;  ///< hold a reference each
  };

  // The configuration's own routes, and neighbors in connected subnets (rib_own_routes).
  void add_route(const IpPrefix& prefix, SourceId source, Announced announced,
                 std::span<const TargetTable::Wish> wishes);
  void remove_path(const IpPrefix& prefix, SourceId source);
  void add_local_routes(const Config& config);
  void add_static_route(const StaticRouteConfig& route);
  [[nodiscard]] Announced announced(const StaticRouteConfig& route) const;
  [[nodiscard]] bool has_path(const StaticRouteConfig& route) const;
  void refuse_static_route(const IpPrefix& prefix);
  void apply_static_routes(const Config& config);
  void neighbor_route(PortId port, const IpAddress& address, bool present);

  // Routes because of routes (rib_generated).
  void configure_generated(const Config& config);
  void apply_generated();
  template <class Address>
  void apply_generated(FamilyRib<Address>& family);

  // What the configuration says of peers (rib_settings).
  [[nodiscard]] static std::vector<PeerConfig> peer_configs(const Config& config);
  [[nodiscard]] const PeerConfig& config_of(const Peer& peer) const;
  void take_settings(Peer& peer) const;
  /// Whether what is ours, and so refused from others, is as before.
  enum class Judgement : std::uint8_t { kSame, kDiffers };
  void apply_to(bgp::PeerId id, Judgement judgement, TimePoint now);

  // Sessions (rib_sessions).
  Peer& peer(bgp::PeerId id);
  void add_sources(Peer& peer, bgp::PeerId id, const bgp::Negotiated& negotiated);
  void agree_on_refreshes(Peer& peer, const bgp::Negotiated& negotiated);

  // UPDATEs (rib_updates).
  void reach(Peer& from, const bgp::Update::Reach& reach, const bgp::PathAttributes& attributes,
             Refusal refusal, TimePoint now);
  template <class Address>
  void announce(Incoming& incoming, const std::vector<bgp::Nlri<Address>>& nlri);
  template <class Address>
  void withdraw(Peer& from, const std::vector<bgp::Nlri<Address>>& nlri);
  const Path& outcome(Incoming& incoming, std::size_t rule);
  void point(Path& path, const Peer& from, const tl::expected<HopKey, Refusal>& hop,
             std::uint16_t weight);
  void note_too_many_paths(Peer& from, const IpPrefix& prefix);
  void check_limit(bgp::PeerId id, TimePoint now);

  // What outlives its session, and what departs (rib_restart).
  [[nodiscard]] Incarnation take_over_stale(bgp::PeerId id, const bgp::Negotiated& negotiated);
  void depart(std::optional<SourceId>& source);
  void end_stale(bgp::PeerId id, bgp::Family family);
  void end_all_stale(bgp::PeerId id);
  void end_of_rib(bgp::PeerId id, bgp::Family family);
  void begin_refresh(bgp::PeerId id, bgp::Family family);
  void end_refresh(bgp::PeerId id, bgp::Family family);
  void begin_long_lived(SourceId source, const bgp::LongLivedRestart::Kept& kept);
  void end_long_lived(std::uint64_t timer_owner);
  std::size_t age(std::size_t limit);
  void heard_all(bgp::PeerId id, bgp::Family family);
  void end_deferral(bgp::Family family);

  // Work (rib).
  void make_decisions(std::size_t routes);
  [[nodiscard]] bool decisions_due();  ///< whether that has something to do
  [[nodiscard]] bool announcements_due();
  void announce(std::size_t routes, TimePoint now);
  std::size_t sweep(std::size_t limit);
  void finish_departures();
  void take_answers(std::size_t limit);
  [[nodiscard]] bool has_answers() const;  ///< whether that has more to do at once

  /// Gives the path its target, one reference, or the reason why it has none.
  void lead(Path& path, std::span<const TargetTable::Wish> wishes) {
    if (const auto target = core.targets.acquire(wishes)) {
      path.target = *target;
    } else {
      path.refusal = Refusal::kTooManyNextHops;
    }
  }

  /// `visit(routes of the prefix's family, prefix)`, both of the family's own type.
  template <class Visitor>
  auto for_prefix(const IpPrefix& prefix, Visitor&& visit) {
    return std::visit(
        [&]<class Address>(const Prefix<Address>& p) { return visit(rib<Address>(), p); }, prefix);
  }
  template <class Visitor>
  void for_family(bgp::Family family, Visitor&& visit) {
    family == bgp::Family::kIpv4Unicast ? visit(ipv4) : visit(ipv6);
  }
  template <class Address>
  [[nodiscard]] FamilyRib<Address>& rib() {
    if constexpr (std::is_same_v<Address, Ipv4Address>) {
      return ipv4;
    } else {
      return ipv6;
    }
  }
  template <class Address>
  [[nodiscard]] const FamilyRib<Address>& rib() const {
    return const_cast<State&>(*this).rib<Address>();
  }

  // For show.
  template <class Address>
  void append_views(const FamilyRib<Address>& rib, const RouteRecord<Address>& record,
                    const PathFilter& filter, TimePoint now, std::vector<RouteView>& views) const;
  /// Whether append_views() would append anything.
  template <class Address>
  [[nodiscard]] bool passes(const RouteRecord<Address>& record, const PathFilter& filter) const {
    return std::ranges::any_of(record.paths.paths(const_cast<PathArena&>(core.arena)),
                               [&](const Path& path) { return passes(path, filter); });
  }
  [[nodiscard]] bool passes(const Path& path, const PathFilter& filter) const;
  /// Finds prefixes among at most `limit` records, and counts it down; true at the table's end.
  template <class Address>
  [[nodiscard]] bool gather(PrefixListing& listing, std::size_t& limit) const;
  template <class Address>
  [[nodiscard]] AdvertisedView advertised_view(const Prefix<Address>& prefix,
                                               const Exporter::Told& told) const;
  template <class Address>
  [[nodiscard]] std::string explain_refusal(const Prefix<Address>& prefix, const Path& path,
                                            const Source& source) const;
  template <class Address>
  [[nodiscard]] std::optional<std::uint32_t> longest_match(const FamilyRib<Address>& rib,
                                                           const Address& address) const;

  OwnAddresses own;
  bgp::Asn asn;
  bgp::BgpIdentifier identifier;
  RibCore core;
  FamilyRib<Ipv4Address> ipv4;
  FamilyRib<Ipv6Address> ipv6;
  Exporter exporter;

  SourceId local, connected, statics, aggregates, defaults;
  AttributeId no_attributes;  ///< of local paths: ORIGIN IGP, empty AS path
  std::vector<Peer> peers;
  std::vector<PeerConfig> configured;  ///< by PeerId
  std::uint64_t memory_guard = 0;      ///< prefixes of a peer without a limit of its own
  bool reject_as_sets = true;
  std::vector<StaticRouteConfig> static_routes;  ///< that are in the tables
  /// By which generated routes are made; a reload that leaves it as it is leaves them alone.
  std::vector<AggregateConfig> aggregate_configs;
  DefaultOriginateConfig default_config;
  std::optional<policy::Rules> default_policy;
  Announced redistributed = Announced::kNo;
  bgp::PeerOutput& sessions;
  Timers& timers;
  std::uint32_t incarnations = 0;
  bool announces_next = true;  ///< whose turn it is in Share::kInTurn

  // What the forwarding tables have answered, as far as it is not taken in yet.
  std::deque<FibFailure> failures;
  FibSequence applied = 0;

  /// Sources whose paths are being removed, and where the sweep stands.
  std::vector<SourceId> departing;
  /// Sources whose paths become the last choice, and where the first of them stands (RFC 9494).
  std::vector<SourceId> aging;
  std::uint32_t aging_cursor = 0;

  /// After our own restart: who has not told all yet.
  std::set<std::pair<bgp::PeerId, bgp::Family>> awaited;

  bool sweeping = false;
  bgp::Family sweep_family = bgp::Family::kIpv4Unicast;
  std::uint32_t sweep_cursor = 0;
};

}  // namespace lastmile::rib
