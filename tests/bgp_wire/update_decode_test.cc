// UPDATE: what is read from good ones, in all the forms that peers send.
#include <gtest/gtest.h>

#include "tests/bgp_wire/update_fixture.h"

namespace lastmile::bgp::test {
namespace {

std::string path_of(const std::string& attributes, const CodecContext& context) {
  const Bytes bytes = update({}, hex(kOrigin + attributes + "40 03 04 0a000001"), hex("08 0a"));
  return to_string(decoded(bytes, context).attributes.as_path);
}

TEST(UpdateDecode, Classic) {
  const Update got = decoded(update(hex("00 10 0a02 20 0a030405"),
                                    hex(kOrigin + kPath + "40 03 04 c0000201 80 04 04 00000007"),
                                    hex("18 cb0071 09 0aff 00")));
  ASSERT_EQ(got.unreach.size(), 1U);
  EXPECT_EQ(got.unreach[0].family, Family::kIpv4Unicast);
  EXPECT_EQ(got.unreach[0].nlri,
            NlriList(std::vector{nlri("0.0.0.0/0"), nlri("10.2.0.0/16"), nlri("10.3.4.5/32")}));
  ASSERT_EQ(got.reach.size(), 1U);
  EXPECT_EQ(got.reach[0].next_hop, (NextHop{Ipv4Address(192, 0, 2, 1), {}, {}}));
  // 10.255 with nine bits: what stands behind them is not ours to see.
  EXPECT_EQ(got.reach[0].nlri,
            NlriList(std::vector{nlri("203.0.113.0/24"), nlri("10.128.0.0/9"), nlri("0.0.0.0/0")}));
  EXPECT_EQ(got.attributes.med, 7U);
  EXPECT_EQ(to_string(got.attributes.as_path), "65001");
  EXPECT_EQ(got.end_of_rib, std::nullopt);
}

TEST(UpdateDecode, UnspecifiedNextHopStaysUnset) {
  const Update got = decoded(update({}, hex(kOrigin + kPath + "40 03 04 00000000"), hex("08 0a")));
  ASSERT_EQ(got.reach.size(), 1U);
  EXPECT_EQ(got.reach[0].next_hop, NextHop{});
}

struct NextHopCase {
  const char* name;
  std::string field;
  bool global;
  bool link_local;
};

class MpNextHop : public testing::TestWithParam<NextHopCase> {};

// The forms that peers send, standard or not.
TEST_P(MpNextHop, Classified) {
  const NextHopCase& c = GetParam();
  const std::size_t size = hex(c.field).size();
  Bytes attribute = hex("0002 01");
  attribute.push_back(static_cast<std::uint8_t>(size));
  append(attribute, hex(c.field + "00" + kV6Nlri));
  Bytes attributes{0x80, 14, static_cast<std::uint8_t>(attribute.size())};
  append(attributes, attribute);
  append(attributes, hex(kOrigin + kPath));
  const Update got = decoded(update({}, attributes, {}));
  ASSERT_EQ(got.reach.size(), 1U);
  NextHop expected;
  if (c.global) expected.global = Ipv6Address::parse("2001:db8::1");
  if (c.link_local) expected.link_local = Ipv6Address::parse("fe80::1");
  EXPECT_EQ(got.reach[0].next_hop, expected);
  EXPECT_EQ(got.reach[0].nlri, NlriList(std::vector{nlri<Ipv6Address>("2001:db8:1::/48")}));
}

INSTANTIATE_TEST_SUITE_P(
    Forms, MpNextHop,
    testing::Values(NextHopCase{"Global", kGlobal, true, false},
                    NextHopCase{"LinkLocal", kLinkLocal, false, true},
                    NextHopCase{"GlobalAndLinkLocal", kGlobal + kLinkLocal, true, true},
                    NextHopCase{"LinkLocalTwice", kLinkLocal + kLinkLocal, false, true},
                    NextHopCase{"UnspecifiedAndLinkLocal", kUnspecified + kLinkLocal, false, true},
                    NextHopCase{"LinkLocalAndGlobal", kLinkLocal + kGlobal, true, true},
                    NextHopCase{"GlobalTwice", kGlobal + kGlobal, true, false},
                    NextHopCase{"GlobalAndUnspecified", kGlobal + kUnspecified, true, false},
                    NextHopCase{"Unspecified", kUnspecified, false, false}),
    [](const auto& parameter) { return parameter.param.name; });

TEST(UpdateDecode, MpReachForIpv4) {
  CodecContext context;
  context.extended_next_hop = {Family::kIpv4Unicast};
  const Update got = decoded(
      update({},
             hex("90 0e 0028 0001 01 20" + kGlobal + kLinkLocal + "00 10 0a01" + kOrigin + kPath),
             {}),
      context);
  ASSERT_EQ(got.reach.size(), 1U);
  EXPECT_EQ(got.reach[0].family, Family::kIpv4Unicast);
  EXPECT_EQ(got.reach[0].nlri, NlriList(std::vector{nlri("10.1.0.0/16")}));
}

TEST(UpdateDecode, EndOfRib) {
  EXPECT_EQ(decoded(hex(to_hex(update({}, {}, {})))).end_of_rib, Family::kIpv4Unicast);
  EXPECT_EQ(decoded(update({}, hex("80 0f 03 0002 01"), {})).end_of_rib, Family::kIpv6Unicast);
  EXPECT_EQ(decoded(update({}, hex("90 0f 0003 0001 01"), {})).end_of_rib, Family::kIpv4Unicast);
  // "Only": with anything beside it, it is not the marker.
  EXPECT_EQ(decoded(update({}, hex("80 0f 03 0002 01 80 63 00"), {})).end_of_rib, std::nullopt);
  EXPECT_EQ(decoded(update(hex("08 0a"), hex("80 0f 03 0002 01"), {})).end_of_rib, std::nullopt);
  EXPECT_EQ(decoded(update({}, hex("80 0f 0a 0002 01" + kV6Nlri), {})).end_of_rib, std::nullopt);
  EXPECT_EQ(decoded(update(hex("08 0a"), {}, {})).end_of_rib, std::nullopt);
  for (const Family family : {Family::kIpv4Unicast, Family::kIpv6Unicast}) {
    EXPECT_EQ(decoded(encode_end_of_rib(family)).end_of_rib, family);
  }
  EXPECT_EQ(to_hex(encode_end_of_rib(Family::kIpv4Unicast)), to_hex(update({}, {}, {})));
}

TEST(UpdateDecode, CommunitiesAreSets) {
  const Update got =
      decoded(update({},
                     hex(kOrigin + kPath + "40 03 04 0a000001 c0 08 0c 00020002 00010001 00020002" +
                         "c0 20 18 00000002 00000001 00000001  00000001 00000001 00000001"),
                     hex("08 0a")));
  EXPECT_EQ(got.attributes.communities, (std::vector<Community>{{0x00010001}, {0x00020002}}));
  EXPECT_EQ(got.attributes.large_communities, (std::vector<LargeCommunity>{{1, 1, 1}, {2, 1, 1}}));
}

// RFC 4271 section 5: what we don't know passes with Partial set, and Partial is not cleared.
TEST(UpdateDecode, PartialIsKept) {
  const Update got = decoded(update(
      {},
      hex(kOrigin + kPath + "40 03 04 0a000001" + "e0 08 04 fde90001 c0 63 01 aa d0 62 0001 bb"),
      hex("08 0a")));
  EXPECT_TRUE(got.attributes.partial.communities);
  ASSERT_EQ(got.attributes.unknown.size(), 2U);
  EXPECT_EQ(got.attributes.unknown[0], (PathAttributes::Unknown{0xe0, 0x62, {0xbb}}));
  EXPECT_EQ(got.attributes.unknown[1], (PathAttributes::Unknown{0xe0, 0x63, {0xaa}}));
  const std::string sent = to_hex(encode(got, {}));
  EXPECT_NE(sent.find("e00804fde90001"), std::string::npos) << sent;
  EXPECT_NE(sent.find("e06201bbe06301aa"), std::string::npos) << sent;
}

// RFC 6793 section 4.2.3.
TEST(TwoOctet, PathsAreMerged) {
  const CodecContext context = two_octet();
  const std::string trans = "5ba0";
  // AS_PATH 65001 AS_TRANS AS_TRANS, AS4_PATH 65537 65538.
  EXPECT_EQ(
      path_of("40 02 08 02 03 fde9" + trans + trans + "c0 11 0a 02 02 00010001 00010002", context),
      "65001 65537 65538");
  // AS4_PATH longer than AS_PATH: ignored.
  EXPECT_EQ(path_of("40 02 04 02 01" + trans + "c0 11 0a 02 02 00010001 00010002", context),
            "23456");
  // The same length: AS4_PATH alone.
  EXPECT_EQ(path_of("40 02 04 02 01" + trans + "c0 11 06 02 01 00010001", context), "65537");
  // A set in the part that both have; it counts one.
  EXPECT_EQ(path_of("40 02 0c 02 02 fde9" + trans + "01 02" + trans + "0007" +
                        "c0 11 10 02 01 00010001 01 02 00010002 00000007",
                    context),
            "65001 65537 {65538,7}");
  // Confederation segments in AS4_PATH are dropped, the rest is used (RFC 6793 section 6).
  EXPECT_EQ(path_of("40 02 04 02 01" + trans + "c0 11 0c 03 01 00010009 02 01 00010001", context),
            "65537");
}

TEST(TwoOctet, LeadingConfederationSegmentIsKept) {
  CodecContext context = two_octet();
  context.external_peer = false;
  EXPECT_EQ(path_of("40 02 0a 03 01 fdea 02 02 fde9 5ba0 c0 11 06 02 01 00010001"
                    "40 05 04 00000064",
                    context),
            "(65002) 65001 65537");
}

TEST(TwoOctet, AggregatorsAreMerged) {
  const auto read = [](const std::string& attributes) {
    return decoded(update({}, hex(kOrigin + "40 02 04 02 01 5ba0 40 03 04 0a000001" + attributes),
                          hex("08 0a")),
                   two_octet())
        .attributes;
  };
  const PathAttributes merged = read(
      "c0 07 06 5ba0 0a000001 c0 12 08 00010001 0a000002"
      "c0 11 06 02 01 00010001");
  EXPECT_EQ(merged.aggregator, (Aggregator{Asn{65537}, Ipv4Address(10, 0, 0, 2)}));
  EXPECT_EQ(to_string(merged.as_path), "65537");
  // Aggregated by a two-octet speaker afterwards: AS4_AGGREGATOR and AS4_PATH are out of date.
  const PathAttributes stale = read(
      "c0 07 06 fde9 0a000001 c0 12 08 00010001 0a000002"
      "c0 11 06 02 01 00010001");
  EXPECT_EQ(stale.aggregator, (Aggregator{Asn{65001}, Ipv4Address(10, 0, 0, 1)}));
  EXPECT_EQ(to_string(stale.as_path), "23456");
  EXPECT_EQ(read("c0 12 08 00010001 0a000002").aggregator, std::nullopt);
}

// RFC 7311 section 3: the first metric counts, the rest goes on as it came.
TEST(UpdateDecode, Aigp) {
  CodecContext context;
  context.aigp = true;
  const auto read = [&](const char* value, const CodecContext& agreed) {
    return decoded(update({}, hex(kOrigin + kPath + "40 03 04 0a000001 " + value), hex("08 0a")),
                   agreed)
        .attributes.aigp;
  };
  EXPECT_EQ(read("80 1a 0b 01 000b 0000000100000064", context), (Aigp{0x100000064, {}}));
  EXPECT_EQ(
      read("80 1a 1b 02 0005 abcd 01 000b 0000000000000064 01 000b 0000000000000001", context),
      (Aigp{100, hex("02 0005 abcd 01 000b 0000000000000001")}));
  EXPECT_EQ(read("80 1a 03 02 0003", context), std::nullopt);
  EXPECT_EQ(read("80 1a 0b 01 000b 0000000100000064", {}), std::nullopt);
}

// RFC 7911 section 3: four octets in front of each prefix, where that was agreed on.
TEST(UpdateDecode, PathIdentifiers) {
  CodecContext context;
  context.path_ids = {Family::kIpv4Unicast};
  const Update got =
      decoded(update(hex("00000007 10 0a02"), hex(kOrigin + kPath + "40 03 04 0a000001"),
                     hex("00000001 08 0a ffffffff 08 0a")),
              context);
  using List = std::vector<Nlri<Ipv4Address>>;
  EXPECT_EQ(std::get<List>(got.unreach[0].nlri), (List{{*Ipv4Prefix::parse("10.2.0.0/16"), 7}}));
  EXPECT_EQ(std::get<List>(got.reach[0].nlri),
            (List{{*Ipv4Prefix::parse("10.0.0.0/8"), 1},
                  {*Ipv4Prefix::parse("10.0.0.0/8"), 0xffffffff}}));
  // The other family has none.
  const Update v6 = decoded(update({}, hex("80 0f 0a 0002 01 " + kV6Nlri), {}), context);
  EXPECT_EQ(v6.unreach.size(), 1U);
  for (const char* cut : {"000000", "00000001", "00000001 08", "00000001 08 0a 00"}) {
    EXPECT_FALSE(decode(update({}, hex(kOrigin + kPath + "40 03 04 0a000001"), hex(cut)), context)
                     .has_value())
        << cut;
  }
}

}  // namespace
}  // namespace lastmile::bgp::test
