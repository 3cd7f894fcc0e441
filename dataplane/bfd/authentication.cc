#include "dataplane/bfd/authentication.h"

#include <nettle/memops.h>
#include <nettle/sha1.h>

#include <algorithm>

#include "dataplane/bfd/wire.h"
#include "dataplane/net/headers.h"

namespace lastmile::bfd {
namespace {

namespace section_at {
// Octets of the section (RFC 5880 sections 4.2 and 4.4), from its start.
constexpr std::size_t kType = 0;
constexpr std::size_t kLength = 1;
constexpr std::size_t kKeyId = 2;
constexpr std::size_t kPassword = 3;
constexpr std::size_t kReserved = 3;
constexpr std::size_t kSequence = 4;
constexpr std::size_t kDigest = 8;
}  // namespace section_at

constexpr std::size_t kSha1Section = 28;
static_assert(kControlSize + kSha1Section == kLargestControl);
static_assert(SHA1_DIGEST_SIZE == Authentication::kLongestKey);

using Digest = std::array<std::uint8_t, SHA1_DIGEST_SIZE>;

/// Section 6.7.4: over the whole packet, with the key in the place of the digest.
Digest digest_of(const Authentication& authentication, std::span<const std::uint8_t> packet) {
  constexpr std::size_t kBefore = kControlSize + section_at::kDigest;
  sha1_ctx context;
  sha1_init(&context);
  sha1_update(&context, kBefore, packet.data());
  sha1_update(&context, authentication.key.size(), authentication.key.data());
  Digest digest;
  sha1_digest(&context, digest.size(), digest.data());
  return digest;
}

/// Section 6.7.3 and 6.7.4: up to three times the multiplier packets may have been lost. A
/// meticulous sender counts every packet, so the same number again is a replay.
bool in_window(const SequenceWindow& window, std::uint32_t sequence, std::uint32_t least) {
  const std::uint32_t ahead = sequence - window.last;  // circular
  return ahead >= least && ahead <= 3U * window.multiplier;
}

std::optional<Refusal> check_password(const Authentication& authentication,
                                      std::span<const std::uint8_t> section) {
  const auto expected = std::span{authentication.key}.first(authentication.key_length);
  if (section.size() != section_at::kPassword + expected.size()) return Refusal::kAuthType;
  if (section[section_at::kKeyId] != authentication.key_id) return Refusal::kAuthKey;
  if (memeql_sec(section.data() + section_at::kPassword, expected.data(), expected.size()) == 0) {
    return Refusal::kAuthDigest;
  }
  return std::nullopt;
}

std::optional<Refusal> check_sha1(const Authentication& authentication,
                                  std::span<const std::uint8_t> packet, SequenceWindow& window) {
  const auto section = packet.subspan(kControlSize);
  if (section.size() != kSha1Section) return Refusal::kAuthType;
  if (section[section_at::kKeyId] != authentication.key_id) return Refusal::kAuthKey;
  const std::uint32_t sequence = load_be32(&section[section_at::kSequence]);
  const std::uint32_t least = authentication.type == AuthType::kMeticulousSha1 ? 1 : 0;
  if (window.known && !in_window(window, sequence, least)) return Refusal::kAuthSequence;
  const Digest expected = digest_of(authentication, packet);
  if (memeql_sec(section.data() + section_at::kDigest, expected.data(), expected.size()) == 0) {
    return Refusal::kAuthDigest;
  }
  window.known = true;
  window.last = sequence;
  return std::nullopt;
}

}  // namespace

std::string_view to_string(AuthType type) {
  switch (type) {
    case AuthType::kNone:
      return "none";
    case AuthType::kSimplePassword:
      return "simple";
    case AuthType::kKeyedSha1:
      return "sha1";
    case AuthType::kMeticulousSha1:
      return "meticulous-sha1";
  }
  return "unknown";
}

std::size_t section_size(const Authentication& authentication) {
  switch (authentication.type) {
    case AuthType::kNone:
      return 0;
    case AuthType::kSimplePassword:
      return section_at::kPassword + authentication.key_length;
    case AuthType::kKeyedSha1:
    case AuthType::kMeticulousSha1:
      return kSha1Section;
  }
  return 0;
}

void sign(const Authentication& authentication, std::uint32_t sequence,
          std::span<std::uint8_t> packet) {
  if (authentication.type == AuthType::kNone) return;
  const auto section = packet.subspan(kControlSize);
  section[section_at::kType] = static_cast<std::uint8_t>(authentication.type);
  section[section_at::kLength] = static_cast<std::uint8_t>(section.size());
  section[section_at::kKeyId] = authentication.key_id;
  if (authentication.type == AuthType::kSimplePassword) {
    std::copy_n(authentication.key.begin(), authentication.key_length,
                section.begin() + section_at::kPassword);
    return;
  }
  section[section_at::kReserved] = 0;
  store_be32(&section[section_at::kSequence], sequence);
  const Digest digest = digest_of(authentication, packet);
  std::copy(digest.begin(), digest.end(), section.begin() + section_at::kDigest);
}

std::optional<Refusal> check(const Authentication& authentication,
                             std::span<const std::uint8_t> packet, SequenceWindow& window) {
  const auto section = packet.subspan(kControlSize);
  // Section 4.1: the authentication section reaches to the end of the packet.
  if (section[section_at::kType] != static_cast<std::uint8_t>(authentication.type) ||
      section[section_at::kLength] != section.size()) {
    return Refusal::kAuthType;
  }
  return authentication.type == AuthType::kSimplePassword
             ? check_password(authentication, section)
             : check_sha1(authentication, packet, window);
}

}  // namespace lastmile::bfd
