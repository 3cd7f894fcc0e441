// Stand-ins for the RIB's surroundings: forwarding tables that write down what they are told and
// refuse what breaks their contract, a session side that decodes what it is given to send.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "controlplane/rib/rib.h"
#include "dataplane/net/format.h"

namespace lastmile::rib::test {

inline IpPrefix prefix(std::string_view text) {
  return parse_ip_prefix(text).value();
}
inline Ipv4Prefix v4(std::string_view text) {
  return Ipv4Prefix::parse(text).value();
}
inline Ipv6Prefix v6(std::string_view text) {
  return Ipv6Prefix::parse(text).value();
}
inline IpAddress address(std::string_view text) {
  return parse_ip_address(text).value();
}
inline Ipv6Address v6_address(std::string_view text) {
  return Ipv6Address::parse(text).value();
}
inline Ipv4Address v4_address(std::string_view text) {
  return Ipv4Address::parse(text).value();
}
inline MacAddress mac(std::uint8_t last) {
  return MacAddress{{2, 0, 0, 0, 0, last}};
}
inline TimePoint at(std::int64_t seconds) {
  return TimePoint{std::chrono::seconds{seconds}};
}

/// Keeps the contract of FibClient and fails the test when the RIB breaks it.
class FakePlane final : public ForwardingPlane {
 public:
  struct Hop {
    NextHopSpec spec;
    unsigned down = 0;
    bool released = false;
  };
  struct Group {
    GroupSpec spec;
    unsigned references = 0;
    std::optional<GroupId> resemble;
  };

  tl::expected<NextHopId, FibError> add_next_hop(const NextHopSpec& spec) override {
    if (live_hops() >= max_next_hops) return tl::unexpected(FibError::kTooManyNextHops);
    const NextHopId id{++last_hop_};
    hops[id] = Hop{spec};
    return id;
  }
  void update_next_hop(NextHopId id, const NextHopSpec& spec) override {
    ASSERT_TRUE(hops.contains(id) && !hops[id].released);
    EXPECT_EQ(hops[id].spec.port, spec.port);
    hops[id].spec = spec;
    ++hop_updates;
  }
  void release_next_hop(NextHopId id) override {
    ASSERT_TRUE(hops.contains(id) && !hops[id].released);
    for (const auto& [group_id, group] : groups) {
      if (group.references == 0) continue;
      for (const GroupMember& m : group.spec.primaries) EXPECT_NE(m.next_hop, id);
      for (const NextHopId b : group.spec.backups) EXPECT_NE(b, id);
    }
    hops[id].released = true;
  }
  void set_down(NextHopId id, DownCause cause) override {
    ASSERT_TRUE(hops.contains(id) && !hops[id].released);
    hops[id].down |= static_cast<unsigned>(cause);
  }
  void clear_down(NextHopId id, DownCause cause) override {
    ASSERT_TRUE(hops.contains(id) && !hops[id].released);
    hops[id].down &= ~static_cast<unsigned>(cause);
  }
  bool is_alive(NextHopId id) const override { return hops.at(id).down == 0; }

  tl::expected<GroupId, FibError> acquire_group(const GroupSpec& spec,
                                                std::optional<GroupId> resemble) override {
    EXPECT_FALSE(spec.primaries.empty());
    EXPECT_TRUE(std::ranges::is_sorted(spec.primaries));
    EXPECT_TRUE(std::ranges::is_sorted(spec.backups));
    EXPECT_LE(spec.primaries.size(), kMaxGroupMembers);
    EXPECT_LE(spec.backups.size(), kMaxGroupBackups);
    for (const GroupMember& m : spec.primaries) {
      EXPECT_FALSE(hops.at(m.next_hop).released);
      EXPECT_EQ(std::ranges::count(spec.backups, m.next_hop), 0);
    }
    if (resemble) {
      EXPECT_GT(groups.at(*resemble).references, 0U);
    }
    ++acquisitions;
    for (auto& [id, group] : groups) {
      if (group.references == 0 || group.spec != spec) continue;
      ++group.references;
      return id;
    }
    if (live_groups() >= max_groups) return tl::unexpected(FibError::kTooManyGroups);
    const GroupId id{++last_group_};
    groups[id] = Group{spec, 1, resemble};
    return id;
  }
  void release_group(GroupId id) override {
    ASSERT_GT(groups.at(id).references, 0U);
    if (--groups[id].references != 0) return;
    // The caller holds a reference for as long as a route uses the group.
    for (const auto& [route, group] : routes) EXPECT_NE(group, id) << to_string(route);
  }

