// The Internet checksum (RFC 1071) and its incremental update (RFC 1624).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace lastmile {

/// Sum of 16-bit words in the machine's byte order, folded to 16 bits, not complemented. An odd
/// last byte is padded with zero (RFC 1071 section 1). The sum is byte-order independent as long as
/// it is stored the way it was read (RFC 1071 section 2 (B)).
[[nodiscard]] inline std::uint16_t ones_complement_sum(std::span<const std::uint8_t> bytes,
                                                       std::uint32_t initial = 0) {
  std::uint64_t sum = initial;
  std::size_t i = 0;
  // Two words at once: they are added up when the sum is folded (RFC 1071 section 2 (C)).
  for (; i + 4 <= bytes.size(); i += 4) {
    std::uint32_t words;
    std::memcpy(&words, bytes.data() + i, sizeof words);
    sum += words;
  }
  if (i + 2 <= bytes.size()) {
    std::uint16_t word;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    sum += word;
    i += 2;
  }
  if (i < bytes.size()) {
    std::uint16_t word = 0;
    std::memcpy(&word, bytes.data() + i, 1);
    sum += word;
  }
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

/// The checksum field's value for `bytes` in which the field itself is zero.
[[nodiscard]] inline std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) {
  return static_cast<std::uint16_t>(~ones_complement_sum(bytes));
}

/// RFC 1624 equation 3: HC' = ~(~HC + ~m + m'). All values as they stand in the packet.
[[nodiscard]] constexpr std::uint16_t update_checksum(std::uint16_t checksum, std::uint16_t before,
                                                      std::uint16_t after) {
  std::uint32_t sum = static_cast<std::uint16_t>(~checksum);
  sum += static_cast<std::uint16_t>(~before);
  sum += after;
  sum = (sum & 0xffff) + (sum >> 16);
  sum += sum >> 16;
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace lastmile
