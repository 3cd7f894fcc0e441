// Messages that took down sessions or daemons in the field, as a table: what they were, and that
// here they cost what the RFCs say and no more.
//
// Those that are accepted are encoded again: an attribute that we don't know goes on to the next
// speaker with its value untouched and Partial set (RFC 4271 section 5), so that we are neither
// hurt by such a message nor the one who hides where it came from.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "tests/bgp_wire/octets_fixture.h"

namespace lastmile::bgp::test {
namespace {

enum class Type : std::uint8_t { kOpen = 1, kUpdate = 2, kRefresh = 5, kCapability = 6 };
enum class Cost { kAccept, kDiscard, kWithdraw, kReset };

struct Incident {
  const char* name;
  const char* what;
  Type type;
  std::string body;  // of an UPDATE: the path attributes
  Cost outcome;
  Notification sent = {};        // for a reset; its data is not compared
  const char* passed_on = "";    // must stand in what is encoded again
  const char* nlri = "10 0a01";  // UPDATE only
  bool four_octet = true;        // the session's AS numbers
};

const std::string kBase = "40010100 4002060201 0000fde9 4003040a000001 ";
const std::string kBase2 = "40010100 4002040201 fde9 4003040a000001 ";
const std::string kOpenHead = "04 fde9 0009 0a000001 ";
// What 3072 octets of an unheard-of attribute looked like in August 2010.
const std::string kRipe(2 * 3072, 'a');

std::string repeated(const std::string& text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

std::vector<Incident> incidents() {
  return {
      {"Attribute28June2023",
       "ELCA with a body that its readers took for their own, RFC 6790",
       Type::kUpdate,
       kBase + "e0 1c 0d 00112233445566778899aabbcc",
       Cost::kAccept,
       {},
       "e01c0d00112233445566778899aabbcc"},
      {"Attribute28Empty",
       "the same, with nothing in it",
       Type::kUpdate,
       kBase + "e0 1c 00",
       Cost::kAccept,
       {},
       "e01c00"},
      {"Attribute23Cve202338802",
       "Tunnel Encapsulation of length zero (FRR)",
       Type::kUpdate,
       kBase + "c0 17 00",
       Cost::kAccept,
       {},
       "e01700"},
      {"Attribute23BrokenTlv",
       "Tunnel Encapsulation whose TLV runs over its end",
       Type::kUpdate,
       kBase + "c0 17 04 0001 0010",
       Cost::kAccept,
       {},
       "e0170400010010"},
      {"Attribute99Ripe2010",
       "3 kB of an experimental attribute: extended length",
       Type::kUpdate,
       kBase + "d0 63 0c00 " + kRipe,
       Cost::kAccept,
       {},
       "f0630c00aaaa"},
      {"Attribute40May2025",
       "a Prefix-SID of zeros that reset sessions behind it",
       Type::kUpdate,
       kBase + "e0 28 08 0000000000000000",
       Cost::kAccept,
       {},
       "e028080000000000000000"},
      {"Attribute255Cve20195892",
       "the attribute of FRR's VNC, used on the Internet",
       Type::kUpdate,
       kBase + "c0 ff 04 deadbeef",
       Cost::kAccept,
       {},
       "e0ff04deadbeef"},
      {"As4PathConfederation2008",
       "AS4_PATH with confederation segments, RFC 6793 section 6",
       Type::kUpdate,
       kBase2 + "c0 11 0c 03 01 00010001 02 01 0000fde9",
       Cost::kAccept,
       {},
       "4002040201fde9",
       "10 0a01",
       false},
      {"LongPathFebruary2009",
       "an AS path of 255 numbers: one more does not fit its segment",
       Type::kUpdate,
       "40010100 5002 03fe 02ff " + repeated("0000fde9", 255) + " 4003040a000001 ",
       Cost::kAccept,
       {},
       "500203fe02ff0000fde9"},

      {"OpenCve202240302",
       "extended parameters, and the OPEN ends in their length (RFC 9072)",
       Type::kOpen,
       kOpenHead + "ff ff 00",
       Cost::kReset,
       {2, 0, {}}},
      {"OpenCve202240302NoLength",
       "... or before it",
       Type::kOpen,
       kOpenHead + "ff ff",
       Cost::kReset,
       {2, 0, {}}},
      {"OpenCve202240302Overrun",
       "... or the length promises more",
       Type::kOpen,
       kOpenHead + "ff ff 0010 02",
       Cost::kReset,
       {2, 0, {}}},
      {"OpenCve202240302CutHeader",
       "... or a parameter's own length is cut",
       Type::kOpen,
       kOpenHead + "ff ff 0002 02 00",
       Cost::kReset,
       {2, 0, {}}},
      {"OpenCve202243681",
       "the OPEN ends with the octet that says how long its parameters are",
       Type::kOpen,
       kOpenHead + "ff",
       Cost::kReset,
       {2, 0, {}}},
      {"OpenCve202243681Few",
       "... which need not be the largest",
       Type::kOpen,
       kOpenHead + "04",
       Cost::kReset,
       {2, 0, {}}},
      {"OpenCve202243681Extended",
       "... or with the two octets of RFC 9072",
       Type::kOpen,
       kOpenHead + "ff ff 0010",
       Cost::kReset,
       {2, 0, {}}},
      {"OpenParameterOfOneOctet",
       "an optional parameter of one octet: its type",
       Type::kOpen,
       kOpenHead + "01 02",
       Cost::kReset,
       {2, 0, {}}},
      {"OpenCapabilityOfOneOctet",
       "a capability of one octet: its code",
       Type::kOpen,
       kOpenHead + "03 02 01 41",
       Cost::kReset,
       {2, 0, {}}},
      {"OpenCapabilityOverrun",
       "a capability that runs over its parameter",
       Type::kOpen,
       kOpenHead + "06 02 04 41 04 0000",
       Cost::kReset,
       {2, 0, {}}},

      {"MpReachCve202346752",
       "MP_REACH_NLRI of nothing",
       Type::kUpdate,
       kBase + "80 0e 00",
       Cost::kReset,
       {3, 9, {}}},
      {"MpReachCve202346752NextHop",
       "... whose next hop is longer than it",
       Type::kUpdate,
       kBase + "80 0e 05 0002 01 ff 00",
       Cost::kReset,
       {3, 9, {}}},
      {"OnlyUnknownCve202346753", "routes with one attribute, and nobody knows it", Type::kUpdate,
       "c0 63 01 aa", Cost::kWithdraw},
      {"NoAttributesCve202341358", "routes with no attribute at all", Type::kUpdate, "",
       Cost::kWithdraw},
      {"FlowspecCve202338406", "a flow of length zero, for a family that we don't carry",
       Type::kUpdate, kBase + "80 0e 06 0001 85 00 00 00", Cost::kDiscard},
      {"UnreachCve202347234", "withdrawals beside routes without the attributes that they need",
       Type::kUpdate, "80 0f 03 0002 01", Cost::kWithdraw},
      {"UnreachCve202347234Routes", "... of which there are some", Type::kUpdate,
       "80 0f 08 0002 01 20 20010db8 40010100", Cost::kWithdraw},
      {"UnreachBesideBrokenAttributes",
       "withdrawals beside attributes that are broken",
       Type::kUpdate,
       "80 0f 03 0002 01 40 01 01 09",
       Cost::kReset,
       {3, 6, {}},
       "",
       ""},
      {"RefreshCve202341360",
       "a refresh with the first octet of a filter (RFC 5291)",
       Type::kRefresh,
       "0001 00 01 01",
       Cost::kReset,
       {7, 1, {}}},
      {"CapabilityCve202237032",
       "a message of a draft that nobody agreed on",
       Type::kCapability,
       "80 01",
       Cost::kReset,
       {1, 3, {}}},
  };
}

class Incidents : public testing::TestWithParam<Incident> {};

TEST_P(Incidents, CostWhatTheRfcSays) {
  const Incident& c = GetParam();
  SCOPED_TRACE(c.what);
  CodecContext context;
  context.four_octet_asn = c.four_octet;
  const auto type = static_cast<std::uint8_t>(c.type);
  const Bytes bytes =
      c.type == Type::kUpdate ? update({}, hex(c.body), hex(c.nlri)) : message(type, hex(c.body));
  const auto decoded = decode(exact_copy(bytes, bytes.size()), context);
  if (c.outcome == Cost::kReset) {
    ASSERT_FALSE(decoded.has_value());
    EXPECT_EQ(decoded.error().code, c.sent.code) << to_string(decoded.error());
    EXPECT_EQ(decoded.error().subcode, c.sent.subcode) << to_string(decoded.error());
    return;
  }
  ASSERT_TRUE(decoded.has_value()) << to_string(decoded.error());
  const Update& got = std::get<Update>(*decoded);
  EXPECT_EQ(got.faults.empty(), c.outcome == Cost::kAccept);
  EXPECT_EQ(got.reach.empty(), c.outcome == Cost::kWithdraw);
  const std::string again = to_hex(encode(got, context));
  if (c.outcome == Cost::kWithdraw) {
    EXPECT_NE(again.find("0003100a01"), std::string::npos) << "not withdrawn: " << again;
  }
  if (c.outcome != Cost::kAccept) return;
  EXPECT_NE(again.find(c.passed_on), std::string::npos) << again.substr(0, 400);
}

using Octet = std::uint8_t;

/// All that a session may have agreed on and that attributes are judged by.
std::vector<CodecContext> contexts() {
  std::vector<CodecContext> all(8);
  for (unsigned i = 0; i < all.size(); ++i) {
    all[i].four_octet_asn = (i & 1) == 0;
    all[i].external_peer = (i & 2) == 0;
    all[i].aigp = (i & 4) != 0;
  }
  return all;
}

/// One more than the last code to be tried: what neighbors agree on is about attributes that have
/// been assigned, and those are far below 64.
unsigned end_of_codes(const CodecContext& context) {
  return context.external_peer && !context.aigp ? 256 : 64;
}

/// An attribute in some form: `length` octets of `fill`.
struct Form {
  unsigned code;
  Octet flags, fill;
  std::uint16_t length;
};

constexpr Octet kExtendedLength = 0x10;

std::vector<Form> forms_of(unsigned code) {
  constexpr std::array<Octet, 4> kFlags{0x80, 0xa0, 0xc0, 0xe0};
  constexpr std::array<Octet, 4> kFills{0x00, 0x01, 0x41, 0xff};
  constexpr std::array<std::uint16_t, 14> kShort{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 24, 255};
  constexpr std::array<std::uint16_t, 9> kLong{0, 1, 3, 4, 5, 8, 11, 256, 300};
  std::vector<Form> all;
  for (const Octet flags : kFlags) {
    for (const Octet fill : kFills) {
      for (const auto length : kShort) all.push_back({code, flags, fill, length});
      const auto extended = static_cast<Octet>(flags | kExtendedLength);
      for (const auto length : kLong) all.push_back({code, extended, fill, length});
    }
  }
  return all;
}

Bytes octets(const Form& form) {
  Bytes bytes{form.flags, static_cast<Octet>(form.code)};
  if ((form.flags & kExtendedLength) != 0) bytes.push_back(static_cast<Octet>(form.length >> 8));
  bytes.push_back(static_cast<Octet>(form.length));
  bytes.insert(bytes.end(), form.length, form.fill);
  return bytes;
}

/// What goes on to the next speaker is sound, or is not sent at all.
void expect_sound(const Update& update, const CodecContext& context) {
  MessageReader reader;
  reader.append(encode(update, context));
  while (const auto next = reader.next(context)) {
    ASSERT_TRUE(next->has_value());
    ASSERT_TRUE(std::get<Update>(**next).faults.empty());
  }
}

// The "grave flaws" of August 2023: in a dozen implementations there was some attribute whose
// broken form, passed on by speakers that don't look at it, ended sessions far away. So: every
// attribute there may be, in every form that its sender can give it, as an optional one. Two hold
// NLRI, which is lost with them; for those RFC 7606 section 3 (j) leaves nothing but a reset.
TEST(GraveFlawsAugust2023, NoBrokenAttributeEndsTheSession) {
  constexpr unsigned kMpReach = 14, kMpUnreach = 15;
  for (const CodecContext& context : contexts()) {
    // Internal peers also have to say LOCAL_PREF.
    const Bytes others = hex((context.four_octet_asn ? kBase : kBase2) +
                             (context.external_peer ? "" : "400504 00000064"));
    for (unsigned code = 0; code < end_of_codes(context); ++code) {
      if (code == kMpReach || code == kMpUnreach) continue;
      for (const Form& form : forms_of(code)) {
        Bytes attributes = octets(form);
        attributes.insert(attributes.end(), others.begin(), others.end());
        const Bytes bytes = update({}, attributes, hex("10 0a01"));
        const auto decoded = decode(exact_copy(bytes, bytes.size()), context);
        ASSERT_TRUE(decoded.has_value())
            << "attribute " << code << ", flags " << unsigned{form.flags} << ", " << form.length
            << " octets of " << unsigned{form.fill} << ": " << to_string(decoded.error());
        ASSERT_NO_FATAL_FAILURE(expect_sound(std::get<Update>(*decoded), context))
            << "attribute " << code;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Table, Incidents, testing::ValuesIn(incidents()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace lastmile::bgp::test