  FibSequence set_route(const IpPrefix& route, GroupId group) override {
    EXPECT_GT(groups.at(group).references, 0U);
    ++sequence;
    if (routes.size() >= max_routes && !routes.contains(route)) {
      failures.push_back({sequence, route, FibError::kTooManyRoutes});
      return sequence;
    }
    if (record_operations) log.push_back("set " + to_string(route) + " " + describe(group));
    routes[route] = group;
    return sequence;
  }
  FibSequence remove_route(const IpPrefix& route) override {
    if (record_operations) log.push_back("remove " + to_string(route));
    routes.erase(route);
    return ++sequence;
  }
  void flush() override {}
  void poll() override {
    ++polls;
    if (applies_at_poll) held_at = sequence;
  }
  FibSequence applied() const override { return hold_back ? held_at : sequence; }
  /// A refusal is known when the tables have come so far.
  std::vector<FibFailure> take_failures() override {
    const auto later = std::ranges::find_if(
        failures, [&](const FibFailure& failure) { return failure.sequence > applied(); });
    std::vector<FibFailure> known(failures.begin(), later);
    failures.erase(failures.begin(), later);
    return known;
  }

  // --- for tests ---
  /// "p0" is a forwarding next hop on port 0, "p0?" an unresolved one, "!p0" one that is down.
  std::string describe(NextHopId id) const {
    const Hop& hop = hops.at(id);
    const std::string port = fmt::format("p{}", hop.spec.port.value());
    const std::string down = hop.down != 0 ? "!" : "";
    switch (hop.spec.kind) {
      case NextHopKind::kForward:
        return down + port;
      case NextHopKind::kUnresolved:
        return down + port + "?";
      case NextHopKind::kGlean:
        return down + "glean-" + port;
      case NextHopKind::kLocalHost:
        return "host";
      case NextHopKind::kLocalPort:
        return "local-" + port;
      case NextHopKind::kBlackhole:
        return "blackhole";
      case NextHopKind::kUnreachable:
        return "unreachable";
      case NextHopKind::kBroadcast:
        return "broadcast";
    }
    return "?";
  }
  /// "{p0 p1*2 | p2}": primaries with weights other than 1, then backups.
  std::string describe(GroupId id) const {
    const GroupSpec& spec = groups.at(id).spec;
    std::vector<std::string> members;
    std::vector<std::string> backups;
    for (const GroupMember& m : spec.primaries) {
      members.push_back(describe(m.next_hop) + (m.weight == 1 ? "" : fmt::format("*{}", m.weight)));
    }
    for (const NextHopId b : spec.backups) backups.push_back(describe(b));
    std::ranges::sort(members);
    std::ranges::sort(backups);
    return fmt::format("{{{}{}{}}}", fmt::join(members, " "), backups.empty() ? "" : " | ",
                       fmt::join(backups, " "));
  }
  std::string route(std::string_view text) const {
    const auto found = routes.find(prefix(text));
    return found == routes.end() ? "none" : describe(found->second);
  }
  std::vector<std::string> take_log() { return std::exchange(log, {}); }
  std::size_t live_hops() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(hops, [](const auto& h) { return !h.second.released; }));
  }
  std::size_t live_groups() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(groups, [](const auto& g) { return g.second.references > 0; }));
  }

  std::map<NextHopId, Hop> hops;
  std::map<GroupId, Group> groups;
  std::map<IpPrefix, GroupId> routes;
  std::vector<std::string> log;
  std::vector<FibFailure> failures;
  FibSequence sequence = 0;
  bool hold_back = false;  ///< the writer does not come to apply anything after `held_at`
  FibSequence held_at = 0;
  /// The writer comes to its end just before a poll, whose bell does not ring for it any more.
  bool applies_at_poll = false;
  bool record_operations = true;
  unsigned hop_updates = 0, acquisitions = 0, polls = 0;
  std::size_t max_next_hops = 1000, max_groups = 1000, max_routes = SIZE_MAX;

 private:
  std::uint16_t last_hop_ = 0;
  std::uint16_t last_group_ = 0;
};

