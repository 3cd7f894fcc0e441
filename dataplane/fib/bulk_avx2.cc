// IPv4 bulk lookup with AVX2 gathers, 8 addresses at a time.
//
// A gather loads 32-bit lanes. For 16-bit entries it loads the aligned pair that holds the entry
// and shifts: a load at the entry itself would cross into a second cache line for every 32nd
// address.
#include <immintrin.h>

#include "dataplane/fib/bulk_lookup.h"

#define LASTMILE_AVX2 [[gnu::target("avx2")]] inline

namespace lastmile {
namespace {

constexpr unsigned kLanes = 8;

/// Entries at `index` for the lanes whose top bit is set in `mask`; other lanes keep `otherwise`.
template <FibEntry Entry>
LASTMILE_AVX2 __m256i gather(const Entry* table, __m256i index, __m256i otherwise, __m256i mask) {
  const int* const words = reinterpret_cast<const int*>(table);
  if constexpr (sizeof(Entry) == 4) {
    return _mm256_mask_i32gather_epi32(otherwise, words, index, mask, 4);
  } else {
    const __m256i pair = _mm256_i32gather_epi32(words, _mm256_srli_epi32(index, 1), 4);
    const __m256i odd = _mm256_and_si256(_mm256_slli_epi32(index, 4), _mm256_set1_epi32(16));
    const __m256i entry = _mm256_and_si256(_mm256_srlv_epi32(pair, odd), _mm256_set1_epi32(0xffff));
    return _mm256_blendv_epi8(otherwise, entry, mask);
  }
}

/// Narrow codes at `index`: the byte of the aligned word that holds it.
LASTMILE_AVX2 __m256i gather_narrow_avx2(const std::uint8_t* table, __m256i index) {
  const __m256i word =
      _mm256_i32gather_epi32(reinterpret_cast<const int*>(table), _mm256_srli_epi32(index, 2), 4);
  const __m256i in_word = _mm256_and_si256(_mm256_slli_epi32(index, 3), _mm256_set1_epi32(24));
  return _mm256_and_si256(_mm256_srlv_epi32(word, in_word), _mm256_set1_epi32(0xff));
}

template <FibEntry Entry>
LASTMILE_AVX2 __m256i lookup8(const FibView<Entry>& view, __m256i addresses,
                              __m256i default_group) {
  const __m256i zero = _mm256_setzero_si256();
  const __m256i first24 = _mm256_srli_epi32(addresses, 8);
  __m256i entry = gather_narrow_avx2(view.narrow, first24);
  const __m256i wide = _mm256_cmpeq_epi32(entry, _mm256_set1_epi32(kSeeEntry));
  if (_mm256_movemask_epi8(wide) != 0) [[unlikely]] {
    entry = gather(view.first, first24, entry, wide);
    // The flag bit, moved to the top of the lane.
    const __m256i flags = sizeof(Entry) == 2 ? _mm256_slli_epi32(entry, 16) : entry;
    const __m256i extended = _mm256_srai_epi32(flags, 31);
    const __m256i group = _mm256_and_si256(entry, _mm256_set1_epi32(EntryCode<Entry>::kValueMask));
    __m256i index = _mm256_or_si256(_mm256_slli_epi32(group, 8),
                                    _mm256_and_si256(addresses, _mm256_set1_epi32(0xff)));
    index = _mm256_and_si256(index, extended);  // other lanes read entry 0, and drop it
    entry = gather(view.second, index, entry, extended);
  }
  return _mm256_blendv_epi8(entry, default_group, _mm256_cmpeq_epi32(entry, zero));
}

template <FibEntry Entry>
LASTMILE_AVX2 void lookup_all(const FibView<Entry>& view, const std::uint32_t* addresses,
                              std::uint16_t* groups, unsigned count, std::uint16_t default_group) {
  const __m256i otherwise = _mm256_set1_epi32(default_group);
  unsigned done = 0;
  for (; count - done >= 2 * kLanes; done += 2 * kLanes) {
    const auto* from = reinterpret_cast<const __m256i*>(addresses + done);
    const __m256i low = lookup8(view, _mm256_loadu_si256(from), otherwise);
    const __m256i high = lookup8(view, _mm256_loadu_si256(from + 1), otherwise);
    // packus works within 128-bit halves; the permutation puts the quarters in order.
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(groups + done), packed);
  }
  bulk_lookup_scalar(view, addresses + done, groups + done, count - done, default_group);
}

}  // namespace

// GCC drops the target attribute of an explicitly instantiated template: plain functions instead.
[[gnu::target("avx2")]] void bulk_lookup_avx2(const FibView<std::uint16_t>& view,
                                              const std::uint32_t* addresses, std::uint16_t* groups,
                                              unsigned count, std::uint16_t default_group) {
  lookup_all(view, addresses, groups, count, default_group);
}
[[gnu::target("avx2")]] void bulk_lookup_avx2(const FibView<std::uint32_t>& view,
                                              const std::uint32_t* addresses, std::uint16_t* groups,
                                              unsigned count, std::uint16_t default_group) {
  lookup_all(view, addresses, groups, count, default_group);
}

}  // namespace lastmile
