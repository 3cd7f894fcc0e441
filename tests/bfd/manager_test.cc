// Which sessions there are, which next hops they answer for, and who hears of their fate.

#include "controlplane/bfd/bfd_manager.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/bfd/engine.h"
#include "logging/log.h"

namespace lastmile {
namespace {

using Kind = bfd::Command::Kind;
using namespace std::chrono_literals;

constexpr PortId kUp1{0};
constexpr PortId kUp2{1};
constexpr MacAddress kOurMac{{0x02, 0, 0, 0, 0, 1}};
constexpr MacAddress kLeafMac{{0x02, 0, 0, 0, 1, 1}};
constexpr MacAddress kOtherMac{{0x02, 0, 0, 0, 1, 2}};
constexpr bgp::PeerId kFirst{0};
constexpr bgp::PeerId kSecond{1};

const char* const kBase = R"(
router: {asn: 64512}
loopbacks: [10.0.1.1/32]
ports:
  up1: {device: net_null0}
  up2: {device: net_null1, addresses: [192.0.2.2/24]}
)";

class Plane final : public BfdPlane {
 public:
  void submit(PortId port, const bfd::Command& command) override {
    EXPECT_EQ(port, command.spec.port);
    commands.push_back(command);
  }
  const bfd::SessionStatus& status(PortId, bfd::SessionId) const override { return status_; }

  std::vector<Kind> take() {
    std::vector<Kind> kinds;
    for (const bfd::Command& command : commands) kinds.push_back(command.kind);
    taken = std::exchange(commands, {});
    return kinds;
  }
  std::vector<bfd::Command> commands, taken;

 private:
  bfd::SessionStatus status_;
};

class Outside final : public Neighborhood, public Timers, public BfdObserver {
 public:
  void send_router_advertisement(PortId, std::optional<Ipv6Address>) override {}
  void send_router_solicitation(PortId) override {}
  void resolve(PortId, const IpAddress&) override { ++resolutions; }
  void arm(TimerKey timer, Duration) override { armed.push_back(timer); }
  void cancel(TimerKey timer) override { std::erase(armed, timer); }
  void on_bfd_up(bgp::PeerId peer, TimePoint) override { up.push_back(peer); }
  void on_bfd_failed(bgp::PeerId peer, const std::string& why, TimePoint) override {
    failed.push_back(peer);
    reason = why;
  }
  void on_bfd_spared(bgp::PeerId peer, TimePoint) override { spared.push_back(peer); }
  void on_bfd_path(const WatchedHop& hop, rib::PathState state, TimePoint) override {
    paths.emplace_back(hop, state);
  }

  int resolutions = 0;
  std::vector<TimerKey> armed;
  std::vector<bgp::PeerId> up, failed, spared;
  std::vector<std::pair<WatchedHop, rib::PathState>> paths;
  std::string reason;
};

/// What a failure may mean.
enum class Means { kDeath, kEither };

class Manager : public ::testing::Test {
 protected:
  Manager() { log::set_level(log::Level::kOff); }

  void make(const std::string& text) {
    manager_ = std::make_unique<BfdManager>(
        config_, std::vector<BfdManager::Port>{{kUp1, kOurMac}, {kUp2, kOurMac}},
        BfdManager::Outside{plane_, outside_, outside_, outside_}, 1);
    apply(text);
  }
  void apply(const std::string& text) {
    auto config = parse_config(kBase + text, "f");
    ASSERT_TRUE(config.has_value()) << to_string(config.error().front());
    config_ = std::move(*config);
    std::vector<bgp::PeerId> ids;
    for (std::size_t i = 0; i < config_.bgp.neighbors.size(); ++i) {
      ids.push_back(bgp::PeerId{static_cast<std::uint16_t>(i)});
    }
    manager_->apply(config_, bgp::peer_settings(config_), ids, now_);
  }
  void make_unnumbered(const std::string& profile = "{interval: 10ms}") {
    make("bfd: {profiles: {fast: " + profile + "}}\n" +
         "bgp: {neighbors: [{port: up1, remote-asn: external, bfd: fast}, "
         "{port: up2, remote-asn: external, bfd: fast}]}\n");
  }
  void resolve(PortId port, const std::optional<MacAddress>& mac) {
    manager_->link_layer_changed({port, leaf_, mac}, now_);
  }
  void find(PortId port) { manager_->neighbor_found(port, leaf_, now_); }
  void hop(std::uint16_t id, PortId port, const MacAddress& mac) {
    manager_->next_hop_changed(NextHopId{id},
                               {.kind = NextHopKind::kForward, .port = port, .destination = mac});
  }
  void report(bfd::State state, std::uint32_t failures, bfd::Diagnostic why = {},
              Means means = Means::kDeath) {
    const auto sessions = manager_->sessions(now_);
    ASSERT_FALSE(sessions.empty());
    manager_->handle({.session = sessions[0].id,
                      .discriminator = sessions[0].spec.discriminator,
                      .state = state,
                      .diagnostic = why,
                      .failures = failures,
                      .ambiguous = means == Means::kEither},
                     now_);
  }

