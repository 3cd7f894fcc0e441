#include "drivers/ports/device_string.h"

#include <gtest/gtest.h>

#include "drivers/exception/owner_mark.h"
#include "drivers/exception/twin.h"
#include "drivers/kernel/ingress_filter.h"

namespace lastmile {
namespace {

TEST(DeviceString, VirtualDeviceKeepsItsArguments) {
  const auto device = DeviceString::parse("net_af_packet0,iface=up1,qdisc_bypass=0,flag");
  ASSERT_TRUE(device);
  EXPECT_EQ(device->name(), "net_af_packet0");
  EXPECT_FALSE(device->is_pci());
  EXPECT_TRUE(device->is("net_af_packet"));
  EXPECT_FALSE(device->is("net_af_xdp"));
  EXPECT_EQ(device->argument("iface"), "up1");
  EXPECT_EQ(device->argument("flag"), "");
  EXPECT_EQ(device->argument("framesz"), std::nullopt);
  EXPECT_EQ(device->text(), "net_af_packet0,iface=up1,qdisc_bypass=0,flag");
}

TEST(DeviceString, PciAddressGetsItsDomain) {
  const auto device = DeviceString::parse("03:00.1,dv_flow_en=1");
  ASSERT_TRUE(device);
  EXPECT_TRUE(device->is_pci());
  EXPECT_EQ(device->name(), "0000:03:00.1");
  EXPECT_EQ(device->text(), "0000:03:00.1,dv_flow_en=1");
}

TEST(DeviceString, DefaultsDoNotOverrideTheUser) {
  auto device = *DeviceString::parse("net_af_packet0,framecnt=64");
  device.add_default("framecnt", "512");
  device.add_default("framesz", "2048");
  EXPECT_EQ(device.text(), "net_af_packet0,framecnt=64,framesz=2048");
}

TEST(DeviceString, NonsenseIsRefused) {
  for (const char* text :
       {"", ",iface=up1", "0000:03:00.9", "eth 0", "net_tap0,,iface=x", "net_tap0,=x", "03:0g.1"}) {
    EXPECT_FALSE(DeviceString::parse(text)) << text;
  }
}

TEST(AfPacketRing, HoldsFramesOfEveryMtu) {
  for (std::uint32_t mtu = 68; mtu <= 9216; ++mtu) {
    const AfPacketRing ring = packet_ring_for(static_cast<std::uint16_t>(mtu));
    ASSERT_GE(ring.frame_size, mtu + 14 + 8 + 66) << mtu;  // 66: the kernel's header, packet(7)
    ASSERT_EQ(ring.frame_size % 16, 0U) << mtu;            // TPACKET_ALIGNMENT
    ASSERT_EQ(ring.block_size % 4096, 0U) << mtu;
    ASSERT_EQ(ring.block_size % ring.frame_size, 0U) << mtu;
    ASSERT_EQ(ring.frame_count % (ring.block_size / ring.frame_size), 0U) << mtu;
    ASSERT_GE(ring.frame_count, 256U) << mtu;
  }
}

TEST(Twin, NamesAndTheirLimit) {
  EXPECT_EQ(Twin::interface_name("up1"), "lm-up1");
  EXPECT_EQ(Twin::interface_name(std::string(Twin::kMaxPortName, 'x')).size(), kMaxInterfaceName);
}

TEST(IngressFilter, TableNamesAreIdentifiersAndDiffer) {
  EXPECT_EQ(IngressFilter::table_name("up1"), "lastmile_up1");
  EXPECT_EQ(IngressFilter::table_name("eth0.7"), "lastmile_eth0_2e7");
  EXPECT_NE(IngressFilter::table_name("a-b"), IngressFilter::table_name("a.b"));
}

TEST(OwnerMark, TellsTheLivingTheDeadAndStrangers) {
  EXPECT_EQ(owner_of(owner_mark()), Owner::kAlive);
  EXPECT_EQ(owner_of("lastmile 1 1"), Owner::kDead);  // a PID that started at another time
  EXPECT_EQ(owner_of("lastmile 4194305 7"), Owner::kDead);
  EXPECT_EQ(owner_of("uplink to leaf 1"), Owner::kStranger);
  EXPECT_EQ(owner_of(""), Owner::kStranger);
}

}  // namespace
}  // namespace lastmile
