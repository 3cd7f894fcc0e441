// No packet buffer is left: what needs one is dropped and counted, all else goes on, BFD has its
// own, and nothing is missing when buffers come back.

#include <gtest/gtest.h>
#include <rte_errno.h>
#include <rte_mbuf.h>

#include <array>
#include <vector>

#include "dataplane/bfd/engine.h"
#include "dataplane/net/headers.h"
#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kMtu = 600;
constexpr bfd::SessionId kSession{3};
constexpr std::uint32_t kOurs = bfd::kMaxSessions + 3;

/// Like those that the daemon makes for each worker.
rte_mempool* own_bfd_pool() {
  static rte_mempool* const pool = rte_pktmbuf_pool_create("own_bfd", 63, 0, 0, 512, -1);
  return pool;
}

class Exhaustion : public RouterTest {
 protected:
  Exhaustion() {
    tables_.ports.set(kUp1, {.mac = kUp1Mac, .mtu = kMtu, .zone = PortZone::kUplink});
    route("10.0.2.2/32", next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac));
    route("192.168.101.0/24", next_hop(NextHopKind::kForward, kLan, kServerMac));
  }
  ~Exhaustion() override { give_back(); }

  static Packet packet(std::size_t payload, std::uint8_t ttl = 17) {
    return Packet()
        .eth(kLanMac, kServerMac)
        .ipv4("192.168.101.20", "10.0.2.2")
        .ttl(ttl)
        .udp(1000, 53)
        .payload(payload);
  }
  /// Takes all buffers but so many.
  void exhaust(unsigned left) {
    while (rte_mempool_avail_count(packet_pool()) > left) {
      taken_.push_back(rte_pktmbuf_alloc(packet_pool()));
    }
  }
  void give_back() {
    for (rte_mbuf* buffer : taken_) rte_pktmbuf_free(buffer);
    taken_.clear();
  }

  void add_session() {
    bfd::SessionSpec spec;
    spec.discriminator = kOurs;
    spec.port = kUp1;
    spec.local_mac = kUp1Mac;
    spec.remote_mac = kLeaf1Mac;
    spec.local = IpAddress{kUp1Mac.link_local()};
    spec.remote = IpAddress{kLeaf1Mac.link_local()};
    spec.source_port = 49155;
    spec.parameters.control.desired_min_tx = bfd::Microseconds{10'000};
    spec.parameters.control.required_min_rx = bfd::Microseconds{10'000};
    ASSERT_TRUE(bfd_.commands.push(
        {.kind = bfd::Command::Kind::kAdd, .session = kSession, .next_hop = {}, .spec = spec}));
    run();
  }
  static Bytes from_leaf(bfd::State state) {
    bfd::ControlPacket control;
    control.state = state;
    control.multiplier = 3;
    control.my_discriminator = 77;
    control.your_discriminator = kOurs;
    control.desired_min_tx = control.required_min_rx = bfd::Microseconds{10'000};
    std::array<std::uint8_t, bfd::kControlSize> octets;
    encode(control, octets);
    const bfd::Addresses addresses{.source_mac = kLeaf1Mac,
                                   .destination_mac = kUp1Mac,
                                   .source = IpAddress{kLeaf1Mac.link_local()},
                                   .destination = IpAddress{kUp1Mac.link_local()},
                                   .source_port = 50000,
                                   .destination_port = bfd::kControlPort,
                                   .hop_limit = 255};
    Bytes frame(bfd::headers_size(addresses.source));
    frame.insert(frame.end(), octets.begin(), octets.end());
    bfd::write_headers(addresses, frame);
    return frame;
  }
  [[nodiscard]] bfd::State state() const {
    return static_cast<bfd::State>(bfd_.status[kSession].state.read());
  }

 private:
  std::vector<rte_mbuf*> taken_;
};

TEST_F(Exhaustion, ForwardingNeedsNoBuffer) {
  exhaust(1);  // the one that the driver has received into
  for (int i = 0; i < 1000; ++i) {
    receive(devices_.lan, packet(100));
    ASSERT_EQ(devices_.up1.take_sent().size(), 1U) << i;
  }
  expect_no_drops();
}

TEST_F(Exhaustion, NorDoErrors) {
  restart(TransitPolicy::kAllow, {.ipv4 = ip4("10.0.1.1"), .ipv6 = std::nullopt});
  exhaust(1);
  receive(devices_.lan, packet(100, 1));
  EXPECT_EQ(devices_.lan.take_sent().size(), 1U) << "time exceeded";
}

TEST_F(Exhaustion, WhatNeedsThemIsDroppedAndCounted) {
  std::uint64_t dropped = 0;
  // None is left behind the packet itself, or two of the three that its fragments need.
  for (const unsigned left : {1U, 3U, 1U}) {
    exhaust(left);
    receive(devices_.lan, packet(1400));
    expect_only_drops(DropReason::kFragmentationFailed, ++dropped);
    EXPECT_EQ(rte_mempool_avail_count(packet_pool()), left) << "and none is kept";
    expect_silence();
    give_back();
    receive(devices_.lan, packet(1400));
    EXPECT_EQ(devices_.up1.take_sent().size(), 3U) << "as before";
  }
}

TEST_F(Exhaustion, BfdHasBuffersOfItsOwn) {
  bfd_pool_ = own_bfd_pool();
  ASSERT_NE(bfd_pool_, nullptr) << rte_strerror(rte_errno);
  restart(TransitPolicy::kAllow);
  add_session();
  receive(devices_.up1, from_leaf(bfd::State::kDown));
  receive(devices_.up1, from_leaf(bfd::State::kInit));
  ASSERT_EQ(state(), bfd::State::kUp);
  devices_.up1.take_sent();
  exhaust(1);
  std::size_t said = 0;
  for (int i = 0; i < 100; ++i) {  // a second, of a detection time of 30 ms
    advance(10ms);
    receive(devices_.up1, from_leaf(bfd::State::kUp));
    said += devices_.up1.take_sent().size();
    ASSERT_EQ(state(), bfd::State::kUp) << i;
  }
  EXPECT_GE(said, 100U);
  expect_no_drops();
  EXPECT_EQ(rte_mempool_in_use_count(own_bfd_pool()), 0U);
}

/// Of a session whose own buffers are all in the rings of a driver that stands still.
TEST_F(Exhaustion, BfdGoesOnWhenTheyComeBack) {
  add_session();
  devices_.up1.take_sent();
  exhaust(0);
  for (int i = 0; i < 3; ++i) {
    advance(1s);
    run();
  }
  EXPECT_GE(drops(DropReason::kBfdNoBuffer), 3U);
  EXPECT_TRUE(devices_.up1.take_sent().empty());
  give_back();
  advance(1s);
  run();
  EXPECT_FALSE(devices_.up1.take_sent().empty());
}

}  // namespace
}  // namespace lastmile::test
