#include "dataplane/fib/bulk_lookup.h"

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

template <class Address, FibEntry Entry>
BulkLookup<typename RawAddress<Address>::Type, Entry> bulk_lookup(
    [[maybe_unused]] LookupKernel kernel) {
  if constexpr (std::is_same_v<Address, Ipv6Address>) {
    return bulk_lookup_ipv6<Entry>;
  } else {
#if defined(__x86_64__)
    if (kernel == LookupKernel::kAvx512) return bulk_lookup_avx512;
    if (kernel == LookupKernel::kAvx2) return bulk_lookup_avx2;
#endif
    return bulk_lookup_scalar<Entry>;
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
