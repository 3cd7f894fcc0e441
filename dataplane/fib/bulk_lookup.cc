#include "dataplane/fib/bulk_lookup.h"

#include <algorithm>
#include <type_traits>

namespace lastmile {

const char* to_string(LookupKernel kernel) {
  switch (kernel) {
    case LookupKernel::kScalar:
      return "scalar";
    case LookupKernel::kAvx2:
      return "avx2";
    case LookupKernel::kAvx512:
      return "avx512";
  }
  return "unknown";
}

std::vector<LookupKernel> usable_kernels() {
  std::vector<LookupKernel> kernels;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0) {
    kernels.push_back(LookupKernel::kAvx512);
  }
  if (__builtin_cpu_supports("avx2") != 0) kernels.push_back(LookupKernel::kAvx2);
#endif
  kernels.push_back(LookupKernel::kScalar);
  return kernels;
}

namespace {

// Loads wait in the CPU's window until their data comes, and when the window is full of them no
// more can start; prefetches leave it at once. So each block of entries is asked for while the
// block before is looked up, which is a good quarter faster than the gathers alone on a table
// beyond the caches. 64 entries are a multiple of all vector lengths, and little of the first-level
// cache.
template <FibEntry Entry, BulkLookup<std::uint32_t, Entry> kKernel>
void look_ahead(const FibView<Entry>& view, const std::uint32_t* addresses, std::uint16_t* groups,
                unsigned count, std::uint16_t default_group) {
  constexpr unsigned kBlock = 64;
  // GCC 12 takes a function that only prefetches for one that does nothing, and drops the call.
  const auto prefetch = [&](unsigned begin) __attribute__((always_inline)) {
    const unsigned end = std::min(begin + kBlock, count);
    for (unsigned i = begin; i < end; ++i) __builtin_prefetch(view.narrow + (addresses[i] >> 8));
  };
  prefetch(0);
  for (unsigned begin = 0; begin < count; begin += kBlock) {
    prefetch(begin + kBlock);
    kKernel(view, addresses + begin, groups + begin, std::min(kBlock, count - begin),
            default_group);
  }
}

}  // namespace

template <class Address, FibEntry Entry>
BulkLookup<typename RawAddress<Address>::Type, Entry> bulk_lookup(
    [[maybe_unused]] LookupKernel kernel) {
  if constexpr (std::is_same_v<Address, Ipv6Address>) {
#if defined(__x86_64__)
    if constexpr (sizeof(Entry) == 4) {
      if (kernel == LookupKernel::kAvx512) return bulk_lookup_ipv6_avx512;
    }
#endif
    return bulk_lookup_ipv6<Entry>;
  } else {
#if defined(__x86_64__)
    if (kernel == LookupKernel::kAvx512) return look_ahead<Entry, bulk_lookup_avx512>;
    if (kernel == LookupKernel::kAvx2) return look_ahead<Entry, bulk_lookup_avx2>;
#endif
    return look_ahead<Entry, bulk_lookup_scalar<Entry>>;
  }
}

template BulkLookup<std::uint32_t, std::uint16_t> bulk_lookup<Ipv4Address, std::uint16_t>(
    LookupKernel);
template BulkLookup<std::uint32_t, std::uint32_t> bulk_lookup<Ipv4Address, std::uint32_t>(
    LookupKernel);
template BulkLookup<Ipv6Address, std::uint16_t> bulk_lookup<Ipv6Address, std::uint16_t>(
    LookupKernel);
template BulkLookup<Ipv6Address, std::uint32_t> bulk_lookup<Ipv6Address, std::uint32_t>(
    LookupKernel);

}  // namespace lastmile
