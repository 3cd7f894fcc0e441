// Headers, the small messages, and the cutting of a stream.
#include <gtest/gtest.h>

#include "controlplane/bgp/wire/notification.h"
#include "tests/bgp_wire/octets_fixture.h"

namespace lastmile::bgp::test {
namespace {

CodecContext extended() {
  CodecContext context;
  context.extended_message = true;
  return context;
}

struct BadHeader {
  const char* name;
  const char* marker_end;  // the last two octets of the marker
  const char* rest;        // length and type
  const char* notification;
  bool extended_message = false;
};

constexpr BadHeader kBadHeaders[] = {
    {"Marker", "ff00", "0013 04", "01 01"},
    {"MarkerBeforeLength", "fffe", "0000 09", "01 01"},
    {"Length0", "ffff", "0000 04", "01 02 0000"},
    {"Length18", "ffff", "0012 04", "01 02 0012"},
    {"Length4097", "ffff", "1001 02", "01 02 1001"},
    {"Length65535", "ffff", "ffff 02", "01 02 ffff"},
    {"Type0", "ffff", "0013 00", "01 03 00"},
    {"Type6", "ffff", "0013 06", "01 03 06"},
    {"Type255", "ffff", "1000 ff", "01 03 ff"},
    {"LengthBeforeType", "ffff", "0012 ff", "01 02 0012"},
    {"OpenTooShort", "ffff", "001c 01", "01 02 001c"},
    {"UpdateTooShort", "ffff", "0016 02", "01 02 0016"},
    {"NotificationTooShort", "ffff", "0014 03", "01 02 0014"},
    {"KeepaliveTooLong", "ffff", "0014 04", "01 02 0014"},
    {"RouteRefreshTooShort", "ffff", "0016 05", "01 02 0016"},
    // RFC 8654 section 4: OPEN and KEEPALIVE stay small.
    {"ExtendedOpen", "ffff", "1001 01", "01 02 1001", true},
    {"ExtendedKeepalive", "ffff", "1001 04", "01 02 1001", true},
};

class HeaderErrors : public testing::TestWithParam<BadHeader> {};

// Refused when the header is there, not when the body has come, and again ever after.
TEST_P(HeaderErrors, Notification) {
  const BadHeader& c = GetParam();
  const CodecContext context = c.extended_message ? extended() : CodecContext{};
  Bytes header(14, 0xff);
  append(header, hex(c.marker_end));
  append(header, hex(c.rest));
  MessageReader reader;
  reader.append(std::span(header).first(18));
  EXPECT_FALSE(reader.next(context).has_value());
  reader.append(std::span(header).last(1));
  for (int i = 0; i < 2; ++i) {
    const auto next = reader.next(context);
    ASSERT_TRUE(next.has_value());
    ASSERT_FALSE(next->has_value());
    EXPECT_EQ(to_hex(encode(next->error())), to_hex(message(3, hex(c.notification))));
    reader.append(encode(Keepalive{}));
  }
}

INSTANTIATE_TEST_SUITE_P(Table, HeaderErrors, testing::ValuesIn(kBadHeaders),
                         [](const auto& parameter) { return parameter.param.name; });

TEST(Header, ExtendedMessagesWhereAgreed) {
  const Bytes long_notification = message(3, Bytes(5000, 6));
  EXPECT_TRUE(decode(long_notification, extended()).has_value());
  EXPECT_FALSE(decode(long_notification, {}).has_value());
}

TEST(Decode, LengthMustBeThatOfTheMessage) {
  Bytes bytes = encode(Keepalive{});
  bytes.push_back(0);
  EXPECT_FALSE(decode(bytes, {}).has_value());
  EXPECT_FALSE(decode({}, {}).has_value());
}

TEST(Keepalive, Bytes) {
  EXPECT_EQ(to_hex(encode(Keepalive{})), to_hex(message(4, {})));
  EXPECT_TRUE(std::holds_alternative<Keepalive>(*decode(encode(Keepalive{}), {})));
}

TEST(RouteRefresh, RoundTrip) {
  EXPECT_EQ(to_hex(encode(RouteRefresh{Family::kIpv6Unicast, 1})),
            to_hex(message(5, hex("0002 01 01"))));
  for (const Family family : {Family::kIpv4Unicast, Family::kIpv6Unicast}) {
    for (std::uint8_t subtype = 0; subtype <= 2; ++subtype) {
      const RouteRefresh refresh{family, subtype};
      EXPECT_EQ(std::get<RouteRefresh>(*decode(encode(refresh), {})), refresh);
    }
  }
}

// RFC 7313 section 5.
TEST(RouteRefresh, WrongLength) {
  const Bytes bytes = message(5, hex("0001 01 01 00"));
  const auto decoded = decode(bytes, {});
  ASSERT_FALSE(decoded.has_value());
  EXPECT_EQ(decoded.error(), (Notification{7, 1, bytes}));
}

TEST(RouteRefresh, WhatIsToBeIgnoredIsSkipped) {
  MessageReader reader;
  reader.append(message(5, hex("0019 00 46")));  // a family that we don't carry
  reader.append(message(5, hex("0001 03 01")));  // a subtype that nobody defined
  reader.append(message(5, hex("0001 00 01")));
  const auto next = reader.next({});
  ASSERT_TRUE(next.has_value() && next->has_value());
  EXPECT_EQ(std::get<RouteRefresh>(**next), (RouteRefresh{Family::kIpv4Unicast, 0}));
  EXPECT_FALSE(reader.next({}).has_value());
}

TEST(Notification, RoundTrip) {
  for (const Notification& n :
       {notification(CeaseReason::kBfdDown), notification(NotificationCode::kHoldTimerExpired),
        notification(HeaderError::kBadMessageType, {9}), Notification{200, 77, Bytes(100, 1)}}) {
    EXPECT_EQ(std::get<Notification>(*decode(encode(n), {})), n);
  }
}

TEST(Notification, DataIsCutToTheMessageLimit) {
  const Bytes bytes = encode(Notification{3, 5, Bytes(60000, 1)});
  EXPECT_EQ(bytes.size(), kMaxMessageSize);
  EXPECT_TRUE(decode(bytes, {}).has_value());
}

TEST(Notification, Names) {
  EXPECT_EQ(to_string(notification(CeaseReason::kAdministrativeShutdown)),
            "Cease/Administrative Shutdown");
  EXPECT_EQ(to_string(notification(CeaseReason::kBfdDown)), "Cease/BFD Down");
  EXPECT_EQ(to_string(notification(NotificationCode::kHoldTimerExpired)), "Hold Timer Expired");
  EXPECT_EQ(to_string(notification(OpenError::kBadPeerAs)), "OPEN Message Error/Bad Peer AS");
  EXPECT_EQ(to_string(notification(FsmError::kUnexpectedMessageInOpenSent, {4})),
            "Finite State Machine Error/Receive Unexpected Message in OpenSent State (data 04)");
  EXPECT_EQ(to_string(notification(RouteRefreshError::kInvalidMessageLength)),
            "ROUTE-REFRESH Message Error/Invalid Message Length");
  EXPECT_EQ(to_string(Notification{99, 3, {}}), "Unknown 99/Unknown 3");
  EXPECT_EQ(to_string(Notification{3, 1, Bytes(20, 0xab)}).substr(0, 60),
            "UPDATE Message Error/Malformed Attribute List (data ab ab ab");
}

TEST(Notification, ShutdownMessage) {
  const Notification shutdown = administrative_shutdown("back at 14:00 UTC");
  EXPECT_EQ(shutdown_message(shutdown), "back at 14:00 UTC");
  EXPECT_EQ(to_string(shutdown), "Cease/Administrative Shutdown \"back at 14:00 UTC\"");
  const Notification reset =
      administrative_shutdown("new policy", CeaseReason::kAdministrativeReset);
  EXPECT_EQ(to_string(reset), "Cease/Administrative Reset \"new policy\"");
  EXPECT_EQ(shutdown_message(administrative_shutdown("")), std::nullopt);
}

// RFC 9003 section 2: at most 255 octets, and characters stay whole.
TEST(Notification, ShutdownMessageIsCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "\xe2\x82\xac";  // 100 times the euro sign, 300 octets
  const Notification shutdown = administrative_shutdown(text);
  EXPECT_EQ(shutdown.data[0], 255);
  EXPECT_EQ(shutdown_message(shutdown), text.substr(0, 255));
  text.insert(0, 1, 'x');
  const Notification one_more = administrative_shutdown(text);
  EXPECT_EQ(one_more.data[0], 253);
  EXPECT_EQ(shutdown_message(one_more), text.substr(0, 253));
}

TEST(Notification, HostileShutdownMessages) {
  EXPECT_EQ(shutdown_message({6, 2, hex("05 41 42")}), std::nullopt) << "longer than what came";
  EXPECT_EQ(shutdown_message({6, 2, {}}), std::nullopt);
  EXPECT_EQ(shutdown_message({6, 3, hex("01 41")}), std::nullopt) << "not a shutdown";
  EXPECT_EQ(shutdown_message({6, 2, hex("04 1b5b324a")}), "\\x1b[2J") << "no terminal control";
  EXPECT_EQ(shutdown_message({6, 2, hex("03 41 ff 42")}),
            "A\xef\xbf\xbd"
            "B");
  EXPECT_EQ(shutdown_message({6, 2, hex("02 c0 80")}), "\xef\xbf\xbd\xef\xbf\xbd") << "overlong";
  EXPECT_EQ(shutdown_message({6, 2, hex("03 ed a0 80")}).value().size(), 9U) << "surrogate";
  EXPECT_EQ(shutdown_message({6, 2, hex("02 c2 9b")}), "\\x9b") << "C1 control";
  EXPECT_EQ(shutdown_message({6, 2, hex("02 c3 a9")}), "\xc3\xa9");
  EXPECT_EQ(shutdown_message({6, 2, hex("01 c3")}), "\xef\xbf\xbd") << "cut character";
}

TEST(Notification, HardReset) {
  const Notification inner = administrative_shutdown("bye");
  const Notification reset = hard_reset(inner);
  EXPECT_EQ(reset.code, 6);
  EXPECT_EQ(reset.subcode, 9);
  EXPECT_EQ(hard_reset_reason(reset), inner);
  EXPECT_EQ(to_string(reset), "Cease/Hard Reset (Cease/Administrative Shutdown \"bye\")");
  EXPECT_EQ(hard_reset_reason({6, 9, {6}}), std::nullopt);
  EXPECT_EQ(to_string(hard_reset(hard_reset(inner))).substr(0, 16), "Cease/Hard Reset");
}

Bytes session() {
  Bytes stream;
  Open open{Asn{65001}, 9, Ipv4Address{10, 0, 0, 1}, {}};
  open.capabilities.four_octet_asn = open.asn;
  append(stream, encode(open));
  append(stream, encode(Keepalive{}));
  append(stream, encode_end_of_rib(Family::kIpv4Unicast));
  append(stream, encode(RouteRefresh{Family::kIpv6Unicast, 0}));
  append(stream, encode(notification(CeaseReason::kConnectionCollision)));
  return stream;
}

std::vector<std::size_t> read_kinds(MessageReader& reader) {
  std::vector<std::size_t> kinds;
  while (auto next = reader.next({})) {
    EXPECT_TRUE(next->has_value());
    if (!next->has_value()) break;
    kinds.push_back((**next).index());
  }
  return kinds;
}

// Message is variant<Open, Update, Notification, Keepalive, RouteRefresh>.
const std::vector<std::size_t> kKinds{0, 3, 1, 4, 2};

TEST(MessageReader, OctetByOctet) {
  MessageReader reader;
  std::vector<std::size_t> kinds;
  for (const std::uint8_t octet : session()) {
    reader.append({&octet, 1});
    for (const std::size_t kind : read_kinds(reader)) kinds.push_back(kind);
  }
  EXPECT_EQ(kinds, kKinds);
}

TEST(MessageReader, EveryCutInTwo) {
  const Bytes stream = session();
  for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
    MessageReader reader;
    reader.append(std::span(stream).first(cut));
    std::vector<std::size_t> kinds = read_kinds(reader);
    reader.append(std::span(stream).subspan(cut));
    for (const std::size_t kind : read_kinds(reader)) kinds.push_back(kind);
    EXPECT_EQ(kinds, kKinds) << "cut at " << cut;
  }
}

TEST(MessageReader, ManyAppendsBeforeTheFirstRead) {
  MessageReader reader;
  for (int i = 0; i < 100; ++i) reader.append(session());
  EXPECT_EQ(read_kinds(reader).size(), 100 * kKinds.size());
}

TEST(MessageReader, RandomCuts) {
  const std::uint32_t seed = 20240607;
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  Bytes stream;
  for (int i = 0; i < 200; ++i) append(stream, session());
  MessageReader reader;
  std::size_t count = 0;
  for (std::span<const std::uint8_t> rest = stream; !rest.empty();) {
    const std::size_t now = std::min<std::size_t>(rest.size(), random() % 300);
    reader.append(rest.first(now));
    rest = rest.subspan(now);
    // Sometimes the caller takes one message only and lets the others wait.
    if (random() % 2 == 0) {
      count += read_kinds(reader).size();
    } else if (const auto next = reader.next({})) {
      ASSERT_TRUE(next->has_value());
      ++count;
    }
  }
  count += read_kinds(reader).size();
  EXPECT_EQ(count, 200 * kKinds.size());
}

}  // namespace
}  // namespace lastmile::bgp::test
