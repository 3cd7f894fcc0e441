#include "controlplane/neighbors/router_discovery.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace lastmile {
namespace {

constexpr PortId kPort{1};
constexpr PortId kOtherPort{2};
const Ipv6Address kOwn = *Ipv6Address::parse("fe80::ff");
const Ipv6Address kLeaf = *Ipv6Address::parse("fe80::1");
const Ipv6Address kNewLeaf = *Ipv6Address::parse("fe80::2");

// Virtual time: timers fire when the test lets time pass, in their order.
class RouterDiscoveryTest : public ::testing::Test,
                            protected Neighborhood,
                            protected Timers,
                            protected NeighborObserver {
 protected:
  RouterDiscoveryTest() : discovery_(*this, *this, *this, 4861) {
    discovery_.add_port(kPort, kOwn);
    discovery_.add_port(kOtherPort, kOwn);
  }

  void send_router_advertisement(PortId port, std::optional<Ipv6Address> to) override {
    if (port == kPort) log_.push_back(to ? "RA to " + to_string(*to) : "RA");
  }
  void send_router_solicitation(PortId port) override {
    if (port == kPort) log_.emplace_back("RS");
  }
  void resolve(PortId, const IpAddress&) override {}
  void arm(TimerKey timer, Duration after) override { timers_[timer] = now_ + after; }
  void cancel(TimerKey timer) override { timers_.erase(timer); }
  void on_neighbor_discovered(PortId port, const Ipv6Address& address, TimePoint) override {
    log_.push_back("found " + to_string(address) + " on " + std::to_string(port.value()));
  }
  void on_neighbor_lost(PortId port, TimePoint) override {
    log_.push_back("lost on " + std::to_string(port.value()));
  }

  void link(LinkState state) { discovery_.handle(LinkChanged{kPort, state}, now_); }
  void hear(const Ipv6Address& source, PortId port = kPort) {
    discovery_.handle(RouterAdvertisementHeard{port, source, std::nullopt, {}}, now_);
  }
  void pass(Duration time) {
    const TimePoint end = now_ + time;
    while (true) {
      auto next = timers_.end();
      for (auto it = timers_.begin(); it != timers_.end(); ++it) {
        if (it->second <= end && (next == timers_.end() || it->second < next->second)) next = it;
      }
      if (next == timers_.end()) break;
      now_ = next->second;
      const TimerKey key = next->first;
      timers_.erase(next);
      discovery_.handle(TimerExpired{key}, now_);
    }
    now_ = end;
  }
  std::vector<std::string> take() { return std::exchange(log_, {}); }
  long count(const std::string& what) { return std::count(log_.begin(), log_.end(), what); }

  using Log = std::vector<std::string>;
  TimePoint now_{};
  std::map<TimerKey, TimePoint> timers_;
  Log log_;
  RouterDiscovery discovery_;
};

using std::chrono::seconds;

TEST_F(RouterDiscoveryTest, SolicitsAndAdvertisesAtOnceWhenTheLinkComesUp) {
  link(LinkState::kUp);
  EXPECT_EQ(take(), (Log{"RS", "RA"}));
}

TEST_F(RouterDiscoveryTest, SolicitsEverySecondUntilSomebodyAdvertises) {
  link(LinkState::kUp);
  pass(seconds{5});
  EXPECT_GE(count("RS"), 5);
  EXPECT_LE(count("RS"), 8);
  hear(kLeaf);
  take();
  pass(seconds{30});
  EXPECT_EQ(count("RS"), 0);
}

TEST_F(RouterDiscoveryTest, AdvertisesThreeTimesQuicklyThenSlowly) {
  link(LinkState::kUp);
  hear(kLeaf);
  pass(seconds{3});
  EXPECT_EQ(count("RA"), 3);
  take();
  pass(seconds{100});
  EXPECT_GE(count("RA"), 9);
  EXPECT_LE(count("RA"), 14);
}

TEST_F(RouterDiscoveryTest, AnswersASolicitationAtOnce) {
  link(LinkState::kUp);
  take();
  discovery_.handle(RouterSolicitationHeard{kPort, kLeaf}, now_);
  discovery_.handle(RouterSolicitationHeard{kPort, Ipv6Address{}}, now_);
  EXPECT_EQ(take(), (Log{"RA to fe80::1", "RA"}));
}

TEST_F(RouterDiscoveryTest, ANeighborIsReportedOnceAndPortsAreApart) {
  link(LinkState::kUp);
  discovery_.handle(LinkChanged{kOtherPort, LinkState::kUp}, now_);
  take();
  hear(kLeaf);
  hear(kLeaf);
  hear(kLeaf, kOtherPort);  // the same address on another port is another neighbor
  EXPECT_EQ(take(), (Log{"found fe80::1 on 1", "RA to fe80::1", "found fe80::1 on 2"}));
}

TEST_F(RouterDiscoveryTest, ARouterThatHasJustStartedIsAnsweredAtOnceButNotOverAndOver) {
  link(LinkState::kUp);
  hear(kLeaf);
  take();
  // It has been there for long: nothing to hurry for.
  for (int i = 0; i < 3; ++i) {
    now_ += seconds{10};
    hear(kLeaf);
  }
  EXPECT_EQ(take(), Log{});
  // Started anew, from the same address.
  for (int i = 0; i < 5; ++i) {
    now_ += seconds{1};
    hear(kLeaf);
  }
  EXPECT_EQ(take(), (Log{"RA to fe80::1", "RA to fe80::1"}));
}

TEST_F(RouterDiscoveryTest, NeverTakesItselfForANeighbor) {
  link(LinkState::kUp);
  take();
  hear(kOwn);
  discovery_.handle(RouterSolicitationHeard{kPort, kOwn}, now_);
  EXPECT_EQ(take(), Log{});
  EXPECT_FALSE(discovery_.neighbor(kPort));
}

TEST_F(RouterDiscoveryTest, AReplacedLeafIsFoundButTwoRoutersDoNotAlternate) {
  link(LinkState::kUp);
  hear(kLeaf);
  take();
  for (int i = 0; i < 5; ++i) {  // side by side
    hear(kNewLeaf);
    now_ += seconds{10};
    hear(kLeaf);
  }
  EXPECT_EQ(take(), Log{});
  hear(kNewLeaf);  // the old one is silent
  hear(kNewLeaf);
  EXPECT_EQ(take(), (Log{"found fe80::2 on 1"}));
}

TEST_F(RouterDiscoveryTest, LinkDownForgetsTheNeighborAndStopsTheTimers) {
  link(LinkState::kUp);
  hear(kLeaf);
  take();
  link(LinkState::kDown);
  EXPECT_EQ(take(), (Log{"lost on 1"}));
  hear(kLeaf);  // a frame that was still on its way
  pass(seconds{60});
  EXPECT_EQ(take(), Log{});
  link(LinkState::kUp);
  hear(kLeaf);
  EXPECT_EQ(take(), (Log{"RS", "RA", "found fe80::1 on 1"}));
}

}  // namespace
}  // namespace lastmile
