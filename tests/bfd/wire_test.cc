// The control packet and its authentication: octets in, fields or a refusal out, as tables.

#include "dataplane/bfd/wire.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

#include "dataplane/bfd/authentication.h"
#include "dataplane/bfd/siphash.h"

namespace lastmile::bfd {
namespace {

using Octets = std::vector<std::uint8_t>;

/// RFC 5880 section 4.1, field by field: Up, poll, multiplier 3, 10 ms both ways, echo 50 ms.
const Octets kGood{0x20, 0xe0, 3,    24,   0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
                   0,    0,    0x27, 0x10, 0,    0,    0x4e, 0x20, 0,    0,    0xc3, 0x50};

TEST(ControlPacket, EveryFieldIsWhereTheRfcHasIt) {
  const auto packet = decode(kGood);
  ASSERT_TRUE(packet.has_value());
  EXPECT_EQ(packet->diagnostic, Diagnostic::kNone);
  EXPECT_EQ(packet->state, State::kUp);
  EXPECT_EQ(packet->flags, (Flags{.poll = true}));
  EXPECT_EQ(packet->multiplier, 3);
  EXPECT_EQ(packet->my_discriminator, 0x11223344U);
  EXPECT_EQ(packet->your_discriminator, 0x55667788U);
  EXPECT_EQ(packet->desired_min_tx, Microseconds{10'000});
  EXPECT_EQ(packet->required_min_rx, Microseconds{20'000});
  EXPECT_EQ(packet->required_min_echo_rx, Microseconds{50'000});
  Octets again(kControlSize);
  encode(*packet, again);
  EXPECT_EQ(again, kGood);
}

TEST(ControlPacket, EveryStateFlagAndDiagnosticSurvivesTheWire) {
  for (unsigned state = 0; state < 4; ++state) {
    for (unsigned flags = 0; flags < 32; ++flags) {
      ControlPacket packet;
      packet.state = static_cast<State>(state);
      packet.diagnostic = static_cast<Diagnostic>((state * 8 + flags) % 32);
      packet.flags = {(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0, (flags & 8) != 0,
                      (flags & 16) != 0};
      packet.multiplier = 1;
      packet.my_discriminator = 1;
      packet.your_discriminator = 2;
      packet.length = packet.flags.authenticated ? 52 : 24;
      Octets octets(packet.length);
      encode(packet, octets);
      const auto read = decode(octets);
      ASSERT_TRUE(read.has_value());
      EXPECT_EQ(*read, packet);
    }
  }
}

TEST(ControlPacket, NamesEveryStateAndDiagnostic) {
  EXPECT_EQ(to_string(State::kAdminDown), "admin-down");
  EXPECT_EQ(to_string(State::kUp), "up");
  EXPECT_EQ(to_string(Diagnostic::kDetectionTimeExpired), "control detection time expired");
  EXPECT_EQ(to_string(Diagnostic::kReverseConcatenatedPathDown), "reverse concatenated path down");
  EXPECT_EQ(to_string(static_cast<Diagnostic>(9)), "reserved");
  EXPECT_EQ(to_string(static_cast<Diagnostic>(31)), "reserved");
}

struct BadPacket {
  const char* name;
  std::function<void(Octets&)> spoil;
  Refusal refusal;
};

const std::vector<BadPacket>& bad_packets() {
  static const std::vector<BadPacket> table{
      {"Empty", [](Octets& o) { o.clear(); }, Refusal::kTooShort},
      {"OneOctetShort", [](Octets& o) { o.pop_back(); }, Refusal::kTooShort},
      {"Version0", [](Octets& o) { o[0] = 0; }, Refusal::kBadVersion},
      {"Version2", [](Octets& o) { o[0] = 2 << 5; }, Refusal::kBadVersion},
      {"LengthBelow24", [](Octets& o) { o[3] = 23; }, Refusal::kBadLength},
      {"LengthBeyondPayload", [](Octets& o) { o[3] = 25; }, Refusal::kBadLength},
      {"AuthenticatedBelow26",
       [](Octets& o) {
         o[1] |= 4;
         o.push_back(0);
         o[3] = 25;
       },
       Refusal::kBadLength},
      {"ZeroMultiplier", [](Octets& o) { o[2] = 0; }, Refusal::kZeroMultiplier},
      {"Multipoint", [](Octets& o) { o[1] |= 1; }, Refusal::kMultipoint},
      {"ZeroMyDiscriminator", [](Octets& o) { o[4] = o[5] = o[6] = o[7] = 0; },
       Refusal::kZeroDiscriminator},
      {"UpWithoutYourDiscriminator", [](Octets& o) { o[8] = o[9] = o[10] = o[11] = 0; },
       Refusal::kMissingDiscriminator},
      {"InitWithoutYourDiscriminator",
       [](Octets& o) {
         o[1] = 0x80;
         o[8] = o[9] = o[10] = o[11] = 0;
       },
       Refusal::kMissingDiscriminator},
  };
  return table;
}

class Bad : public ::testing::TestWithParam<std::size_t> {};

TEST_P(Bad, IsRefusedForItsOwnReason) {
  const BadPacket& test_case = bad_packets()[GetParam()];
  Octets octets = kGood;
  test_case.spoil(octets);
  const auto packet = decode(octets);
  ASSERT_FALSE(packet.has_value());
  EXPECT_EQ(packet.error(), test_case.refusal) << to_string(packet.error());
}
INSTANTIATE_TEST_SUITE_P(Table, Bad, ::testing::Range(std::size_t{0}, bad_packets().size()),
                         [](const auto& test) { return bad_packets()[test.param].name; });

TEST(ControlPacket, DownMayComeWithoutYourDiscriminatorAndWithPadding) {
  for (const auto state : {std::uint8_t{0x00}, std::uint8_t{0x40}}) {
    Octets octets = kGood;
    octets[1] = state;
    octets[8] = octets[9] = octets[10] = octets[11] = 0;
    octets.resize(60);
    EXPECT_TRUE(decode(octets).has_value());
  }
}

// --- authentication ------------------------------------------------------------------------------

Authentication key(AuthType type, std::string_view text, std::uint8_t id = 1) {
  Authentication result;
  result.type = type;
  result.key_id = id;
  result.key_length = static_cast<std::uint8_t>(text.size());
  std::copy(text.begin(), text.end(), result.key.begin());
  return result;
}

Octets signed_packet(const Authentication& authentication, std::uint32_t sequence) {
  const std::size_t size = kControlSize + section_size(authentication);
  ControlPacket packet = *decode(kGood);
  packet.flags.authenticated = true;
  packet.length = static_cast<std::uint8_t>(size);
  Octets octets(size);
  encode(packet, octets);
  sign(authentication, sequence, octets);
  return octets;
}

TEST(Authentication, AKnownDigest) {
  // SHA1 by Python's hashlib over the packet with the key "secret" in the digest's place.
  const Octets octets = signed_packet(key(AuthType::kMeticulousSha1, "secret", 7), 0x01020304);
  ASSERT_EQ(octets.size(), 52U);
  EXPECT_EQ((Octets{octets.begin() + 24, octets.begin() + 32}), (Octets{5, 28, 7, 0, 1, 2, 3, 4}));
  EXPECT_EQ((Octets{octets.begin() + 32, octets.end()}),
            (Octets{0x4f, 0x45, 0x28, 0xbc, 0x3d, 0xbe, 0xda, 0x33, 0x2a, 0x77,
                    0x3d, 0xc7, 0x5d, 0xb9, 0x30, 0x15, 0x41, 0x13, 0x01, 0xfc}));
}

TEST(Authentication, EachTypeTakesItsOwn) {
  for (const AuthType type :
       {AuthType::kSimplePassword, AuthType::kKeyedSha1, AuthType::kMeticulousSha1}) {
    SequenceWindow window;
    EXPECT_EQ(check(key(type, "secret"), signed_packet(key(type, "secret"), 5), window),
              std::nullopt)
        << to_string(type);
  }
}

struct BadSection {
  const char* name;
  Authentication ours, theirs;
  Refusal refusal;
};
const std::vector<BadSection>& bad_sections() {
  using enum AuthType;
  static const std::vector<BadSection> table{
      {"WrongPassword", key(kSimplePassword, "secret"), key(kSimplePassword, "sekret"),
       Refusal::kAuthDigest},
      {"ShorterPassword", key(kSimplePassword, "secret"), key(kSimplePassword, "secre"),
       Refusal::kAuthType},
      {"WrongKeyId", key(kSimplePassword, "secret"), key(kSimplePassword, "secret", 2),
       Refusal::kAuthKey},
      {"WrongKey", key(kKeyedSha1, "secret"), key(kKeyedSha1, "sekret"), Refusal::kAuthDigest},
      {"LongerKey", key(kKeyedSha1, "secret"), key(kKeyedSha1, "secret1"), Refusal::kAuthDigest},
      {"WrongSha1KeyId", key(kKeyedSha1, "secret"), key(kKeyedSha1, "secret", 2),
       Refusal::kAuthKey},
      {"KeyedForMeticulous", key(kMeticulousSha1, "secret"), key(kKeyedSha1, "secret"),
       Refusal::kAuthType},
      {"PasswordForSha1", key(kKeyedSha1, "secret"), key(kSimplePassword, "secret"),
       Refusal::kAuthType},
  };
  return table;
}

class BadAuthentication : public ::testing::TestWithParam<std::size_t> {};

TEST_P(BadAuthentication, IsRefusedForItsOwnReason) {
  const BadSection& test_case = bad_sections()[GetParam()];
  SequenceWindow window;
  EXPECT_EQ(check(test_case.ours, signed_packet(test_case.theirs, 5), window), test_case.refusal);
  EXPECT_FALSE(window.known);
}
INSTANTIATE_TEST_SUITE_P(Table, BadAuthentication,
                         ::testing::Range(std::size_t{0}, bad_sections().size()),
                         [](const auto& test) { return bad_sections()[test.param].name; });

TEST(Authentication, AnyOctetChangedIsRefused) {
  const Authentication ours = key(AuthType::kMeticulousSha1, "secret");
  const Octets good = signed_packet(ours, 5);
  for (std::size_t i = 0; i < good.size(); ++i) {
    Octets spoilt = good;
    spoilt[i] ^= 0x10;
    SequenceWindow window;
    EXPECT_NE(check(ours, spoilt, window), std::nullopt) << "octet " << i;
  }
}

struct Replay {
  AuthType type;
  std::uint32_t last, next;
  bool good;
};

TEST(Authentication, SequenceNumbersMoveInAWindow) {
  // RFC 5880 sections 6.7.3 and 6.7.4, with a multiplier of 3.
  constexpr auto kKeyed = AuthType::kKeyedSha1;
  constexpr auto kMeticulous = AuthType::kMeticulousSha1;
  const Replay table[]{
      {kKeyed, 100, 100, true},       {kKeyed, 100, 101, true},
      {kKeyed, 100, 109, true},       {kKeyed, 100, 110, false},
      {kKeyed, 100, 99, false},       {kKeyed, 0xffffffff, 2, true},
      {kMeticulous, 100, 100, false}, {kMeticulous, 100, 101, true},
      {kMeticulous, 100, 109, true},  {kMeticulous, 100, 110, false},
      {kMeticulous, 100, 99, false},  {kMeticulous, 0xfffffffe, 1, true},
  };
  for (const Replay& replay : table) {
    const Authentication ours = key(replay.type, "secret");
    SequenceWindow window{.known = true, .last = replay.last, .multiplier = 3};
    const auto refusal = check(ours, signed_packet(ours, replay.next), window);
    EXPECT_EQ(refusal, replay.good ? std::nullopt : std::optional{Refusal::kAuthSequence})
        << to_string(replay.type) << ' ' << replay.last << " -> " << replay.next;
    EXPECT_EQ(window.last, replay.good ? replay.next : replay.last);
  }
}

TEST(SipHash, IsTheOneOfItsAuthors) {
  // The test vector of the paper's appendix A: key 00..0f, input 00..0e.
  Octets input(15);
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(siphash({0x0706050403020100, 0x0f0e0d0c0b0a0908}, input), 0xa129ca6149be45e5U);
}

}  // namespace
}  // namespace lastmile::bfd
