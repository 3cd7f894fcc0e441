#include "dataplane/net/ip.h"

#include <gtest/gtest.h>

#include "dataplane/net/format.h"

namespace lastmile {
namespace {

TEST(Ipv4Address, ParsesAndPrintsDottedQuads) {
  EXPECT_EQ(Ipv4Address::parse("10.0.2.2"), Ipv4Address(10, 0, 2, 2));
  EXPECT_EQ(to_string(Ipv4Address(255, 255, 255, 255)), "255.255.255.255");
  for (const char* bad : {"", "10.0.0", "10.0.0.256", "10.0.0.1 ", "10.0.0.1.2", "a.b.c.d"}) {
    EXPECT_FALSE(Ipv4Address::parse(bad)) << bad;
  }
}

TEST(Ipv4Address, WireFormIsBigEndian) {
  const std::array<std::uint8_t, 4> wire{10, 1, 2, 3};
  EXPECT_EQ(Ipv4Address::from_wire(wire).value(), 0x0a010203U);
  EXPECT_EQ(Ipv4Address(10, 1, 2, 3).to_wire(), wire);
}

TEST(Ipv6Address, KnowsItsScopes) {
  EXPECT_TRUE(Ipv6Address::parse("fe80::1")->is_link_local());
  EXPECT_TRUE(Ipv6Address::parse("febf::1")->is_link_local());
  EXPECT_FALSE(Ipv6Address::parse("fec0::1")->is_link_local());
  EXPECT_TRUE(Ipv6Address::parse("ff02::1")->is_multicast());
  EXPECT_TRUE(Ipv6Address::parse("::1")->is_loopback());
  EXPECT_FALSE(Ipv6Address::parse("fe80::1%eth0"));
}

TEST(Prefix, RefusesHostBits) {
  EXPECT_TRUE(Ipv4Prefix::parse("10.0.0.0/8"));
  EXPECT_FALSE(Ipv4Prefix::parse("10.0.0.1/8"));
  EXPECT_FALSE(Ipv4Prefix::parse("10.0.0.0/33"));
  EXPECT_FALSE(Ipv4Prefix::parse("10.0.0.0/"));
  EXPECT_FALSE(Ipv4Prefix::parse("10.0.0.0/8x"));
  EXPECT_EQ(Ipv4Prefix::parse("10.0.0.1")->length(), 32U);
  EXPECT_FALSE(Ipv6Prefix::parse("2001:db8::1/32"));
}

TEST(Prefix, ClearsHostBitsAndCovers) {
  const Ipv4Prefix ten{Ipv4Address(10, 1, 2, 3), 8};
  EXPECT_EQ(to_string(ten), "10.0.0.0/8");
  EXPECT_TRUE(ten.contains(Ipv4Address(10, 255, 0, 1)));
  EXPECT_FALSE(ten.contains(Ipv4Address(11, 0, 0, 0)));
  EXPECT_TRUE(ten.covers(*Ipv4Prefix::parse("10.2.0.0/16")));
  EXPECT_FALSE(ten.covers(*Ipv4Prefix::parse("0.0.0.0/0")));
  EXPECT_TRUE(Ipv4Prefix{}.contains(Ipv4Address(1, 2, 3, 4)));

  const Ipv6Prefix odd{*Ipv6Address::parse("2001:db8:ffff::"), 37};
  EXPECT_EQ(to_string(odd), "2001:db8:f800::/37");
  EXPECT_TRUE(odd.contains(*Ipv6Address::parse("2001:db8:ffff::1")));
  EXPECT_FALSE(odd.contains(*Ipv6Address::parse("2001:db8:7fff::1")));
}

TEST(Mac, GivesTheKernelsLinkLocalAddress) {
  const auto mac = MacAddress::parse("02:00:5e:10:00:01");
  ASSERT_TRUE(mac);
  EXPECT_EQ(to_string(mac->link_local()), "fe80::5eff:fe10:1");
  EXPECT_EQ(to_string(*mac), "02:00:5e:10:00:01");
  for (const char* bad : {"02:00:5e:10:00", "02-00-5e-10-00-01", "02:00:5e:10:00:0g", ""}) {
    EXPECT_FALSE(MacAddress::parse(bad)) << bad;
  }
}

TEST(Format, PrintsVariants) {
  const IpPrefix prefix = *Ipv6Prefix::parse("2001:db8::/32");
  EXPECT_EQ(fmt::format("{} {} {}", prefix, PortId{7}, IpAddress{Ipv4Address(1, 2, 3, 4)}),
            "2001:db8::/32 7 1.2.3.4");
}

}  // namespace
}  // namespace lastmile
