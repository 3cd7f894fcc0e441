// UPDATE: what is read from good ones, and how ours look on the wire.
#include <gtest/gtest.h>

#include "tests/bgp_wire/octets_fixture.h"

namespace lastmile::bgp::test {
namespace {

using enum AsPath::SegmentType;

const std::string kOrigin = "40 01 01 00 ";
const std::string kPath = "40 02 06 02 01 0000fde9 ";
const std::string kGlobal = "20010db8000000000000000000000001";
const std::string kLinkLocal = "fe800000000000000000000000000001";
const std::string kUnspecified = "00000000000000000000000000000000";
const std::string kV6Nlri = "30 20010db80001 ";

CodecContext two_octet() {
  CodecContext context;
  context.four_octet_asn = false;
  return context;
}

CodecContext internal() {
  CodecContext context;
  context.external_peer = false;
  return context;
}

Update decoded(const Bytes& bytes, const CodecContext& context = {}) {
  const auto result = decode(bytes, context);
  EXPECT_TRUE(result.has_value()) << to_string(result.error());
  return result ? std::get<Update>(*result) : Update{};
}

// All UPDATEs of a stream.
std::vector<Update> decoded_stream(const Bytes& stream, const CodecContext& context) {
  std::vector<Update> updates;
  MessageReader reader;
  reader.append(stream);
  while (auto next = reader.next(context)) {
    EXPECT_TRUE(next->has_value()) << to_string(next->error());
    if (!next->has_value()) break;
    updates.push_back(std::get<Update>(**next));
  }
  return updates;
}

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

Update announcement(NextHop next_hop, NlriList list, Family family = Family::kIpv4Unicast) {
  Update update;
  update.attributes.as_path.prepend(Asn{64512});
  update.reach.push_back({family, next_hop, std::move(list)});
  return update;
}

const NextHop kV4Hop{Ipv4Address{192, 0, 2, 1}, {}, {}};
const NextHop kUnnumbered{{}, {}, Ipv6Address::parse("fe80::1")};
const NextHop kBoth{{}, Ipv6Address::parse("2001:db8::1"), Ipv6Address::parse("fe80::1")};

TEST(UpdateEncode, ClassicAttributesAscend) {
  Update u = announcement(kV4Hop, std::vector{nlri("10.1.0.0/16")});
  u.attributes.med = 5;
  u.attributes.communities = {{0xfde90001}};
  u.attributes.large_communities = {{1, 2, 3}};
  u.attributes.unknown = {{0xe0, 99, {1}}, {0xe0, 20, {2}}};
  EXPECT_EQ(to_hex(encode(u, {})),
            to_hex(update({},
                          hex("40 01 01 00 40 02 06 02 01 0000fc00 40 03 04 c0000201"
                              "80 04 04 00000005 c0 08 04 fde90001 e0 14 01 02"
                              "c0 20 0c 00000001 00000002 00000003 e0 63 01 01"),
                          hex("10 0a01"))));
}

TEST(UpdateEncode, Ipv4OverIpv6NextHop) {
  EXPECT_EQ(to_hex(encode(announcement(kUnnumbered, std::vector{nlri("10.0.1.1/32")}), {})),
            to_hex(update({},
                          hex("90 0e 001a 0001 01 10" + kLinkLocal + "00 20 0a000101" + kOrigin +
                              "40 02 06 02 01 0000fc00"),
                          {})));
  EXPECT_EQ(to_hex(encode(announcement(kBoth, std::vector{nlri("10.0.1.1/32")}), {})),
            to_hex(update({},
                          hex("90 0e 002a 0001 01 20" + kGlobal + kLinkLocal + "00 20 0a000101" +
                              kOrigin + "40 02 06 02 01 0000fc00"),
                          {})));
}

TEST(UpdateEncode, Ipv6) {
  EXPECT_EQ(to_hex(encode(announcement(kBoth, std::vector{nlri<Ipv6Address>("2001:db8:1::/48")},
                                       Family::kIpv6Unicast),
                          {})),
            to_hex(update({},
                          hex("90 0e 002c 0002 01 20" + kGlobal + kLinkLocal + "00" + kV6Nlri +
                              kOrigin + "40 02 06 02 01 0000fc00"),
                          {})));
}

TEST(UpdateEncode, Withdrawals) {
  Update u;
  u.unreach.push_back({Family::kIpv4Unicast, std::vector{nlri("10.1.0.0/16")}});
  u.unreach.push_back({Family::kIpv6Unicast, std::vector{nlri<Ipv6Address>("2001:db8:1::/48")}});
  Bytes expected = update(hex("10 0a01"), {}, {});
  append(expected, update({}, hex("90 0f 000a 0002 01" + kV6Nlri), {}));
  EXPECT_EQ(to_hex(encode(u, {})), to_hex(expected));
}

TEST(UpdateEncode, NothingMakesNothing) {
  EXPECT_TRUE(encode(Update{}, {}).empty());
}

// RFC 7606 section 5.1: one kind of NLRI in a message.
TEST(UpdateEncode, KindsAreNotMixed) {
  Update u = announcement(kV4Hop, std::vector{nlri("10.1.0.0/16")});
  u.reach.push_back({Family::kIpv6Unicast, kBoth, std::vector{nlri<Ipv6Address>("2001:db8::/32")}});
  u.unreach.push_back({Family::kIpv4Unicast, std::vector{nlri("10.2.0.0/16")}});
  u.end_of_rib = Family::kIpv6Unicast;
  const std::vector<Update> messages = decoded_stream(encode(u, {}), {});
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(messages[0].unreach.size(), 1U);
  EXPECT_TRUE(messages[0].reach.empty());
  EXPECT_EQ(messages[1].reach.size(), 1U);
  EXPECT_EQ(messages[2].reach.size(), 1U);
  EXPECT_EQ(messages[3].end_of_rib, Family::kIpv6Unicast);
}

TEST(UpdateEncode, InternalAttributesStayInside) {
  Update u = announcement(kV4Hop, std::vector{nlri("10.1.0.0/16")});
  u.attributes.local_preference = 200;
  u.attributes.originator_id = Ipv4Address{1};
  u.attributes.cluster_list = {Ipv4Address{2}};
  EXPECT_EQ(decoded(encode(u, internal()), internal()).attributes, u.attributes);
  const Update outside = decoded(encode(u, {}), internal());
  EXPECT_FALSE(outside.attributes.local_preference);
  EXPECT_FALSE(outside.attributes.originator_id);
  EXPECT_TRUE(outside.attributes.cluster_list.empty());
}

TEST(UpdateEncode, TwoOctetPeer) {
  Update u = announcement(kV4Hop, std::vector{nlri("10.1.0.0/16")});
  u.attributes.as_path.prepend(Asn{65537}, 2);
  u.attributes.aggregator = Aggregator{Asn{65538}, Ipv4Address{10, 0, 0, 1}};
  EXPECT_EQ(to_hex(encode(u, two_octet())),
            to_hex(update({},
                          hex("40 01 01 00 40 02 08 02 03 5ba0 5ba0 fc00 40 03 04 c0000201"
                              "c0 07 06 5ba0 0a000001 c0 11 0e 02 03 00010001 00010001 0000fc00"
                              "c0 12 08 00010002 0a000001"),
                          hex("10 0a01"))));
  EXPECT_EQ(decoded(encode(u, two_octet()), two_octet()).attributes, u.attributes);
  // Nothing is lost in two octets, so nothing is repeated in four.
  const Update small = announcement(kV4Hop, std::vector{nlri("10.1.0.0/16")});
  EXPECT_EQ(to_hex(encode(small, two_octet())).find("c011"), std::string::npos);
}

template <class Address>
std::vector<Nlri<Address>> many(std::size_t count);
template <>
std::vector<Nlri<Ipv4Address>> many(std::size_t count) {
  std::vector<Nlri<Ipv4Address>> list;
  for (std::size_t i = 0; i < count; ++i) {
    list.push_back({Ipv4Prefix{Ipv4Address{static_cast<std::uint32_t>(i << 8)}, 24}, 0});
  }
  return list;
}
template <>
std::vector<Nlri<Ipv6Address>> many(std::size_t count) {
  std::vector<Nlri<Ipv6Address>> list;
  for (std::size_t i = 0; i < count; ++i) {
    Ipv6Address::Bytes bytes{0x20, 0x01};
    bytes[4] = static_cast<std::uint8_t>(i >> 8);
    bytes[5] = static_cast<std::uint8_t>(i);
    list.push_back({Ipv6Prefix{Ipv6Address{bytes}, 48}, 0});
  }
  return list;
}

template <class Address>
void check_packing(const Update& u, const std::vector<Nlri<Address>>& all,
                   const CodecContext& context) {
  const Bytes bytes = encode(u, context);
  std::vector<Nlri<Address>> got;
  const std::size_t limit = context.extended_message ? kMaxExtendedSize : kMaxMessageSize;
  std::size_t messages = 0;
  for (const Update& message : decoded_stream(bytes, context)) {
    ++messages;
    const NlriList& list =
        message.reach.empty() ? message.unreach.at(0).nlri : message.reach.at(0).nlri;
    const auto& part = std::get<std::vector<Nlri<Address>>>(list);
    got.insert(got.end(), part.begin(), part.end());
  }
  EXPECT_EQ(got, all);
  // Every message but the last is full: one more prefix would not have gone in.
  EXPECT_GE(bytes.size(), (messages - 1) * (limit - 17));
  EXPECT_LE(bytes.size(), messages * limit);
  std::size_t longest = 0;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t length = static_cast<std::size_t>(bytes[at + 16]) << 8 | bytes[at + 17];
    longest = std::max(longest, length);
    at += length;
  }
  EXPECT_LE(longest, limit);
}

TEST(UpdateEncode, PackedToTheLimit) {
  for (const bool extended : {false, true}) {
    CodecContext context;
    context.extended_message = extended;
    context.extended_next_hop = {Family::kIpv4Unicast};
    const auto v4 = many<Ipv4Address>(40000);
    const auto v6 = many<Ipv6Address>(20000);
    check_packing(announcement(kV4Hop, v4), v4, context);
    check_packing(announcement(kUnnumbered, v4), v4, context);
    check_packing(announcement(kBoth, v6, Family::kIpv6Unicast), v6, context);
    Update withdraw;
    withdraw.unreach = {{Family::kIpv4Unicast, v4}};
    check_packing(withdraw, v4, context);
    withdraw.unreach = {{Family::kIpv6Unicast, v6}};
    check_packing(withdraw, v6, context);
  }
}

// RFC 4271 section 9.2: not advertised; and what the peer has of it is withdrawn.
TEST(UpdateEncode, AttributesTooBigForAMessage) {
  Update u = announcement(kV4Hop, std::vector{nlri("10.1.0.0/16")});
  for (std::uint32_t i = 0; i < 1100; ++i) u.attributes.communities.push_back({i});
  EXPECT_EQ(to_hex(encode(u, {})), to_hex(update(hex("10 0a01"), {}, {})));
  CodecContext context;
  context.extended_message = true;
  EXPECT_EQ(decoded(encode(u, context), context).attributes, u.attributes);
}

// The largest attributes that still leave room for one prefix.
TEST(UpdateEncode, AttributesThatBarelyFit) {
  for (std::size_t size = 3900; size < 4100; ++size) {
    Update u = announcement(kV4Hop, std::vector{nlri("10.1.0.1/32"), nlri("10.1.0.2/32")});
    u.attributes.unknown = {{0xe0, 99, Bytes(size, 1)}};
    for (const Update& message : decoded_stream(encode(u, {}), {})) {
      EXPECT_TRUE(message.faults.empty());
      EXPECT_EQ(message.reach.size() + message.unreach.size(), 1U);
    }
  }
}

TEST(UpdateEncode, LongSegmentsAreCut) {
  Update u = announcement(kV4Hop, std::vector{nlri("10.1.0.0/16")});
  u.attributes.as_path.segments = {{kSequence, std::vector<Asn>(600, Asn{7})}};
  EXPECT_EQ(decoded(encode(u, {})).attributes.as_path.count(Asn{7}), 600U);
}

TEST(Hash, EqualAttributesHashAlikeAndOthersDiffer) {
  PathAttributes a;
  a.as_path.prepend(Asn{1});
  PathAttributes b = a;
  EXPECT_EQ(hash_value(a), hash_value(b));
  const auto differs = [&](auto change) {
    b = a;
    change(b);
    EXPECT_NE(a, b);
    EXPECT_NE(hash_value(a), hash_value(b));
  };
  differs([](PathAttributes& p) { p.origin = Origin::kEgp; });
  differs([](PathAttributes& p) { p.as_path.prepend(Asn{1}); });
  differs([](PathAttributes& p) { p.as_path.segments[0].type = kSet; });
  differs([](PathAttributes& p) { p.med = 0; });
  differs([](PathAttributes& p) { p.local_preference = 0; });
  differs([](PathAttributes& p) { p.atomic_aggregate = true; });
  differs([](PathAttributes& p) { p.aggregator = Aggregator{}; });
  differs([](PathAttributes& p) { p.communities = {{1}}; });
  differs([](PathAttributes& p) { p.extended_communities = {{1}}; });
  differs([](PathAttributes& p) { p.large_communities = {{1, 2, 3}}; });
  differs([](PathAttributes& p) { p.originator_id = Ipv4Address{}; });
  differs([](PathAttributes& p) { p.cluster_list = {Ipv4Address{}}; });
  differs([](PathAttributes& p) { p.unknown = {{0xe0, 99, {}}}; });
  differs([](PathAttributes& p) { p.partial.communities = true; });
}

}  // namespace
}  // namespace lastmile::bgp::test
