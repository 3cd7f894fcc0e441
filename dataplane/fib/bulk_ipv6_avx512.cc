// IPv6 bulk lookup with AVX-512 gathers: 64 addresses go down the levels in step, so that one
// level's loads of all of them wait for memory at the same time.
//
// Each step needs one more byte of every address. Their 32-bit words are gathered as the walk gets
// there (most routes end within the second word), turned to host order once, and shifted.
#if defined(__GNUC__) && !defined(__clang__)
// GCC 12's own header leaves the "undefined" operand of its intrinsics uninitialized on purpose.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "dataplane/fib/bulk_lookup.h"

#define LASTMILE_AVX512 [[gnu::target("avx512f,avx512bw,avx512vl")]]

namespace lastmile {
namespace {

constexpr unsigned kIpv6Lanes = 16;
constexpr unsigned kIpv6Vectors = 4;
constexpr unsigned kIpv6StepBlock = kIpv6Lanes * kIpv6Vectors;
constexpr unsigned kIpv6WordBytes = 4;
/// Levels that are walked in step: to the end of a /48, which is where nearly all routes of the
/// global table end. With 64 addresses there is nearly always one that goes further, and steps of
/// all for the sake of one cost more than the rest.
constexpr unsigned kIpv6LastInStep = 6;
/// Addresses of which the deep ones go on together.
constexpr unsigned kIpv6Chunk = 256;
static_assert(kIpv6Chunk % kIpv6StepBlock == 0);

using Ipv6Code = EntryCode<std::uint32_t>;

/// Lanes of vector `v` that stand for one of the first `count` addresses of a block.
LASTMILE_AVX512 inline __mmask16 ipv6_lanes(unsigned v, unsigned count) {
  const unsigned before = v * kIpv6Lanes;
  const unsigned left = count > before ? std::min(count - before, kIpv6Lanes) : 0;
  return static_cast<__mmask16>((1U << left) - 1);
}

/// The 32-bit word `word` (0 to 3) of 16 addresses, in host order.
LASTMILE_AVX512 inline __m512i ipv6_words(const Ipv6Address* addresses, unsigned word,
                                          __mmask16 lanes) {
  const __m512i stride =
      _mm512_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60);
  const __m512i index = _mm512_add_epi32(stride, _mm512_set1_epi32(static_cast<int>(word)));
  const __m512i swap =
      _mm512_broadcast_i32x4(_mm_setr_epi8(3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12));
  const __m512i raw =
      _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), lanes, index, addresses, kIpv6WordBytes);
  return _mm512_shuffle_epi8(raw, swap);
}

/// Addresses with routes deeper than kIpv6LastInStep, put aside. They are few, but each has up to
/// ten dependent loads before it: one by one they would cost as much as all the others together. So
/// they wait until there are some, and walk on side by side.
struct DeepIpv6 {
  struct Address {
    std::uint32_t entry;
    std::uint16_t index;  // in the chunk
  };
  unsigned count = 0;
  Address addresses[kIpv6Chunk];

  void walk(const FibView<std::uint32_t>& view, const Ipv6Address* chunk, std::uint16_t* groups,
            std::uint16_t default_group) {
    unsigned left = count;
    for (unsigned byte = kIpv6LastInStep; left != 0; ++byte) {
      for (unsigned i = 0; i < left; ++i) {
        Address& at = addresses[i];
        at.entry =
            load_entry(view.second + std::size_t{Ipv6Code::second_level(at.entry)} * kGroupEntries +
                       AddressBits<Ipv6Address>::byte(chunk[at.index], byte));
      }
      unsigned stay = 0;
      for (unsigned i = 0; i < left; ++i) {
        const Address at = addresses[i];
        addresses[stay] = at;
        if (Ipv6Code::is_extended(at.entry)) {
          ++stay;
        } else {
          groups[at.index] = group_or(at.entry, default_group);
        }
      }
      left = stay;
    }
    count = 0;
  }
};