/// Decodes what is sent, and keeps what each peer would now have in its Adj-RIB-In.
class FakeOutput final : public bgp::PeerOutput {
 public:
  struct PeerState {
    bgp::CodecContext codec;
    bool writable = true;
    std::map<IpPrefix, std::pair<bgp::PathAttributes, bgp::NextHop>> routes;
    /// The same where there are path identifiers.
    std::map<std::pair<IpPrefix, std::uint32_t>, std::pair<bgp::PathAttributes, bgp::NextHop>>
        paths;
    std::vector<bgp::Family> end_of_rib;
    /// Begin and end of refreshes, and how many routes had been announced then.
    std::vector<std::pair<bgp::RouteRefresh, unsigned>> marks;
    unsigned announced = 0, withdrawn = 0, sends = 0;
    std::size_t room = SIZE_MAX;  ///< sends until the queue is full
  };

  void send_updates(bgp::PeerId id, std::vector<std::uint8_t> encoded) override {
    PeerState& peer = peers[id];
    EXPECT_TRUE(peer.writable) << "sent to a peer whose queue is full";
    ++peer.sends;
    if (peer.room != SIZE_MAX && --peer.room == 0) peer.writable = false;
    bgp::MessageReader reader;
    reader.append(encoded);
    // The receiver sees it as an external peer unless told otherwise.
    while (auto message = reader.next(peer.codec)) {
      ASSERT_TRUE(message->has_value());
      auto* update = std::get_if<bgp::Update>(&message->value());
      ASSERT_NE(update, nullptr);
      EXPECT_TRUE(update->faults.empty());
      take(peer, *update);
    }
  }
  bool writable(bgp::PeerId id) const override {
    const auto found = peers.find(id);
    return found == peers.end() || found->second.writable;
  }
  void reset(bgp::PeerId, const bgp::Notification&, TimePoint) override { ++resets; }
  void suspend(bgp::PeerId peer, const bgp::Notification& notification,
               std::optional<Duration> pause, TimePoint) override {
    suspended.push_back({peer, notification, pause});
  }
  void send_route_refresh(bgp::PeerId peer, const bgp::RouteRefresh& refresh) override {
    if (refresh.subtype == bgp::RouteRefresh::kRequest) {
      refreshes.push_back({peer, refresh.family});
    } else {
      peers[peer].marks.push_back({refresh, peers[peer].announced});
    }
  }
  std::vector<std::pair<bgp::PeerId, bgp::Family>> refreshes;
  struct Suspended {
    bgp::PeerId peer;
    bgp::Notification notification;
    std::optional<Duration> pause;
  };
  std::vector<Suspended> suspended;

  std::map<bgp::PeerId, PeerState> peers;
  unsigned resets = 0;
  /// A newcomer hears of all changes from its first moment on, also of prefixes that it was not
  /// told.
  bool unknown_withdrawals = false;

 private:
  void take(PeerState& peer, const bgp::Update& update) const {
    if (update.end_of_rib) peer.end_of_rib.push_back(*update.end_of_rib);
    for (const auto& unreach : update.unreach) {
      std::visit(
          [&](const auto& nlri) {
            for (const auto& n : nlri) {
              const bool ids = peer.codec.path_ids_of(unreach.family) == bgp::PathIds::kPresent;
              const std::size_t gone =
                  ids ? peer.paths.erase(std::pair(IpPrefix{n.prefix}, n.path_id))
                      : peer.routes.erase(n.prefix);
              EXPECT_TRUE(gone == 1 || unknown_withdrawals) << "withdrew what was not announced";
              ++peer.withdrawn;
            }
          },
          unreach.nlri);
    }
    for (const auto& reach : update.reach) {
      std::visit(
          [&](const auto& nlri) {
            for (const auto& n : nlri) {
              const bool ids = peer.codec.path_ids_of(reach.family) == bgp::PathIds::kPresent;
              auto& route = ids ? peer.paths[{n.prefix, n.path_id}] : peer.routes[n.prefix];
              route = {update.attributes, reach.next_hop};
              ++peer.announced;
            }
          },
          reach.nlri);
    }
  }
};

