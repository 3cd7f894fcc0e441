// IPv4 bulk lookup with AVX-512 gathers, 16 addresses at a time; a mask handles the rest.
//
// A gather loads 32-bit lanes. For 16-bit entries it loads the aligned pair that holds the entry
// and shifts: a load at the entry itself would cross into a second cache line for every 32nd
// address.
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12's own header leaves the "undefined" operand of its intrinsics uninitialized on purpose.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include "dataplane/fib/bulk_lookup.h"

#define LASTMILE_AVX512 [[gnu::target("avx512f,avx512bw,avx512vl")]]

namespace lastmile {
namespace {

constexpr unsigned kAvx512Lanes = 16;

/// Entries at `index` for the lanes in `lanes`; other lanes keep `otherwise`.
template <FibEntry Entry>
LASTMILE_AVX512 inline __m512i gather(const Entry* table, __m512i index, __m512i otherwise,
                                      __mmask16 lanes) {
  if constexpr (sizeof(Entry) == 4) {
    return _mm512_mask_i32gather_epi32(otherwise, lanes, index, table, 4);
  } else {
    const __m512i pair =
        _mm512_mask_i32gather_epi32(otherwise, lanes, _mm512_srli_epi32(index, 1), table, 4);
    const __m512i odd = _mm512_and_si512(_mm512_slli_epi32(index, 4), _mm512_set1_epi32(16));
    const __m512i entry = _mm512_and_si512(_mm512_srlv_epi32(pair, odd), _mm512_set1_epi32(0xffff));
    return _mm512_mask_mov_epi32(otherwise, lanes, entry);
  }
}

/// Narrow codes at `index`: the byte of the aligned word that holds it.
LASTMILE_AVX512 inline __m512i gather_narrow_avx512(const std::uint8_t* table, __m512i index,
                                                    __mmask16 lanes) {
  const __m512i word = _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), lanes,
                                                   _mm512_srli_epi32(index, 2), table, 4);
  const __m512i in_word = _mm512_and_si512(_mm512_slli_epi32(index, 3), _mm512_set1_epi32(24));
  return _mm512_and_si512(_mm512_srlv_epi32(word, in_word), _mm512_set1_epi32(0xff));
}

template <FibEntry Entry>
LASTMILE_AVX512 inline __m512i lookup16(const FibView<Entry>& view, __m512i addresses,
                                        __m512i default_group, __mmask16 lanes) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i first24 = _mm512_srli_epi32(addresses, 8);
  __m512i entry = gather_narrow_avx512(view.narrow, first24, lanes);
  const __mmask16 wide = _mm512_cmpeq_epi32_mask(entry, _mm512_set1_epi32(kSeeEntry));
  if (wide != 0) [[unlikely]] {
    const int flag = static_cast<int>(EntryCode<Entry>::kExtended);
    const int value = static_cast<int>(EntryCode<Entry>::kValueMask);
    entry = gather(view.first, first24, entry, wide);
    const __mmask16 extended = _mm512_test_epi32_mask(entry, _mm512_set1_epi32(flag));
    const __m512i group = _mm512_and_si512(entry, _mm512_set1_epi32(value));
    const __m512i index = _mm512_or_si512(_mm512_slli_epi32(group, 8),
                                          _mm512_and_si512(addresses, _mm512_set1_epi32(0xff)));
    entry = gather(view.second, index, entry, extended);
  }
  return _mm512_mask_mov_epi32(entry, _mm512_cmpeq_epi32_mask(entry, zero), default_group);
}

template <FibEntry Entry>
LASTMILE_AVX512 inline void lookup_avx512_all(const FibView<Entry>& view,
                                              const std::uint32_t* addresses, std::uint16_t* groups,
                                              unsigned count, std::uint16_t default_group) {
  const __m512i otherwise = _mm512_set1_epi32(default_group);
  unsigned done = 0;
  for (; count - done >= kAvx512Lanes; done += kAvx512Lanes) {
    const __m512i found = lookup16(view, _mm512_loadu_si512(addresses + done), otherwise, 0xffff);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(groups + done), _mm512_cvtepi32_epi16(found));
  }
  if (done < count) {
    const auto lanes = static_cast<__mmask16>((1U << (count - done)) - 1);
    const __m512i found =
        lookup16(view, _mm512_maskz_loadu_epi32(lanes, addresses + done), otherwise, lanes);
    _mm512_mask_cvtepi32_storeu_epi16(groups + done, lanes, found);
  }
}

}  // namespace

// GCC drops the target attribute of an explicitly instantiated template: plain functions instead.
LASTMILE_AVX512 void bulk_lookup_avx512(const FibView<std::uint16_t>& view,
                                        const std::uint32_t* addresses, std::uint16_t* groups,
                                        unsigned count, std::uint16_t default_group) {
  lookup_avx512_all(view, addresses, groups, count, default_group);
}
LASTMILE_AVX512 void bulk_lookup_avx512(const FibView<std::uint32_t>& view,
                                        const std::uint32_t* addresses, std::uint16_t* groups,
                                        unsigned count, std::uint16_t default_group) {
  lookup_avx512_all(view, addresses, groups, count, default_group);
}

}  // namespace lastmile
