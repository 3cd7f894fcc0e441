// OPEN: what is read from it, and the NOTIFICATION that each kind of bad one gets, octet for octet.
#include <gtest/gtest.h>

#include "controlplane/bgp/wire/capabilities.h"
#include "tests/bgp_wire/octets_fixture.h"

namespace lastmile::bgp::test {
namespace {

// Version 4, AS 65001, hold time 9 s, identifier 10.0.1.1; "HEAD" in what follows.
const std::string kHead = "04 fde9 0009 0a000101 ";

tl::expected<Message, Notification> decode_open_body(const std::string& body) {
  const Bytes bytes = message(1, hex(body));
  return decode(exact_copy(bytes, bytes.size()), {});
}

struct BadOpen {
  const char* name;
  std::string_view body;
  const char* notification;  // the whole body of it: code, subcode, data
};

constexpr BadOpen kBadOpens[] = {
    {"Version3", "03 fde9 0009 0a000101 00", "02 01 0004"},
    {"Version5", "05 fde9 0009 0a000101 00", "02 01 0004"},
    {"AsZero", "04 0000 0009 0a000101 00", "02 02"},
    {"AsZeroInCapability", "HEAD 08 02 06 41 04 00000000", "02 02"},
    {"HoldTime1", "04 fde9 0001 0a000101 00", "02 06"},
    {"HoldTime2", "04 fde9 0002 0a000101 00", "02 06"},
    {"IdentifierZero", "04 fde9 0009 00000000 00", "02 03"},
    {"UnknownParameter", "HEAD 03 07 01 00", "02 04"},
    {"AuthenticationParameter", "HEAD 03 01 01 00", "02 04"},
    {"ParametersShorterThanTheirLength", "HEAD 04 02 00", "02 00"},
    {"ParametersLongerThanTheirLength", "HEAD 02 02 00 00", "02 00"},
    {"BytesBehindNoParameters", "HEAD 00 02 00", "02 00"},
    {"ParameterHeaderCut", "HEAD 01 02", "02 00"},
    {"ParameterOverrun", "HEAD 03 02 05 00", "02 00"},
    {"CapabilityHeaderCut", "HEAD 03 02 01 02", "02 00"},
    {"CapabilityOverrun", "HEAD 04 02 02 02 01", "02 00"},
    {"MultiprotocolLength3", "HEAD 07 02 05 01 03 0001 00", "02 00"},
    {"RouteRefreshLength1", "HEAD 05 02 03 02 01 00", "02 00"},
    {"ExtendedNextHopLength5", "HEAD 09 02 07 05 05 0001 0001 00", "02 00"},
    {"ExtendedMessageLength1", "HEAD 05 02 03 06 01 00", "02 00"},
    {"FourOctetAsnLength2", "HEAD 06 02 04 41 02 fde9", "02 00"},
    {"FourOctetAsnLength0", "HEAD 04 02 02 41 00", "02 00"},
    {"ExtendedFormCut", "HEAD ff ff 00", "02 00"},
    {"ExtendedFormNoLength", "HEAD ff ff", "02 00"},
    {"ExtendedFormWrongLength", "HEAD ff ff 0004 02 0000", "02 00"},
    {"ExtendedFormParameterHeaderCut", "HEAD ff ff 0002 02 00", "02 00"},
    {"ExtendedFormUnknownParameter", "HEAD ff ff 0003 07 0000", "02 04"},
};

class OpenErrors : public testing::TestWithParam<BadOpen> {};

TEST_P(OpenErrors, Notification) {
  std::string body(GetParam().body);
  if (body.starts_with("HEAD")) body.replace(0, 4, kHead);
  const auto decoded = decode_open_body(body);
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(to_hex(encode(decoded.error())), to_hex(message(3, hex(GetParam().notification))));
}

INSTANTIATE_TEST_SUITE_P(Table, OpenErrors, testing::ValuesIn(kBadOpens),
                         [](const auto& parameter) { return parameter.param.name; });

Open decoded_open(const std::string& body) {
  const auto decoded = decode_open_body(body);
  EXPECT_TRUE(decoded.has_value()) << to_string(decoded.error());
  return decoded ? std::get<Open>(*decoded) : Open{};
}

TEST(Open, Plain) {
  const Open open = decoded_open(kHead + "00");
  EXPECT_EQ(open.asn, Asn{65001});
  EXPECT_EQ(open.hold_time_s, 9);
  EXPECT_EQ(open.identifier, Ipv4Address(10, 0, 1, 1));
  EXPECT_EQ(open.capabilities, Capabilities{});
}

TEST(Open, HoldTimeZeroMeansNone) {
  EXPECT_EQ(decoded_open("04 fde9 0000 0a000101 00").hold_time_s, 0);
  EXPECT_EQ(decoded_open("04 fde9 0003 0a000101 00").hold_time_s, 3);
}

// As FRR sends it: one parameter for each capability.
TEST(Open, OneParameterForEachCapability) {
  const Open open = decoded_open(
      kHead + "28 02 06 01 04 0001 00 01  02 02 80 00  02 02 02 00  02 06 41 04 00010001" +
      "02 08 05 06 0001 0001 0002  02 04 45 02 0001");
  EXPECT_EQ(open.asn, Asn{65537});
  EXPECT_EQ(open.capabilities.multiprotocol, std::vector{Family::kIpv4Unicast});
  EXPECT_EQ(open.capabilities.extended_next_hop, std::vector{Family::kIpv4Unicast});
  EXPECT_TRUE(open.capabilities.route_refresh);
  EXPECT_FALSE(open.capabilities.extended_message);
  ASSERT_EQ(open.capabilities.unknown.size(), 2U);
  EXPECT_EQ(open.capabilities.unknown[0].code, 128);
  EXPECT_EQ(open.capabilities.unknown[1].code, 69);
  EXPECT_EQ(capability_name(69), "add-path");
  EXPECT_EQ(capability_name(200), "capability 200");
}

TEST(Open, DuplicatesAddNothing) {
  const Open open = decoded_open(kHead + "1e 02 1c 01 04 0001 00 01  01 04 0001 00 01  " +
                                 "41 04 00010001 41 04 00010002 02 00 02 00");
  EXPECT_EQ(open.capabilities.multiprotocol, std::vector{Family::kIpv4Unicast});
  EXPECT_EQ(open.asn, Asn{65537}) << "the first one stands";
  EXPECT_TRUE(open.capabilities.unknown.empty());
}

TEST(Open, FamiliesThatWeDoNotCarryAreKeptAside) {
  const Open open = decoded_open(kHead + "1c 02 1a 01 04 0019 00 46  01 04 0002 00 01 " +
                                 "05 0c 0001 0080 0002  0001 0001 0002");
  EXPECT_EQ(open.capabilities.multiprotocol, std::vector{Family::kIpv6Unicast});
  EXPECT_EQ(open.capabilities.extended_next_hop, std::vector{Family::kIpv4Unicast});
  ASSERT_EQ(open.capabilities.unknown.size(), 2U);
  EXPECT_EQ(open.capabilities.unknown[0], (Capabilities::Unknown{1, hex("0019 00 46")}));
  EXPECT_EQ(open.capabilities.unknown[1], (Capabilities::Unknown{5, hex("0001 0080 0002")}));
}

// RFC 9234 section 4.2: the same role twice is one; the session judges different ones.
TEST(Open, Roles) {
  EXPECT_EQ(decoded_open(kHead + "05 02 03 09 01 03").capabilities.roles,
            (std::vector<std::uint8_t>{3}));
  EXPECT_EQ(decoded_open(kHead + "08 02 06 09 01 03 09 01 03").capabilities.roles,
            (std::vector<std::uint8_t>{3}));
  EXPECT_EQ(decoded_open(kHead + "08 02 06 09 01 03 09 01 09").capabilities.roles,
            (std::vector<std::uint8_t>{3, 9}));
  EXPECT_FALSE(decode_open_body(kHead + "06 02 04 09 02 03 00").has_value());
}

// RFC 4724 section 3, RFC 8538 section 2.
TEST(Open, GracefulRestart) {
  const auto restart = [](const char* capability) {
    return decoded_open(kHead + capability).capabilities.graceful_restart;
  };
  EXPECT_FALSE(restart("00"));
  EXPECT_EQ(restart("06 02 04 40 02 0000"), GracefulRestart{});
  GracefulRestart whole{
      true, true, 120, {{Family::kIpv4Unicast, true}, {Family::kIpv6Unicast, false}}};
  EXPECT_EQ(restart("0e 02 0c 40 0a c078 0001 01 80 0002 01 00"), whole);
  whole.restarted = whole.notifications = false;
  whole.families.pop_back();
  whole.restart_time_s = 0xfff;
  EXPECT_EQ(restart("0e 02 0c 40 0a 3fff 0001 01 80 0019 46 80"), whole)
      << "reserved bits and families of others mean nothing";
  EXPECT_EQ(restart("0a 02 08 40 02 0001 40 02 0002")->restart_time_s, 2) << "the last one counts";
  for (const char* bad :
       {"05 02 03 40 01 00", "07 02 05 40 03 0000 00", "09 02 07 40 05 0000 0001 01"}) {
    EXPECT_FALSE(decode_open_body(kHead + bad).has_value()) << bad;
  }
}

// RFC 9494 section 3. What does not add up costs no session.
TEST(Open, LongLivedGracefulRestart) {
  const auto restart = [](const char* capability) {
    return decoded_open(kHead + capability).capabilities.long_lived;
  };
  EXPECT_FALSE(restart("00"));
  EXPECT_EQ(restart("04 02 02 47 00"), LongLivedRestart{});
  EXPECT_EQ(restart("12 02 10 47 0e 0001 01 80 010203 0019 46 80 000001"),
            (LongLivedRestart{{{Family::kIpv4Unicast, true, 0x010203}}}));
  EXPECT_FALSE(restart("0a 02 08 47 06 0001 01 80 0102"));
}

// RFC 7911 section 4.
TEST(Open, AddPath) {
  const auto add_path = [](const char* capability) {
    return decoded_open(kHead + capability).capabilities.add_path;
  };
  EXPECT_EQ(add_path("0c 02 0a 45 08 0001 01 01 0002 01 02"),
            (std::vector<AddPath>{{Family::kIpv4Unicast, true, false},
                                  {Family::kIpv6Unicast, false, true}}));
  EXPECT_EQ(add_path("10 02 0e 45 0c 0001 01 04 0019 46 03 0002 01 03"),
            (std::vector<AddPath>{{Family::kIpv6Unicast, true, true}}))
      << "unknown values and families mean nothing";
  EXPECT_TRUE(add_path("07 02 05 45 03 0001 01").empty());
}

TEST(Open, HostName) {
  const Open open = decoded_open(kHead + "0e 02 0c 49 0a 05 6c65616631 03 6c6162");
  EXPECT_EQ(open.capabilities.hostname, "leaf1");
  EXPECT_EQ(open.capabilities.domain_name, "lab");
}

TEST(Open, HostNameThatDoesNotAddUpIsNoError) {
  const Open open = decoded_open(kHead + "06 02 04 49 02 05 6c");
  EXPECT_EQ(open.capabilities.hostname, "");
  ASSERT_EQ(open.capabilities.unknown.size(), 1U);
}

// RFC 9072: the type decides, whatever the old length says.
TEST(Open, ExtendedParameterLengths) {
  EXPECT_EQ(decoded_open(kHead + "ff ff 0009 02 0006 41 04 00010001").asn, Asn{65537});
  EXPECT_EQ(decoded_open(kHead + "01 ff 0009 02 0006 41 04 00010001").asn, Asn{65537});
  EXPECT_EQ(decoded_open(kHead + "ff ff 0000").asn, Asn{65001});
}

Open full_open() {
  Open open;
  open.asn = Asn{4200000001};
  open.hold_time_s = 9;
  open.identifier = Ipv4Address{10, 0, 1, 1};
  Capabilities& capabilities = open.capabilities;
  capabilities.multiprotocol = {Family::kIpv4Unicast, Family::kIpv6Unicast};
  capabilities.route_refresh = true;
  capabilities.extended_next_hop = {Family::kIpv4Unicast};
  capabilities.extended_message = true;
  capabilities.enhanced_route_refresh = true;
  capabilities.roles = {0};
  capabilities.graceful_restart = {false, true, 90, {{Family::kIpv6Unicast, true}}};
  capabilities.four_octet_asn = open.asn;
  capabilities.hostname = "bms1";
  capabilities.domain_name = "lab.example";
  capabilities.unknown = {{200, {1, 2, 3}}};
  return open;
}

TEST(Open, RoundTrip) {
  for (const Open& open : {full_open(), Open{Asn{1}, 0, Ipv4Address{1}, {}}}) {
    const auto decoded = decode(encode(open), {});
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(std::get<Open>(*decoded), open);
  }
}

TEST(Open, FourOctetAsnIsAsTransInTheOldField) {
  const Bytes bytes = encode(full_open());
  EXPECT_EQ(bytes[kHeaderSize + 1] << 8 | bytes[kHeaderSize + 2], 23456);
}

// Around the length where the old form ends.
TEST(Open, ParametersAroundTheOldLimit) {
  for (unsigned size = 240; size <= 255; ++size) {
    Open open{Asn{1}, 9, Ipv4Address{1}, {}};
    open.capabilities.unknown = {{200, Bytes(size, 7)}};
    const auto decoded = decode(encode(open), {});
    ASSERT_TRUE(decoded.has_value()) << size;
    EXPECT_EQ(std::get<Open>(*decoded), open);
  }
  Open open{Asn{1}, 9, Ipv4Address{1}, {}};
  for (std::uint8_t code = 200; code < 210; ++code) {
    open.capabilities.unknown.push_back({code, Bytes(250, code)});
  }
  EXPECT_EQ(std::get<Open>(*decode(encode(open), {})), open);
}

TEST(Open, EveryTruncationIsAnError) {
  const Bytes bytes = encode(full_open());
  for (std::size_t size = kHeaderSize; size < bytes.size(); ++size) {
    Bytes cut = exact_copy(bytes, size);
    cut[17] = static_cast<std::uint8_t>(size);
    cut[16] = 0;
    EXPECT_FALSE(decode(cut, {}).has_value()) << size;
  }
}

}  // namespace
}  // namespace lastmile::bgp::test