  Config config_;
  Plane plane_;
  Outside outside_;
  std::unique_ptr<BfdManager> manager_;
  TimePoint now_{100s};
  const IpAddress leaf_ = *parse_ip_address("fe80::1");
};

TEST_F(Manager, ASessionForEachNeighborThatIsFound) {
  make_unnumbered("{interval: 10ms, multiplier: 5}");
  EXPECT_TRUE(plane_.take().empty()) << "nobody is known yet";
  resolve(kUp1, kLeafMac);
  find(kUp1);
  find(kUp1);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdd}));
  const bfd::SessionSpec spec = plane_.taken[0].spec;
  EXPECT_EQ(spec.port, kUp1);
  EXPECT_EQ(spec.remote, leaf_);
  EXPECT_EQ(spec.local, IpAddress{kOurMac.link_local()});
  EXPECT_EQ(spec.remote_mac, kLeafMac);
  EXPECT_EQ(spec.parameters.control.multiplier, 5);
  EXPECT_EQ(spec.parameters.control.desired_min_tx, bfd::Microseconds{10'000});
  EXPECT_EQ(bfd::session_of(spec.discriminator), plane_.taken[0].session);
  find(kUp2);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdd}));
  EXPECT_NE(plane_.taken[0].spec.discriminator, spec.discriminator);
  EXPECT_EQ(manager_->sessions(now_).size(), 2U);
}

TEST_F(Manager, NumberedNeighborsAreWatchedFromTheStartAndResolved) {
  make(
      "bfd: {profiles: {slow: {}}}\n"
      "bgp: {neighbors: [{address: 192.0.2.1, remote-asn: external, bfd: slow},"
      " {address: 192.0.2.9, remote-asn: external}]}\n");
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdd}));
  EXPECT_EQ(plane_.taken[0].spec.local, *parse_ip_address("192.0.2.2"));
  EXPECT_TRUE(plane_.taken[0].spec.remote_mac.is_zero());
  EXPECT_EQ(outside_.resolutions, 1);
  ASSERT_EQ(outside_.armed.size(), 1U);
  manager_->timer_expired({outside_.armed[0]});
  EXPECT_EQ(outside_.resolutions, 2);
  manager_->link_layer_changed({kUp2, *parse_ip_address("192.0.2.1"), kLeafMac}, now_);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kResolve}));
  EXPECT_TRUE(outside_.armed.empty());
}

TEST_F(Manager, NextHopsAreBoundByPortAndLinkLayerAddress) {
  make_unnumbered();
  hop(1, kUp1, kLeafMac);
  hop(2, kUp1, kOtherMac);
  hop(3, kUp2, kLeafMac);
  manager_->next_hop_changed(NextHopId{4}, {.kind = NextHopKind::kBlackhole, .port = kUp1});
  resolve(kUp1, kLeafMac);
  find(kUp1);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdd, Kind::kBind}));
  EXPECT_EQ(plane_.taken[1].next_hop, NextHopId{1});
  hop(5, kUp1, kLeafMac);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kBind}));
  hop(5, kUp1, kLeafMac);
  EXPECT_TRUE(plane_.take().empty());
  hop(5, kUp1, kOtherMac);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kUnbind}));
  manager_->next_hop_released(NextHopId{1});
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kRelease}));
  manager_->next_hop_released(NextHopId{2});
  EXPECT_TRUE(plane_.take().empty());
}

TEST_F(Manager, ANewLinkLayerAddressMovesTheSessionAndItsNextHops) {
  make_unnumbered();
  resolve(kUp1, kLeafMac);
  find(kUp1);
  hop(1, kUp1, kLeafMac);
  hop(2, kUp1, kOtherMac);
  plane_.take();
  resolve(kUp1, kOtherMac);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kUnbind, Kind::kResolve, Kind::kBind}));
  EXPECT_EQ(plane_.taken[2].next_hop, NextHopId{2});
  resolve(kUp1, std::nullopt);
  EXPECT_TRUE(plane_.take().empty()) << "what the kernel forgets stays in use";
  EXPECT_EQ(outside_.resolutions, 1);
}

