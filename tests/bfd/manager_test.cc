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

  int resolutions = 0;
  std::vector<TimerKey> armed;
  std::vector<bgp::PeerId> up, failed;
  std::string reason;
};

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
  void report(bfd::State state, std::uint32_t failures, bfd::Diagnostic why = {}) {
    const auto sessions = manager_->sessions(now_);
    ASSERT_FALSE(sessions.empty());
    manager_->handle({.session = sessions[0].id,
                      .discriminator = sessions[0].spec.discriminator,
                      .state = state,
                      .diagnostic = why,
                      .failures = failures},
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
