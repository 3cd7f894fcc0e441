#include <gtest/gtest.h>

#include <array>
#include <stdexcept>

#include "dataplane/forwarding/next_hop_table.h"

namespace lastmile {
namespace {

const MacAddress kOurs{{0x02, 0, 0, 0, 0, 0x01}};
const MacAddress kLeaf{{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee}};
const MacAddress kOtherLeaf{{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};

TEST(NextHopTable, ReadsBackWhatWasSet) {
  NextHopTable table{8};
  table.set(NextHopId{3},
            {.kind = NextHopKind::kForward, .port = PortId{513}, .destination = kLeaf}, kOurs);
  const NextHop hop = table.load(NextHopId{3});
  EXPECT_EQ(hop.kind(), NextHopKind::kForward);
  EXPECT_EQ(hop.port(), PortId{513});
  EXPECT_EQ(hop.destination(), kLeaf);
  EXPECT_EQ(hop.source(), kOurs);
}

TEST(NextHopTable, ChangeKeepsPortAndSource) {
  NextHopTable table{8};
  table.set(NextHopId{3}, {.kind = NextHopKind::kUnresolved, .port = PortId{2}, .destination = {}},
            kOurs);
  table.change(NextHopId{3}, NextHopKind::kForward, kOtherLeaf);
  const NextHop hop = table.load(NextHopId{3});
  EXPECT_EQ(hop.kind(), NextHopKind::kForward);
  EXPECT_EQ(hop.destination(), kOtherLeaf);
  EXPECT_EQ(hop.port(), PortId{2});
  EXPECT_EQ(hop.source(), kOurs);
}

TEST(NextHopTable, WritesFourteenBytesOfEthernetAndNoMore) {
  NextHopTable table{8};
  table.set(NextHopId{1},
            {.kind = NextHopKind::kForward, .port = PortId{0xffff}, .destination = kLeaf}, kOurs);
  std::array<std::uint8_t, 16> frame;
  frame.fill(0x5a);
  std::uint16_t ethertype = 0;
  const std::array<std::uint8_t, 2> wire{0x86, 0xdd};
  std::memcpy(&ethertype, wire.data(), 2);
  table.load(NextHopId{1}).write_ethernet(frame.data(), ethertype);
  const std::array<std::uint8_t, 16> expected{0x02, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0x02, 0,
                                              0,    0,    0,    0x01, 0x86, 0xdd, 0x5a, 0x5a};
  EXPECT_EQ(frame, expected);
}

TEST(NextHopTable, IsAliveWhileNoCauseHolds) {
  NextHopTable table{8};
  const NextHopId id{2};
  EXPECT_TRUE(table.is_alive(id));
  EXPECT_TRUE(table.set_down(id, DownCause::kLink));
  EXPECT_FALSE(table.set_down(id, DownCause::kBfd)) << "was down already";
  EXPECT_FALSE(table.is_alive(id));
  EXPECT_FALSE(table.clear_down(id, DownCause::kLink)) << "BFD still says down";
  EXPECT_FALSE(table.is_alive(id));
  EXPECT_FALSE(table.clear_down(id, DownCause::kRouting)) << "was not a cause";
  EXPECT_TRUE(table.clear_down(id, DownCause::kBfd));
  EXPECT_TRUE(table.is_alive(id));
  EXPECT_FALSE(table.clear_down(id, DownCause::kBfd)) << "was alive already";
  table.set_down(id, DownCause::kRouting);
  table.reset_liveness(id);
  EXPECT_TRUE(table.is_alive(id));
}

TEST(NextHopTable, RefusesCapacitiesThatNoIdentifierCanName) {
  EXPECT_THROW(NextHopTable{1}, std::invalid_argument);
  EXPECT_THROW(NextHopTable{NextHopTable::kMaxCapacity + 1}, std::invalid_argument);
}

TEST(PortTable, KeepsFacts) {
  PortTable ports;
  EXPECT_EQ(ports.egress(PortId{7}).mtu, 0);
  ports.set(PortId{7}, {.mac = kOurs, .mtu = 9000, .zone = PortZone::kUplink});
  EXPECT_EQ(ports.mac(PortId{7}), kOurs);
  EXPECT_EQ(ports.egress(PortId{7}).mtu, 9000);
  EXPECT_EQ(ports.egress(PortId{7}).zone, PortZone::kUplink);
}

}  // namespace
}  // namespace lastmile
