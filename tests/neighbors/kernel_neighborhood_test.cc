// Two ends of a veth pair, each with a KernelNeighborhood: they hear each other through the kernel.
#include "controlplane/io/kernel_neighborhood.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>

#include "tests/support/private_network.h"

namespace lastmile {
namespace {

using namespace std::chrono_literals;
using test::eventually;
using test::shell;

constexpr PortId kLeft{0};
constexpr PortId kRight{1};
const MacAddress kLeftMac = *MacAddress::parse("02:00:00:00:00:01");
const MacAddress kRightMac = *MacAddress::parse("02:00:00:00:00:02");

class KernelNeighborhoodTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test::enter_private_network()) GTEST_SKIP() << "needs root for a network namespace";
    ASSERT_TRUE(
        shell("sysctl -qw net.ipv6.conf.default.accept_dad=0 && "
              "ip link add left address 02:00:00:00:00:01 type veth "
              "peer name right address 02:00:00:00:00:02 && ip link set left up && ip link set "
              "right up"));
    for (const std::string end : {"left", "right"}) {
      ASSERT_TRUE(
          eventually("ip -6 address show dev " + end + " up scope link -tentative | grep -q inet6"))
          << end << " has no address to send from";
    }
    auto opened = KernelNeighborhood::open(
        {{kLeft, "left", kLeftMac}, {kRight, "right", kRightMac}},
        [this](decltype(Event::what) what) { events_.push_back(std::move(what)); });
    ASSERT_TRUE(opened) << opened.error();
    neighborhood_ = std::make_unique<KernelNeighborhood>(std::move(*opened));
  }

  // Reads until an event of type T satisfies the condition; nullptr if none does in time.
  template <class T, class Condition>
  const T* wait_for(Condition condition, std::chrono::milliseconds patience = 10s) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline) {
      for (const auto& event : events_) {
        if (const auto* found = std::get_if<T>(&event); found != nullptr && condition(*found)) {
          return found;
        }
      }
      std::vector<pollfd> watched;
      for (const int fd : neighborhood_->descriptors()) watched.push_back({fd, POLLIN, 0});
      poll(watched.data(), watched.size(), 10);
      for (const pollfd& w : watched) {
        if (w.revents != 0) neighborhood_->read(w.fd);
      }
    }
    return nullptr;
  }

  std::vector<decltype(Event::what)> events_;
  std::unique_ptr<KernelNeighborhood> neighborhood_;
};

TEST_F(KernelNeighborhoodTest, AdvertisementsReachTheOtherEndOnly) {
  neighborhood_->send_router_advertisement(kLeft, std::nullopt);
  const auto* heard = wait_for<RouterAdvertisementHeard>([](const auto&) { return true; });
  ASSERT_NE(heard, nullptr);
  EXPECT_EQ(heard->port, kRight);
  EXPECT_EQ(heard->source, kLeftMac.link_local());
  EXPECT_EQ(heard->source_link_layer, kLeftMac);
  EXPECT_EQ(heard->router_lifetime.count(), 0);
  EXPECT_EQ(
      wait_for<RouterAdvertisementHeard>([](const auto& h) { return h.port == kLeft; }, 500ms),
      nullptr)
      << "our own multicast came back";
}

TEST_F(KernelNeighborhoodTest, SolicitationsAndUnicastAnswers) {
  neighborhood_->send_router_solicitation(kRight);
  const auto* asked = wait_for<RouterSolicitationHeard>([](const auto&) { return true; });
  ASSERT_NE(asked, nullptr);
  EXPECT_EQ(asked->port, kLeft);
  neighborhood_->send_router_advertisement(kLeft, asked->source);
  EXPECT_NE(wait_for<RouterAdvertisementHeard>([](const auto& h) { return h.port == kRight; }),
            nullptr);
}

TEST_F(KernelNeighborhoodTest, ResolvesThroughTheKernelAndTellsOfLoss) {
  neighborhood_->resolve(kLeft, kRightMac.link_local());
  const auto* learned = wait_for<LinkLayerNeighborChanged>(
      [](const auto& n) { return n.port == kLeft && n.mac == kRightMac; });
  ASSERT_NE(learned, nullptr);
  EXPECT_EQ(learned->address, IpAddress{kRightMac.link_local()});

  ASSERT_TRUE(shell("ip -6 neighbor flush dev left"));
  EXPECT_NE(
      wait_for<LinkLayerNeighborChanged>([](const auto& n) { return n.port == kLeft && !n.mac; }),
      nullptr);
}

// The kernel drops messages when they are not read in time. What has left its table meanwhile must
// not be believed to be there for ever.
TEST_F(KernelNeighborhoodTest, WhatGoesDuringAnOverrunIsMissed) {
  const IpAddress address = kRightMac.link_local();
  neighborhood_->resolve(kLeft, address);
  ASSERT_NE(wait_for<LinkLayerNeighborChanged>([&](const auto& n) { return n.mac == kRightMac; }),
            nullptr);
  const int table = neighborhood_->descriptors().front();
  const int smallest = 1;
  ASSERT_EQ(setsockopt(table, SOL_SOCKET, SO_RCVBUF, &smallest, sizeof smallest), 0);
  // Many others come, nobody reads; then the one that is known goes, and one of the others.
  ASSERT_TRUE(
      shell("for i in $(seq 1 250); do echo neighbor add 192.0.2.$i lladdr 02:00:00:00:01:01 dev "
            "left; done | ip -batch - && ip -6 neighbor flush dev left && "
            "ip neighbor del 192.0.2.7 dev left"));
  events_.clear();
  EXPECT_NE(wait_for<LinkLayerNeighborChanged>(
                [&](const auto& n) { return n.address == address && !n.mac; }),
            nullptr);
  EXPECT_NE(wait_for<LinkLayerNeighborChanged>([](const auto& n) {
              return n.address == IpAddress{*Ipv4Address::parse("192.0.2.250")} && n.mac;
            }),
            nullptr);
  for (const auto& neighbor : neighborhood_->neighbors()) {
    EXPECT_NE(neighbor.entry.address, IpAddress{*Ipv4Address::parse("192.0.2.7")});
  }
}

TEST_F(KernelNeighborhoodTest, AMissingInterfaceIsAClearError) {
  const auto failed =
      KernelNeighborhood::open({{kLeft, "nowhere", kLeftMac}}, [](decltype(Event::what)) {});
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().find("nowhere: no such interface"), std::string::npos) << failed.error();
}

}  // namespace
}  // namespace lastmile
