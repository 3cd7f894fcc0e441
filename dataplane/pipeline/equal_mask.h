// Which of 64 next hops are a given one, as a bit mask.
#pragma once

#ifdef __AVX2__
#include <immintrin.h>
#endif

#include <cstdint>

#include "dataplane/net/strong_id.h"

namespace lastmile {

inline constexpr unsigned kEqualMaskWidth = 64;

/// The lowest `count` bits; all of them from 64 on.
[[nodiscard]] constexpr std::uint64_t first_bits(unsigned count) {
  return count >= kEqualMaskWidth ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
}

/// Bit i: `ids[i]` is `id`. Reads kEqualMaskWidth of them, whatever they hold.
[[nodiscard]] inline std::uint64_t equal_mask(const NextHopId* ids, NextHopId id) {
#ifdef __AVX2__
  static_assert(sizeof(NextHopId) == sizeof(std::uint16_t));
  const __m256i wanted = _mm256_set1_epi16(static_cast<std::int16_t>(id.value()));
  const auto equal16 = [&](unsigned at) {
    return _mm256_cmpeq_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(ids + at)),
                              wanted);
  };
  const auto equal32 = [&](unsigned at) {
    // Packing works on halves of 128 bits; the permutation puts them in order again.
    const __m256i bytes = _mm256_permute4x64_epi64(
        _mm256_packs_epi16(equal16(at), equal16(at + 16)), _MM_SHUFFLE(3, 1, 2, 0));
    return std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(bytes))};
  };
  return equal32(0) | equal32(32) << 32;
#else
  std::uint64_t mask = 0;
  for (unsigned i = 0; i < kEqualMaskWidth; ++i) mask |= std::uint64_t{ids[i] == id} << i;
  return mask;
#endif
}

}  // namespace lastmile
