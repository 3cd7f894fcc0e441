// Authentication of control packets (RFC 5880 sections 4.2, 4.4, 6.7.2 to 6.7.4).
//
//   const std::size_t size = sign(settings, sequence, packet);         // behind encode()
//   if (const auto refusal = check(settings, payload, window)) count(*refusal);
//
// Keys are short and packets fit into one block of SHA1, so signing is one compression and needs no
// context kept; nettle's SHA1 works on the stack and allocates nothing. MD5 (section 4.3) is left
// out: RFC 5880 itself discourages it. Any thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/bfd/refusal.h"

namespace lastmile::bfd {

/// The numbers are those of the authentication section.
enum class AuthType : std::uint8_t {
  kNone = 0,
  kSimplePassword = 1,
  kKeyedSha1 = 4,
  kMeticulousSha1 = 5,
};
[[nodiscard]] std::string_view to_string(AuthType type);

struct Authentication {
  static constexpr std::size_t kLongestPassword = 16;  ///< section 4.2
  static constexpr std::size_t kLongestKey = 20;       ///< section 4.4

  AuthType type = AuthType::kNone;
  std::uint8_t key_id = 0;
  std::uint8_t key_length = 0;
  std::array<std::uint8_t, kLongestKey> key{};  ///< zeros behind `key_length`

  friend bool operator==(const Authentication&, const Authentication&) = default;
};

/// What is known of the other side's sequence numbers (section 6.8.1).
struct SequenceWindow {
  bool known = false;           ///< bfd.AuthSeqKnown
  std::uint32_t last = 0;       ///< bfd.RcvAuthSeq
  std::uint8_t multiplier = 3;  ///< of the packet: the window is three times as wide
};

/// Octets that sign() adds.
[[nodiscard]] std::size_t section_size(const Authentication& authentication);

/// Appends the authentication section to an encoded packet, whose flags and length already speak of
/// it. `packet`: the whole of it, kControlSize + section_size() octets.
void sign(const Authentication& authentication, std::uint32_t sequence,
          std::span<std::uint8_t> packet);

/// Checks the section of a packet whose authenticated flag is set; nullopt: it is good, and the
/// window has moved on. `packet`: exactly as long as its length field says.
[[nodiscard]] std::optional<Refusal> check(const Authentication& authentication,
                                           std::span<const std::uint8_t> packet,
                                           SequenceWindow& window);

}  // namespace lastmile::bfd