TEST_F(Manager, AnotherNeighborIsAnotherSession) {
  make_unnumbered();
  resolve(kUp1, kLeafMac);
  find(kUp1);
  hop(1, kUp1, kLeafMac);
  plane_.take();
  manager_->neighbor_found(kUp1, *parse_ip_address("fe80::2"), now_);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kRemove, Kind::kAdd}));
  EXPECT_EQ(manager_->sessions(now_).size(), 1U);
}

TEST_F(Manager, UsersHearOfFailureAndReturnOnce) {
  make_unnumbered();
  find(kUp1);
  report(bfd::State::kInit, 0);
  report(bfd::State::kUp, 0);
  report(bfd::State::kUp, 0);
  EXPECT_EQ(outside_.up, (std::vector{kFirst}));
  report(bfd::State::kDown, 1, bfd::Diagnostic::kDetectionTimeExpired);
  EXPECT_EQ(outside_.failed, (std::vector{kFirst}));
  EXPECT_EQ(outside_.reason, "control detection time expired");
  report(bfd::State::kInit, 1);
  report(bfd::State::kUp, 1);
  EXPECT_EQ(outside_.up.size(), 2U);
  report(bfd::State::kUp, 2);  // down and up again before we looked
  EXPECT_EQ(outside_.failed.size(), 2U);
  EXPECT_EQ(outside_.up.size(), 3U);
  report(bfd::State::kDown, 2);  // by administration
  EXPECT_EQ(outside_.failed.size(), 2U);
}

TEST_F(Manager, NewsOfASessionThatIsNoMoreAreNobodys) {
  make_unnumbered();
  find(kUp1);
  manager_->handle(
      {.session = manager_->sessions(now_)[0].id, .discriminator = 12345, .state = bfd::State::kUp},
      now_);
  EXPECT_TRUE(outside_.up.empty());
}

TEST_F(Manager, RoutingThatReturnsWithoutBfdLiftsItsVerdict) {
  make_unnumbered();
  find(kUp1);
  report(bfd::State::kUp, 0);
  plane_.take();
  manager_->established(kFirst, leaf_, now_);
  EXPECT_TRUE(plane_.take().empty());
  report(bfd::State::kDown, 1);
  manager_->established(kFirst, leaf_, now_);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kForgive}));
  manager_->established(kSecond, leaf_, now_);
  EXPECT_EQ(plane_.take().at(0), Kind::kAdd) << "a neighbor that only BGP made known";
}

TEST_F(Manager, StrictPeersWaitUntilTheirSessionIsUp) {
  make_unnumbered("{interval: 10ms, strict: true}");
  EXPECT_TRUE(manager_->must_wait(kFirst));
  find(kUp1);
  EXPECT_TRUE(manager_->must_wait(kFirst));
  report(bfd::State::kUp, 0);
  EXPECT_FALSE(manager_->must_wait(kFirst));
  EXPECT_TRUE(manager_->must_wait(kSecond));
  report(bfd::State::kDown, 1);
  EXPECT_TRUE(manager_->must_wait(kFirst));
}

TEST_F(Manager, OthersDoNotWait) {
  make_unnumbered();
  EXPECT_FALSE(manager_->must_wait(kFirst));
  EXPECT_FALSE(manager_->must_wait(bgp::PeerId{77}));
}

TEST_F(Manager, LinkDownAndTheEndAreToldToTheWorkers) {
  make_unnumbered();
  find(kUp1);
  find(kUp2);
  plane_.take();
  manager_->link_changed({kUp2, LinkState::kDown}, now_);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kPathDown}));
  EXPECT_EQ(plane_.taken[0].spec.port, kUp2);
  manager_->link_changed({kUp2, LinkState::kUp}, now_);
  EXPECT_TRUE(plane_.take().empty());
  manager_->stop();
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdminDown, Kind::kAdminDown}));
}

// --- static routes
// ---------------------------------------------------------------------------------

const WatchedHop kByPort{kUp1, std::nullopt};
const WatchedHop kByAddress{kUp2, *parse_ip_address("192.0.2.1")};
using Paths = std::vector<std::pair<WatchedHop, rib::PathState>>;