class FakeNeighborhood final : public Neighborhood {
 public:
  void send_router_advertisement(PortId, std::optional<Ipv6Address>) override {}
  void send_router_solicitation(PortId) override {}
  void resolve(PortId port, const IpAddress& a) override {
    asked.push_back(fmt::format("p{} {}", port.value(), to_string(a)));
  }
  std::vector<std::string> take() { return std::exchange(asked, {}); }
  std::vector<std::string> asked;
};

class FakeTimers final : public Timers {
 public:
  void arm(TimerKey timer, Duration after) override { armed[timer] = after; }
  void cancel(TimerKey timer) override { armed.erase(timer); }
  std::map<TimerKey, Duration> armed;
};

/// Two unnumbered uplinks (ports 0 and 1) and a numbered port 2, in host mode, AS 64512.
inline Config fabric_config() {
  Config config;
  config.router.mode = RouterMode::kHost;
  config.router.asn = bgp::Asn{64512};
  config.router.id = Ipv4Address{10, 0, 1, 1};
  config.loopbacks = {prefix("10.0.1.1/32"), prefix("2001:db8:1::1/128")};
  config.services = {{"web", prefix("192.168.0.250/32")}};
  for (std::uint16_t i = 0; i < 3; ++i) {
    PortConfig port;
    port.id = PortId{i};
    port.name = i < 2 ? fmt::format("up{}", i + 1) : "lan";
    if (i == 2) port.addresses = {{address("192.168.101.254"), 24}};
    config.ports.push_back(port);
  }
  for (std::uint16_t i = 0; i < 2; ++i) {
    BgpNeighborConfig neighbor;
    neighbor.name = config.ports[i].name;
    neighbor.port = PortId{i};
    config.bgp.neighbors.push_back(neighbor);
  }
  config.bgp.enabled = true;
  return config;
}

/// Each neighbor brings and hears whatever there is, as far as the mode allows.
inline void accept_everything(Config& config) {
  policy::Rules all;
  all.name = "all";
  all.otherwise = policy::Action::kAccept;
  config.policies = {all};
  for (BgpNeighborConfig& neighbor : config.bgp.neighbors) {
    neighbor.import_policy = neighbor.export_policy = "all";
  }
}

/// The same fabric in transit mode, without policies of note.
inline Config transit_config() {
  Config config = fabric_config();
  config.router.mode = RouterMode::kTransit;
  accept_everything(config);
  return config;
}

/// A RIB with its fakes and the ways in which a test speaks to it.
class RibFixture {
 public:
  explicit RibFixture(const Config& config = fabric_config())
      : rib(std::make_unique<Rib>(config, plane, output, neighborhood, timers)) {}

  static bgp::PeerId peer(unsigned n) { return bgp::PeerId{static_cast<std::uint16_t>(n)}; }
  /// Peer n sits on port n, has AS 65001 + n, identifier 10.255.255.(n+1), address fe80::(n+1).
  static bgp::Asn asn(unsigned n) { return bgp::Asn{65001 + n}; }
  static Ipv6Address link_local(unsigned n) { return v6_address(fmt::format("fe80::{:x}", n + 1)); }
  static bgp::Negotiated session(unsigned n) {
    bgp::Negotiated s;
    s.name = to_string(link_local(n));
    s.configured_as = peer(n);
    s.local_asn = bgp::Asn{64512};
    s.remote_asn = asn(n);
    s.remote_identifier = Ipv4Address{10, 255, 255, static_cast<std::uint8_t>(n + 1)};
    s.external = true;
    s.codec.extended_next_hop = {bgp::Family::kIpv4Unicast};
    s.families = {bgp::Family::kIpv4Unicast, bgp::Family::kIpv6Unicast};
    s.peer_route_refresh = true;
    s.remote = {link_local(n), 179, PortId{static_cast<std::uint16_t>(n)}};
    s.local = {v6_address("fe80::aa"), 40000, PortId{static_cast<std::uint16_t>(n)}};
    s.local_next_hop.link_local = v6_address("fe80::aa");
    return s;
  }

