// The rules of every step, as the driver is told them: rte_flow arrays are read back into the
// words of dpdk-testpmd and compared with a table.
#include "drivers/offload/catalog.h"

#include <gtest/gtest.h>

#include <cstring>

#include "drivers/offload/rte_rule.h"

namespace lastmile::offload {
namespace {

struct Expected {
  const char* name;
  std::vector<const char*> ways;
};

void expect_table(const std::vector<Wish>& wishes, const std::vector<Expected>& table) {
  ASSERT_EQ(wishes.size(), table.size());
  for (std::size_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(wishes[i].name, table[i].name);
    ASSERT_EQ(wishes[i].ways.size(), table[i].ways.size()) << table[i].name;
    for (std::size_t way = 0; way < table[i].ways.size(); ++way) {
      EXPECT_EQ(testpmd_text(wishes[i].ways[way]), table[i].ways[way]) << table[i].name;
    }
  }
}

TEST(Catalog, SteersBfdBgpAndDiscovery) {
  const char* const kAllIcmpv6 =
      "ingress pattern eth / ipv6 proto is 58 / end actions queue index 2 / end";
  expect_table(
      steering(2),
      {
          {"bfd ipv4",
           {"ingress pattern eth / ipv4 / udp dst is 3784 / end actions queue index 2 / end",
            "ingress pattern eth / ipv4 proto is 17 / udp dst is 3784 / end actions queue index 2 "
            "/ end"}},
          {"bfd ipv6",
           {"ingress pattern eth / ipv6 / udp dst is 3784 / end actions queue index 2 / end",
            "ingress pattern eth / ipv6 proto is 17 / udp dst is 3784 / end actions queue index 2 "
            "/ end"}},
          {"bfd-echo ipv4",
           {"ingress pattern eth / ipv4 / udp dst is 3785 / end actions queue index 2 / end",
            "ingress pattern eth / ipv4 proto is 17 / udp dst is 3785 / end actions queue index 2 "
            "/ end"}},
          {"bfd-echo ipv6",
           {"ingress pattern eth / ipv6 / udp dst is 3785 / end actions queue index 2 / end",
            "ingress pattern eth / ipv6 proto is 17 / udp dst is 3785 / end actions queue index 2 "
            "/ end"}},
          {"bfd-multihop ipv4",
           {"ingress pattern eth / ipv4 / udp dst is 4784 / end actions queue index 2 / end",
            "ingress pattern eth / ipv4 proto is 17 / udp dst is 4784 / end actions queue index 2 "
            "/ end"}},
          {"bfd-multihop ipv6",
           {"ingress pattern eth / ipv6 / udp dst is 4784 / end actions queue index 2 / end",
            "ingress pattern eth / ipv6 proto is 17 / udp dst is 4784 / end actions queue index 2 "
            "/ end"}},
          {"bgp ipv4",
           {"ingress pattern eth / ipv4 / tcp dst is 179 / end actions queue index 2 / end",
            "ingress pattern eth / ipv4 proto is 6 / tcp dst is 179 / end actions queue index 2 / "
            "end"}},
          {"bgp ipv6",
           {"ingress pattern eth / ipv6 / tcp dst is 179 / end actions queue index 2 / end",
            "ingress pattern eth / ipv6 proto is 6 / tcp dst is 179 / end actions queue index 2 / "
            "end"}},
          {"bgp-reply ipv4",
           {"ingress pattern eth / ipv4 / tcp src is 179 / end actions queue index 2 / end",
            "ingress pattern eth / ipv4 proto is 6 / tcp src is 179 / end actions queue index 2 / "
            "end"}},
          {"bgp-reply ipv6",
           {"ingress pattern eth / ipv6 / tcp src is 179 / end actions queue index 2 / end",
            "ingress pattern eth / ipv6 proto is 6 / tcp src is 179 / end actions queue index 2 / "
            "end"}},
          {"router-solicitation",
           {"ingress pattern eth / ipv6 / icmp6 type is 133 / end actions queue index 2 / end",
            kAllIcmpv6}},
          {"router-advertisement",
           {"ingress pattern eth / ipv6 / icmp6 type is 134 / end actions queue index 2 / end",
            kAllIcmpv6}},
          {"neighbor-solicitation",
           {"ingress pattern eth / ipv6 / icmp6 type is 135 / end actions queue index 2 / end",
            kAllIcmpv6}},
          {"neighbor-advertisement",
           {"ingress pattern eth / ipv6 / icmp6 type is 136 / end actions queue index 2 / end",
            kAllIcmpv6}},
          {"arp", {"ingress pattern eth type is 0x0806 / end actions queue index 2 / end"}},
      });
}

TEST(Catalog, TheRestIsAskedLast) {
  EXPECT_EQ(testpmd_text(the_rest().ways.at(0)),
            "ingress priority 1 pattern eth / end actions queue index 0 / end");
  for (const Wish& wish : steering(1)) {
    for (const Rule& way : wish.ways) EXPECT_EQ(way.priority, 0U) << wish.name;
  }
}

TEST(Catalog, ReflectsANeighborsEchoButNotOurs) {
  const EchoPeer peer{.ours = *MacAddress::parse("02:00:5e:10:00:01"),
                      .peers = *MacAddress::parse("02:00:5e:10:01:01")};
  expect_table(
      reflection({peer}, {*parse_ip_address("10.0.1.1"), *parse_ip_address("2001:db8:1::1")}, 3, 2),
      {
          {"own echo to 10.0.1.1",
           {"ingress pattern eth / ipv4 dst is 10.0.1.1 / udp dst is 3785 / end "
            "actions queue index 2 / end"}},
          {"own echo to 2001:db8:1::1",
           {"ingress pattern eth / ipv6 dst is 2001:db8:1::1 / udp dst is 3785 / end "
            "actions queue index 2 / end"}},
          {"echo of 02:00:5e:10:01:01 ipv4",
           {"ingress priority 1 pattern eth dst is 02:00:5e:10:00:01 src is 02:00:5e:10:01:01 / "
            "ipv4 / udp dst is 3785 / end actions set_mac_src mac_addr 02:00:5e:10:00:01 / "
            "set_mac_dst mac_addr 02:00:5e:10:01:01 / dec_ttl / queue index 3 / end"}},
          {"echo of 02:00:5e:10:01:01 ipv6",
           {"ingress priority 1 pattern eth dst is 02:00:5e:10:00:01 src is 02:00:5e:10:01:01 / "
            "ipv6 / udp dst is 3785 / end actions set_mac_src mac_addr 02:00:5e:10:00:01 / "
            "set_mac_dst mac_addr 02:00:5e:10:01:01 / dec_ttl / queue index 3 / end"}},
      });
}

TEST(Catalog, DropsWhatFlowspecMatches) {
  const auto prefix = [](const char* text) { return *parse_ip_prefix(text); };
  const std::vector<Wish> wishes{
      drop({.source = prefix("192.0.2.0/24"), .destination = prefix("198.51.100.7/32")}),
      drop({.destination = prefix("2001:db8::/33"), .protocol = 17, .source_port = 123}),
      drop({.protocol = 6, .destination_port = 23}),
      drop({.source = prefix("2001:db8::1/128"), .protocol = 58}),
      drop(drop_probe()),
  };
  expect_table(
      wishes,
      {
          {"drop from 192.0.2.0/24 to 198.51.100.7/32",
           {"ingress pattern eth / ipv4 src spec 192.0.2.0 src prefix 24 dst is 198.51.100.7 / end "
            "actions drop / end"}},
          {"drop to 2001:db8::/33 protocol 17 from port 123",
           {"ingress pattern eth / ipv6 dst spec 2001:db8:: dst prefix 33 proto is 17 / "
            "udp src is 123 / end actions drop / end"}},
          {"drop protocol 6 to port 23",
           {"ingress pattern eth / ipv4 proto is 6 / tcp dst is 23 / end actions drop / end"}},
          {"drop from 2001:db8::1/128 protocol 58",
           {"ingress pattern eth / ipv6 src is 2001:db8::1 proto is 58 / end actions drop / end"}},
          {"drop from 192.0.2.1/32 to 198.51.100.1/32 protocol 17 from port 53 to port 53",
           {"ingress pattern eth / ipv4 src is 192.0.2.1 dst is 198.51.100.1 proto is 17 / "
            "udp src is 53 dst is 53 / end actions drop / end"}},
      });
}

// The text leaves out what it does not know; so the bytes of one rule of each header, too.
TEST(RteRule, SetsTheFieldsInNetworkOrderAndNoOthers) {
  const Rule rule{
      {MatchEthernet{.destination = MacAddress{{2, 3, 4, 5, 6, 7}}, .ether_type = 0x0800},
       MatchIpv4{.destination = *Ipv4Prefix::parse("10.32.0.0/11"), .protocol = 17},
       MatchUdp{.destination_port = 3784}},
      {ToQueue{5}},
      0};
  const RteRule made{rule};
  const auto expect_only = [](const void* fields, std::size_t size,
                              std::vector<std::pair<std::size_t, std::uint8_t>> expected) {
    const auto* bytes = static_cast<const std::uint8_t*>(fields);
    for (std::size_t i = 0; i < size; ++i) {
      std::uint8_t want = 0;
      for (const auto& [at, value] : expected) want = at == i ? value : want;
      EXPECT_EQ(bytes[i], want) << "byte " << i;
    }
  };
  const rte_flow_item* item = made.pattern();
  ASSERT_EQ(item[0].type, RTE_FLOW_ITEM_TYPE_ETH);
  expect_only(item[0].spec, sizeof(rte_ether_hdr),
              {{0, 2}, {1, 3}, {2, 4}, {3, 5}, {4, 6}, {5, 7}, {12, 0x08}});
  expect_only(
      item[0].mask, sizeof(rte_ether_hdr),
      {{0, 0xff}, {1, 0xff}, {2, 0xff}, {3, 0xff}, {4, 0xff}, {5, 0xff}, {12, 0xff}, {13, 0xff}});
  ASSERT_EQ(item[1].type, RTE_FLOW_ITEM_TYPE_IPV4);
  expect_only(item[1].spec, sizeof(rte_flow_item_ipv4), {{9, 17}, {16, 10}, {17, 32}});
  expect_only(item[1].mask, sizeof(rte_flow_item_ipv4), {{9, 0xff}, {16, 0xff}, {17, 0xe0}});
  ASSERT_EQ(item[2].type, RTE_FLOW_ITEM_TYPE_UDP);
  expect_only(item[2].spec, sizeof(rte_flow_item_udp), {{2, 0x0e}, {3, 0xc8}});
  expect_only(item[2].mask, sizeof(rte_flow_item_udp), {{2, 0xff}, {3, 0xff}});
  EXPECT_EQ(item[3].type, RTE_FLOW_ITEM_TYPE_END);
  EXPECT_EQ(made.attributes().ingress, 1U);
  EXPECT_EQ(made.attributes().egress, 0U);
  EXPECT_EQ(made.attributes().transfer, 0U);
  EXPECT_EQ(static_cast<const rte_flow_action_queue*>(made.actions()[0].conf)->index, 5);
}

TEST(RteRule, AHeaderThatIsOnlyNamedHasNeitherSpecNorMask) {
  const RteRule made{{{MatchEthernet{}, MatchIpv6{}, MatchTcp{}}, {Drop{}}, 0}};
  for (const auto* item = made.pattern(); item->type != RTE_FLOW_ITEM_TYPE_END; ++item) {
    EXPECT_EQ(item->spec, nullptr);
    EXPECT_EQ(item->mask, nullptr);
    EXPECT_EQ(item->last, nullptr);
  }
}

}  // namespace
}  // namespace lastmile::offload