TEST_F(Manager, NextHopsOfStaticRoutesAreWatched) {
  make(
      "bfd: {profiles: {fast: {interval: 10ms}}}\n"
      "routes:\n"
      "  - {prefix: 198.51.100.0/24, via: [{port: up1, bfd: fast}, "
      "{port: up2, address: 192.0.2.1, bfd: fast}]}\n"
      "  - {prefix: 203.0.113.0/24, via: [{port: up2, address: 192.0.2.1, bfd: fast}]}\n"
      "  - {prefix: 100.64.0.0/10, via: [{port: up2, address: 192.0.2.9}]}\n");
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdd})) << "two routes by one next hop, one session";
  EXPECT_EQ(plane_.taken[0].spec.remote, *kByAddress.address);
  report(bfd::State::kUp, 0);
  EXPECT_EQ(outside_.paths, (Paths{{kByAddress, rib::PathState::kUp}}));
  report(bfd::State::kDown, 1, bfd::Diagnostic::kDetectionTimeExpired);
  EXPECT_EQ(outside_.paths.back(), (Paths::value_type{kByAddress, rib::PathState::kDown}));
  report(bfd::State::kUp, 1);
  report(bfd::State::kDown, 1);  // the neighbor's AdminDown: nothing else would tell a static route
  EXPECT_EQ(outside_.paths.size(), 4U);
  EXPECT_EQ(outside_.paths.back().second, rib::PathState::kDown);
  find(kUp1);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdd}));
  EXPECT_EQ(plane_.taken[0].spec.remote, leaf_);
  EXPECT_TRUE(outside_.up.empty());
  EXPECT_TRUE(outside_.failed.empty());
}

TEST_F(Manager, ARouteAndANeighborShareASession) {
  const std::string profiles = "bfd: {profiles: {fast: {interval: 10ms}}}\n";
  const std::string neighbor = "bgp: {neighbors: [{port: up1, remote-asn: external, bfd: fast}]}\n";
  const std::string route = "routes: [{prefix: 198.51.100.0/24, via: [{port: up1, bfd: fast}]}]\n";
  make(profiles + neighbor);
  find(kUp1);
  report(bfd::State::kUp, 0);
  plane_.take();
  apply(profiles + neighbor + route);
  find(kUp1);  // as the control plane does after a reload
  EXPECT_TRUE(plane_.take().empty());
  EXPECT_EQ(outside_.paths, (Paths{{kByPort, rib::PathState::kUp}}));
  EXPECT_EQ(manager_->sessions(now_).at(0).clients, (std::vector<std::string>{"bgp", "static"}));
  apply(profiles + route);
  EXPECT_TRUE(plane_.take().empty()) << "the route still needs it";
  apply(profiles);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kRemove}));
  EXPECT_EQ(outside_.paths.back(), (Paths::value_type{kByPort, rib::PathState::kDown}));
}

TEST_F(Manager, ASessionRestsWhileAllWhoUseItDo) {
  const std::string profiles = "bfd: {profiles: {fast: {interval: 10ms}}}\n";
  const std::string resting =
      "bgp: {neighbors: [{port: up1, remote-asn: external, bfd: fast, shutdown: true}]}\n";
  const std::string route = "routes: [{prefix: 198.51.100.0/24, via: [{port: up1, bfd: fast}]}]\n";
  make(profiles + resting);
  find(kUp1);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdd, Kind::kAdminDown}));
  apply(profiles + resting + route);
  find(kUp1);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kEnable})) << "the route goes by it";
  apply(profiles + resting);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdminDown}));
  apply(profiles + "bgp: {neighbors: [{port: up1, remote-asn: external, bfd: fast}]}\n");
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kEnable}));
}

TEST_F(Manager, EchoAloneIsAnotherSessionThanControlPackets) {
  const std::string route = "routes: [{prefix: 198.51.100.0/24, via: [{port: up1, bfd: fast}]}]\n";
  make("bfd: {profiles: {fast: {interval: 10ms}}}\n" + route);
  find(kUp1);
  plane_.take();
  apply("bfd: {profiles: {fast: {interval: 20ms}}}\n" + route);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kChange}));
  apply("bfd: {profiles: {fast: {interval: 20ms, echo: unaffiliated}}}\n" + route);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kRemove}));
  find(kUp1);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdd}));
}

// --- several hops (RFC 5883)
// -----------------------------------------------------------------------

