// Why a received packet was refused: every reason there is, in one table, with the clause that asks
// for it. A refused packet changes nothing but the counter of its reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lastmile::bfd {

// clang-format off
//  enumerator                name                      why, and the clause that says so
#define LASTMILE_BFD_REFUSALS(X)                                                                    \
  X(kTooShort,              "too-short",              "shorter than a control packet (RFC 5880 6.8.6)") \
  X(kBadVersion,            "bad-version",            "version is not 1 (RFC 5880 6.8.6)")          \
  X(kBadLength,             "bad-length",             "length below the least or beyond the payload (RFC 5880 6.8.6)") \
  X(kZeroMultiplier,        "zero-multiplier",        "detection multiplier is 0 (RFC 5880 6.8.6)") \
  X(kMultipoint,            "multipoint",             "multipoint bit is set (RFC 5880 6.8.6)")     \
  X(kZeroDiscriminator,     "zero-discriminator",     "the sender's discriminator is 0 (RFC 5880 6.8.6)") \
  X(kMissingDiscriminator,  "missing-discriminator",  "our discriminator is 0 in a state other than Down (RFC 5880 6.8.6)") \
  X(kUnknownDiscriminator,  "unknown-discriminator",  "no session has this discriminator (RFC 5880 6.8.6)") \
  X(kUnknownPeer,           "unknown-peer",           "no session with this sender on this port, or to this address of ours (RFC 5880 6.8.6, RFC 5883 4)") \
  X(kWrongPort,             "wrong-port",             "came in on a port other than the session's (RFC 5881 3)") \
  X(kBadHopLimit,           "bad-hop-limit",          "TTL or hop limit is not 255 (RFC 5881 5), or below the least of a multihop session") \
  X(kBadChecksum,           "bad-checksum",           "UDP length or checksum is wrong (RFC 768, RFC 8200 8.1)") \
  X(kAdministrativelyDown,  "administratively-down",  "the session is administratively down (RFC 5880 6.8.6)") \
  X(kAuthMissing,           "auth-missing",           "no authentication, though the session has it (RFC 5880 6.8.6)") \
  X(kAuthUnexpected,        "auth-unexpected",        "authentication, though the session has none (RFC 5880 6.8.6)") \
  X(kAuthType,              "auth-type",              "another type or length of authentication (RFC 5880 6.7)") \
  X(kAuthKey,               "auth-key",               "another key identifier (RFC 5880 6.7)")      \
  X(kAuthDigest,            "auth-digest",            "wrong password or digest (RFC 5880 6.7)")    \
  X(kAuthSequence,          "auth-sequence",          "sequence number outside the window: a replay (RFC 5880 6.7.4)") \
  X(kEchoForged,            "echo-forged",            "echo that is not ours: digest or content is wrong (RFC 9747 5)") \
  X(kEchoReplayed,          "echo-replayed",          "echo that was returned before, or too late")  \
  X(kEchoWrongPort,         "echo-wrong-port",        "echo that returned on another port than it left by") \
  X(kEchoUnknown,           "echo-unknown",           "echo of a session that there is not")         \
  X(kEchoRefused,           "echo-refused",           "echo of a neighbor without a session that allows it, or above its rate")
// clang-format on

enum class Refusal : std::uint8_t {
#define LASTMILE_X(enumerator, name, text) enumerator,
  LASTMILE_BFD_REFUSALS(LASTMILE_X)
#undef LASTMILE_X
};

struct RefusalFacts {
  std::string_view name;  ///< for `show bfd` and metrics; stable
  std::string_view text;  ///< for people
};

inline constexpr std::array kRefusals{
#define LASTMILE_X(enumerator, name, text) RefusalFacts{name, text},
    LASTMILE_BFD_REFUSALS(LASTMILE_X)
#undef LASTMILE_X
};
inline constexpr std::size_t kRefusalCount = kRefusals.size();

[[nodiscard]] constexpr std::string_view to_string(Refusal refusal) {
  return kRefusals[static_cast<std::size_t>(refusal)].name;
}

}  // namespace lastmile::bfd