LASTMILE_AVX512 inline void lookup_ipv6_in_step(const FibView<std::uint32_t>& view,
                                                const Ipv6Address* addresses, std::uint16_t* groups,
                                                unsigned count, __m512i default_group,
                                                unsigned first_index, DeepIpv6& deep) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i flag = _mm512_set1_epi32(static_cast<int>(Ipv6Code::kExtended));
  const __m512i value = _mm512_set1_epi32(static_cast<int>(Ipv6Code::kValueMask));
  // No std::array: GCC warns of a vector type as a template argument.
  __m512i word[kIpv6Vectors];
  __m512i entry[kIpv6Vectors];
  __mmask16 walking[kIpv6Vectors];  // lanes that still have to go down
  for (unsigned v = 0; v < kIpv6Vectors; ++v) {
    const __mmask16 lanes = ipv6_lanes(v, count);
    word[v] = ipv6_words(addresses + v * kIpv6Lanes, 0, lanes);
    entry[v] =
        _mm512_mask_i32gather_epi32(zero, lanes, _mm512_srli_epi32(word[v], 8), view.first, 4);
  }
  unsigned left = 0;
  for (unsigned v = 0; v < kIpv6Vectors; ++v) {
    walking[v] = _mm512_test_epi32_mask(entry[v], flag);
    left |= walking[v];
  }
  unsigned byte = kFirstLevelBytes;
  for (; left != 0 && byte < kIpv6LastInStep; ++byte) {
    const unsigned in_word = byte % kIpv6WordBytes;
    const __m128i shift = _mm_cvtsi32_si128(static_cast<int>(8 * (kIpv6WordBytes - 1 - in_word)));
    left = 0;
    for (unsigned v = 0; v < kIpv6Vectors; ++v) {
      if (in_word == 0)
        word[v] = ipv6_words(addresses + v * kIpv6Lanes, byte / kIpv6WordBytes, walking[v]);
      const __m512i slot =
          _mm512_and_si512(_mm512_srl_epi32(word[v], shift), _mm512_set1_epi32(0xff));
      const __m512i index =
          _mm512_or_si512(_mm512_slli_epi32(_mm512_and_si512(entry[v], value), 8), slot);
      entry[v] = _mm512_mask_i32gather_epi32(entry[v], walking[v], index, view.second, 4);
    }
    for (unsigned v = 0; v < kIpv6Vectors; ++v) {
      walking[v] = _mm512_mask_test_epi32_mask(walking[v], entry[v], flag);
      left |= walking[v];
    }
  }
  if (left != 0) {
    for (unsigned v = 0; v < kIpv6Vectors; ++v) {
      if (walking[v] == 0) continue;
      alignas(64) std::uint32_t lane_entries[kIpv6Lanes];
      _mm512_store_si512(lane_entries, entry[v]);
      for (unsigned lanes = walking[v]; lanes != 0; lanes &= lanes - 1) {
        const auto lane = static_cast<unsigned>(__builtin_ctz(lanes));
        deep.addresses[deep.count++] = {
            lane_entries[lane], static_cast<std::uint16_t>(first_index + v * kIpv6Lanes + lane)};
      }
    }
  }
  for (unsigned v = 0; v < kIpv6Vectors; ++v) {
    const __m512i found =
        _mm512_mask_mov_epi32(entry[v], _mm512_cmpeq_epi32_mask(entry[v], zero), default_group);
    _mm512_mask_cvtepi32_storeu_epi16(groups + v * kIpv6Lanes, ipv6_lanes(v, count), found);
  }
}

}  // namespace

LASTMILE_AVX512 void bulk_lookup_ipv6_avx512(const FibView<std::uint32_t>& view,
                                             const Ipv6Address* addresses, std::uint16_t* groups,
                                             unsigned count, std::uint16_t default_group) {
  const __m512i otherwise = _mm512_set1_epi32(default_group);
  DeepIpv6 deep;
  // always_inline: see bulk_lookup.cc.
  const auto prefetch = [&](unsigned begin) __attribute__((always_inline)) {
    const unsigned end = std::min(begin + kIpv6StepBlock, count);
    for (unsigned i = begin; i < end; ++i) {
      std::uint32_t word = 0;
      std::memcpy(&word, addresses + i, sizeof word);
      __builtin_prefetch(view.first + (__builtin_bswap32(word) >> 8));
    }
  };
  prefetch(0);
  for (unsigned chunk = 0; chunk < count; chunk += kIpv6Chunk) {
    const unsigned end = std::min(chunk + kIpv6Chunk, count);
    for (unsigned begin = chunk; begin < end; begin += kIpv6StepBlock) {
      prefetch(begin + kIpv6StepBlock);
      lookup_ipv6_in_step(view, addresses + begin, groups + begin,
                          std::min(kIpv6StepBlock, end - begin), otherwise, begin - chunk, deep);
    }
    deep.walk(view, addresses + chunk, groups + chunk, default_group);
  }
}

}  // namespace lastmile