TEST_F(Manager, ANeighborBehindRoutersIsWatchedOverSeveralHops) {
  make(
      "bfd: {profiles: {far: {interval: 100ms}, open: {minimum-ttl: 250}}}\n"
      "bgp: {neighbors: ["
      "{address: 198.51.100.9, remote-asn: 65000, multihop: 3, bfd: far}, "
      "{address: 198.51.100.8, remote-asn: 65000, multihop: 3, source: 192.0.2.2, bfd: open}, "
      "{address: 198.51.100.7, remote-asn: internal, bfd: far}]}\n");
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kAdd, Kind::kAdd, Kind::kAdd}));
  const bfd::SessionSpec& first = plane_.taken[0].spec;
  EXPECT_TRUE(first.is_multihop());
  EXPECT_EQ(first.local, *parse_ip_address("10.0.1.1"));
  EXPECT_EQ(first.remote, *parse_ip_address("198.51.100.9"));
  EXPECT_EQ(first.least_hop_limit, 253) << "two routers on the way";
  EXPECT_EQ(plane_.taken[1].spec.local, *parse_ip_address("192.0.2.2"));
  EXPECT_EQ(plane_.taken[1].spec.least_hop_limit, 250);
  EXPECT_EQ(plane_.taken[2].spec.least_hop_limit, 1);
  EXPECT_EQ(outside_.resolutions, 0);
  EXPECT_TRUE(outside_.armed.empty());
  EXPECT_FALSE(manager_->sessions(now_)[0].port.has_value());
  hop(1, kUp1, kLeafMac);
  manager_->link_changed({kUp1, LinkState::kDown}, now_);
  EXPECT_TRUE(plane_.take().empty()) << "none of our ways out is its path";
  report(bfd::State::kUp, 0);
  report(bfd::State::kDown, 1, bfd::Diagnostic::kDetectionTimeExpired);
  EXPECT_EQ(outside_.failed, (std::vector{kFirst}));
  apply(
      "bfd: {profiles: {far: {interval: 100ms}, open: {minimum-ttl: 250}}}\n"
      "bgp: {neighbors: ["
      "{address: 198.51.100.9, remote-asn: 65000, multihop: 2, bfd: far}, "
      "{address: 198.51.100.8, remote-asn: 65000, multihop: 3, source: 192.0.2.2, bfd: open}, "
      "{address: 198.51.100.7, remote-asn: internal, bfd: far}]}\n");
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kRemove, Kind::kAdd})) << "nearer, so stricter";
  EXPECT_EQ(plane_.taken[1].spec.least_hop_limit, 254);
}

// --- restarts of the neighbor's routing (RFC 5882 section 4.3)
// -------------------------------------

TEST_F(Manager, ARestartOfTheNeighborExplainsItsSilence) {
  make_unnumbered();
  find(kUp1);
  report(bfd::State::kUp, 0);
  plane_.take();
  manager_->restarting(kFirst);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kSpare}));
  report(bfd::State::kDown, 1, bfd::Diagnostic::kDetectionTimeExpired, Means::kEither);
  EXPECT_TRUE(outside_.failed.empty());
  EXPECT_EQ(outside_.spared, (std::vector{kFirst}));
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kForgive}));
  report(bfd::State::kUp, 1);
  report(bfd::State::kDown, 2, bfd::Diagnostic::kDetectionTimeExpired, Means::kDeath);
  EXPECT_EQ(outside_.failed, (std::vector{kFirst})) << "its C bit is set: that was forwarding";
  manager_->down(kFirst);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kHeed}));
  report(bfd::State::kUp, 2);
  report(bfd::State::kDown, 3, bfd::Diagnostic::kDetectionTimeExpired, Means::kEither);
  EXPECT_EQ(outside_.failed.size(), 2U) << "nothing restarts any more";
}

TEST_F(Manager, TheNextSessionEndsTheRestart) {
  make_unnumbered();
  find(kUp1);
  report(bfd::State::kUp, 0);
  manager_->restarting(kFirst);
  plane_.take();
  manager_->established(kFirst, leaf_, now_);
  EXPECT_EQ(plane_.take(), (std::vector{Kind::kHeed}));
  manager_->down(kFirst);
  EXPECT_TRUE(plane_.take().empty());
}

TEST_F(Manager, AProfileBecomesParameters) {
  make_unnumbered(
      "{interval: 20ms, transmit: 5ms, receive: 7ms, multiplier: 4, echo: on, echo-interval: 9ms, "
      "passive: true}");
  const auto parameters = session_parameters(config_.bfd.profiles[0]);
  EXPECT_EQ(parameters.control.desired_min_tx, bfd::Microseconds{5'000});
  EXPECT_EQ(parameters.control.required_min_rx, bfd::Microseconds{7'000});
  EXPECT_EQ(parameters.control.required_min_echo_rx, bfd::Microseconds{9'000});
  EXPECT_EQ(parameters.control.role, bfd::Role::kPassive);
  EXPECT_EQ(parameters.echo_mode, bfd::EchoMode::kOn);
  EXPECT_EQ(parameters.echo.interval, bfd::Microseconds{9'000});
  EXPECT_EQ(parameters.echo.multiplier, 4);
}

}  // namespace
}  // namespace lastmile
