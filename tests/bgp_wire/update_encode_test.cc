// UPDATE: how ours look on the wire, and how they are cut.
#include <gtest/gtest.h>

#include "tests/bgp_wire/update_fixture.h"

namespace lastmile::bgp::test {
namespace {

using enum AsPath::SegmentType;

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
    context.path_ids = context.own_path_ids = {Family::kIpv4Unicast, Family::kIpv6Unicast};
    check_packing(announcement(kV4Hop, v4), v4, context);
    check_packing(announcement(kBoth, v6, Family::kIpv6Unicast), v6, context);
    check_packing(withdraw, v6, context);
  }
}

// RFC 7911 section 3.
TEST(UpdateEncode, PathIdentifiers) {
  using List = std::vector<Nlri<Ipv4Address>>;
  const List paths{{*Ipv4Prefix::parse("10.0.0.0/8"), 1},
                   {*Ipv4Prefix::parse("10.0.0.0/8"), 0xffffffff}};
  Update u = announcement(kV4Hop, paths);
  u.unreach = {{Family::kIpv4Unicast, List{{*Ipv4Prefix::parse("10.2.0.0/16"), 7}}}};
  CodecContext context;
  context.own_path_ids = {Family::kIpv4Unicast};
  const std::string octets = to_hex(encode(u, context));
  EXPECT_NE(octets.find(to_hex(hex("00000007 10 0a02"))), std::string::npos) << octets;
  EXPECT_TRUE(octets.ends_with(to_hex(hex("00000001 08 0a ffffffff 08 0a")))) << octets;
  // Only where they were agreed on, whatever the routes say of themselves.
  EXPECT_TRUE(to_hex(encode(u, {})).ends_with(to_hex(hex("08 0a 08 0a"))));
  const auto six =
      announcement(kBoth, std::vector{nlri<Ipv6Address>("2001:db8:1::/48")}, Family::kIpv6Unicast);
  EXPECT_EQ(encode(six, context), encode(six, {}));
}

// RFC 7311 section 3.3: on no other session.
TEST(UpdateEncode, AigpOnlyWhereItIsAgreedOn) {
  Update u = announcement(kV4Hop, std::vector{nlri("10.1.0.0/16")});
  u.attributes.aigp = Aigp{7, hex("09 0003")};
  CodecContext context;
  context.aigp = true;
  const std::string octets = to_hex(encode(u, context));
  EXPECT_NE(octets.find(to_hex(hex("80 1a 0e 01 000b 0000000000000007 09 0003"))),
            std::string::npos)
      << octets;
  EXPECT_EQ(decoded(encode(u, context), context).attributes, u.attributes);
  Update without = u;
  without.attributes.aigp.reset();
  EXPECT_EQ(encode(u, {}), encode(without, {}));
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
  differs([](PathAttributes& p) { p.only_to_customer = Asn{1}; });
  differs([](PathAttributes& p) { p.aigp = Aigp{}; });
  differs([](PathAttributes& p) { p.aigp = Aigp{0, {7, 0, 3}}; });
  differs([](PathAttributes& p) { p.partial.only_to_customer = true; });
  differs([](PathAttributes& p) { p.originator_id = Ipv4Address{}; });
  differs([](PathAttributes& p) { p.cluster_list = {Ipv4Address{}}; });
  differs([](PathAttributes& p) { p.unknown = {{0xe0, 99, {}}}; });
  differs([](PathAttributes& p) { p.partial.communities = true; });
}

}  // namespace
}  // namespace lastmile::bgp::test
