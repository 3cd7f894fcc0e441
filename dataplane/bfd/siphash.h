// SipHash-2-4 (Aumasson and Bernstein, 2012): a short digest with a key, for our own echo packets.
// Nobody without the key can make one, and it costs about a hundred cycles. No other party computes
// it, so it needs no standard behind it.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

namespace lastmile::bfd {

using SipKey = std::array<std::uint64_t, 2>;

[[nodiscard]] constexpr std::uint64_t siphash(const SipKey& key,
                                              std::span<const std::uint8_t> data) {
  std::uint64_t v0 = 0x736f6d6570736575 ^ key[0];
  std::uint64_t v1 = 0x646f72616e646f6d ^ key[1];
  std::uint64_t v2 = 0x6c7967656e657261 ^ key[0];
  std::uint64_t v3 = 0x7465646279746573 ^ key[1];
  const auto round = [&] {
    v0 += v1, v1 = std::rotl(v1, 13) ^ v0, v0 = std::rotl(v0, 32);
    v2 += v3, v3 = std::rotl(v3, 16) ^ v2;
    v0 += v3, v3 = std::rotl(v3, 21) ^ v0;
    v2 += v1, v1 = std::rotl(v1, 17) ^ v2, v2 = std::rotl(v2, 32);
  };
  const auto absorb = [&](std::uint64_t word) {
    v3 ^= word;
    round(), round();
    v0 ^= word;
  };
  std::size_t i = 0;
  for (; i + 8 <= data.size(); i += 8) {
    std::uint64_t word = 0;
    for (unsigned b = 0; b < 8; ++b) word |= std::uint64_t{data[i + b]} << (8 * b);
    absorb(word);
  }
  std::uint64_t last = std::uint64_t{data.size()} << 56;
  for (unsigned b = 0; i + b < data.size(); ++b) last |= std::uint64_t{data[i + b]} << (8 * b);
  absorb(last);
  v2 ^= 0xff;
  round(), round(), round(), round();
  return v0 ^ v1 ^ v2 ^ v3;
}

}  // namespace lastmile::bfd