  void up(unsigned n) { up(n, session(n)); }
  void up(unsigned n, const bgp::Negotiated& s) {
    output.peers[peer(n)] = {};
    output.peers[peer(n)].codec = s.codec;
    output.peers[peer(n)].codec.external_peer = s.external;
    output.peers[peer(n)].codec.path_ids = s.codec.own_path_ids;  // the other end of the session
    rib->on_established(peer(n), s, now);
  }
  void down(unsigned n) { rib->on_down(peer(n), "test", now); }
  void resolve(unsigned n) {
    rib->on_link_layer_neighbor({PortId{static_cast<std::uint16_t>(n)}, link_local(n),
                                 mac(static_cast<std::uint8_t>(n + 1))},
                                now);
  }
  /// Both uplinks' neighbors are known, sessions 0 … n-1 are up, the start is settled.
  void start(unsigned sessions) {
    for (unsigned i = 0; i < sessions; ++i) resolve(i);
    for (unsigned i = 0; i < sessions; ++i) up(i);
    settle();
    plane.take_log();
    neighborhood.take();
  }

  static bgp::PathAttributes path(std::vector<std::uint32_t> asns) {
    bgp::PathAttributes a;
    bgp::AsPath::Segment segment;
    for (const std::uint32_t n : asns) segment.asns.push_back(bgp::Asn{n});
    if (!asns.empty()) a.as_path.segments.push_back(segment);
    return a;
  }
  static bgp::NextHop via(unsigned n) {
    bgp::NextHop next_hop;
    next_hop.link_local = link_local(n);
    return next_hop;
  }

  void announce(unsigned n, std::string_view text, const bgp::PathAttributes& attributes) {
    announce(n, {text}, attributes, via(n));
  }
  void announce(unsigned n, const std::vector<std::string_view>& texts,
                const bgp::PathAttributes& attributes, const bgp::NextHop& next_hop) {
    bgp::Update update;
    update.attributes = attributes;
    update.reach = {reach(texts, next_hop)};
    rib->on_update(peer(n), update, now);
  }
  void withdraw(unsigned n, std::string_view text) {
    bgp::Update update;
    const bgp::Update::Reach r = reach({text}, {});
    update.unreach.push_back({r.family, r.nlri});
    rib->on_update(peer(n), update, now);
  }
  static bgp::Update::Reach reach(const std::vector<std::string_view>& texts,
                                  const bgp::NextHop& next_hop) {
    bgp::Update::Reach r;
    r.next_hop = next_hop;
    std::vector<bgp::Nlri<Ipv4Address>> list4;
    std::vector<bgp::Nlri<Ipv6Address>> list6;
    for (const std::string_view text : texts) {
      const IpPrefix p = prefix(text);
      if (const auto* x = std::get_if<Ipv4Prefix>(&p)) list4.push_back({*x, 0});
      if (const auto* x = std::get_if<Ipv6Prefix>(&p)) list6.push_back({*x, 0});
    }
    if (!list6.empty()) {
      r.family = bgp::Family::kIpv6Unicast;
      r.nlri = list6;
    } else {
      r.nlri = list4;
    }
    return r;
  }

  void settle(std::size_t slice = kSliceRoutes) {
    for (int i = 0; rib->work(slice, now); ++i) {
      ASSERT_LT(i, 1'000'000) << "work() never ends";
    }
  }
  /// Peers with full queues are waited for, then passed over.
  void settle_slow() {
    settle();
    now += std::chrono::seconds{1};
    settle();
  }
  std::vector<RouteView> show(std::string_view text) const {
    return rib->routes({.prefix = prefix(text), .address = {}, .peer = {}}, now);
  }
  FakeOutput::PeerState& told(unsigned n) { return output.peers[peer(n)]; }

  TimePoint now = at(1000);
  FakePlane plane;
  FakeOutput output;
  FakeNeighborhood neighborhood;
  FakeTimers timers;
  std::unique_ptr<Rib> rib;
};

using Log = std::vector<std::string>;

}  // namespace lastmile::rib::test
