// IPv4 packets that are too long for their way and may be cut.

#include <gtest/gtest.h>

#include <utility>

#include "dataplane/net/headers.h"
#include "dataplane/pipeline/transmit.h"
#include "tests/pipeline/test_router.h"

namespace lastmile::test {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kMtu = 600;

Packet packet(std::size_t payload, const MacAddress& to = kLanMac) {
  return Packet()
      .eth(to, kServerMac)
      .ipv4("192.168.101.20", "10.0.2.2")
      .ttl(17)
      .udp(1000, 53)
      .payload(payload);
}

class Fragmentation : public RouterTest {
 protected:
  Fragmentation() {
    tables_.ports.set(kUp1, {.mac = kUp1Mac, .mtu = kMtu, .zone = PortZone::kUplink});
    leaf_ = next_hop(NextHopKind::kForward, kUp1, kLeaf1Mac);
    route("10.0.2.2/32", leaf_);
  }
  /// What the receiver makes of the fragments: the IP payload. Checks all else of them.
  static Bytes put_together(const std::vector<Bytes>& frames, std::size_t header_length,
                            unsigned first_offset = 0, bool more_after = false) {
    Bytes payload;
    for (std::size_t i = 0; i < frames.size(); ++i) {
      const Bytes& frame = frames[i];
      const std::uint8_t* const ip = frame.data() + 14;
      EXPECT_EQ(destination_mac(frame), kLeaf1Mac);
      EXPECT_EQ(source_mac(frame), kUp1Mac);
      EXPECT_EQ(load_be16(ip + ipv4::kTotalLength), frame.size() - 14);
      EXPECT_LE(frame.size() - 14, kMtu);
      EXPECT_EQ(ip[ipv4::kTtl], 16) << "one hop";
      EXPECT_TRUE(has_right_checksum(frame));
      const unsigned field = load_be16(ip + ipv4::kFragment);
      EXPECT_EQ((field & ipv4::kFragmentOffset) * 8, first_offset + payload.size());
      const bool last = i + 1 == frames.size();
      EXPECT_EQ((field & ipv4::kMoreFragments) != 0, !last || more_after);
      EXPECT_EQ(ipv4::header_length(ip), i == 0 ? header_length : 20U);
      payload.insert(payload.end(), ip + ipv4::header_length(ip), frame.data() + frame.size());
    }
    return payload;
  }
  static Bytes payload_of(const Packet& whole, std::size_t header_length) {
    const Bytes frame = whole.bytes();
    return {frame.begin() + 14 + static_cast<std::ptrdiff_t>(header_length), frame.end()};
  }

  NextHopId leaf_;
};

TEST_F(Fragmentation, TheReceiverGetsTheWholeAgain) {
  for (const std::size_t payload : {573U, 1152U, 1153U, 1472U}) {
    receive(devices_.lan, packet(payload));
    const std::vector<Bytes> out = devices_.up1.take_sent();
    EXPECT_EQ(out.size(), (payload + 8 + 575) / 576);
    EXPECT_EQ(put_together(out, 20), payload_of(packet(payload), 20));
  }
  expect_no_drops();
  EXPECT_EQ(counted().next_hops[leaf_.value()].packets, 2U + 3 + 3 + 3);
}

TEST_F(Fragmentation, ALongerOneInSegments) {
  const Packet whole = packet(5000);
  devices_.lan.receive(make_mbuf(whole.bytes(), 1000));
  run();
  EXPECT_EQ(put_together(devices_.up1.take_sent(), 20), payload_of(whole, 20));
}

/// What one loop has for a port fills its buffer to the last place before the next fragment comes.
TEST_F(Fragmentation, OfAFullBufferGoIntoTheNextOne) {
  constexpr std::size_t kPayload = 9000;
  constexpr unsigned kEach = (kPayload + 8 + 575) / 576;
  constexpr unsigned kLong = 14;
  constexpr unsigned kShort = TransmitBuffer::kCapacity - kLong * kEach;
  static_assert(kLong * kEach < TransmitBuffer::kCapacity && kLong + kShort <= 64);
  const auto give = [](TestDevice& device, const Packet& one) {
    device.receive(make_mbuf(one.bytes(), 1000));
  };
  struct From {
    TestDevice& device;
    const MacAddress& mac;
  };
  const From lan{devices_.lan, kLanMac};
  const From up2{devices_.up2, kUp2Mac};
  // Whichever port is looked at first.
  for (const auto& [first, second] : {std::pair{lan, up2}, std::pair{up2, lan}}) {
    for (unsigned i = 0; i < kLong; ++i) give(first.device, packet(kPayload, first.mac));
    for (unsigned i = 0; i < kShort; ++i) give(first.device, packet(64, first.mac));
    give(second.device, packet(kPayload, second.mac));
    run();
    EXPECT_EQ(devices_.up1.take_sent().size(), (kLong + 1) * kEach + kShort);
  }
  expect_no_drops();
}

TEST_F(Fragmentation, AFragmentIsCutOnAtItsPlace) {
  const Packet whole = packet(1200).fragment_offset(100).more_fragments();
  receive(devices_.lan, whole);
  EXPECT_EQ(put_together(devices_.up1.take_sent(), 20, 800, true), payload_of(whole, 20));
}

TEST_F(Fragmentation, WaitsForALinkLayerAddressInOnePiece) {
  const NextHopId unresolved = next_hop(NextHopKind::kUnresolved, kUp1);
  route("10.0.2.2/32", unresolved);
  receive(devices_.lan, packet(1200));
  EXPECT_TRUE(devices_.up1.take_sent().empty());
  tables_.next_hops.change(unresolved, NextHopKind::kForward, kLeaf1Mac);
  advance(kHoldCheckInterval);
  run();
  EXPECT_EQ(put_together(devices_.up1.take_sent(), 20), payload_of(packet(1200), 20));
  expect_no_drops();
}

TEST_F(Fragmentation, NeverMoreThanABufferHolds) {
  tables_.ports.set(kUp1, {.mac = kUp1Mac, .mtu = 4000, .zone = PortZone::kUplink});
  devices_.lan.receive(make_mbuf(packet(5000).bytes(), 1000));
  run();
  for (const Bytes& frame : devices_.up1.take_sent()) EXPECT_LE(frame.size(), 2048U + 14);
  expect_no_drops();
}

TEST_F(Fragmentation, TooManyAreNone) {
  tables_.ports.set(kUp1, {.mac = kUp1Mac, .mtu = 68, .zone = PortZone::kUplink});
  devices_.lan.receive(make_mbuf(packet(4000).bytes(), 1000));
  run();
  expect_only_drops(DropReason::kFragmentationFailed);
  expect_silence();
}

}  // namespace
}  // namespace lastmile::test
