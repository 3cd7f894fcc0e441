// Many lookups at once. A table of 32 MB answers from the last-level cache or from memory, and one
// core can have about a dozen such loads under way: bulk lookup keeps them all busy.
//
// A kernel is chosen once, when the FIB is made, by what the CPU can do; it is then called through
// a pointer, once for a vector of packets.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/fib/fib_view.h"

namespace lastmile {

enum class LookupKernel : std::uint8_t {
  kScalar,  ///< any CPU
  kAvx2,    ///< IPv4; IPv6 uses kScalar
  kAvx512,  ///< IPv4, and IPv6 with 32-bit entries
};
[[nodiscard]] const char* to_string(LookupKernel kernel);

/// Looks up `count` addresses; writes a group number for each, `default_group` where there is none
/// but the default. `addresses` and `groups` may not overlap and need no alignment.
template <class Raw, FibEntry Entry>
using BulkLookup = void (*)(const FibView<Entry>& view, const Raw* addresses, std::uint16_t* groups,
                            unsigned count, std::uint16_t default_group);

/// What a bulk lookup reads addresses as: IPv4 in host order, IPv6 as the value type (wire order).
template <class Address>
struct RawAddress {
  using Type = Address;
};
template <>
struct RawAddress<Ipv4Address> {
  using Type = std::uint32_t;
};

/// Kernels that this CPU can run, the preferred one first. Never empty.
[[nodiscard]] std::vector<LookupKernel> usable_kernels();

/// The function for a usable kernel.
template <class Address, FibEntry Entry>
[[nodiscard]] BulkLookup<typename RawAddress<Address>::Type, Entry> bulk_lookup(
    LookupKernel kernel);

// The kernels themselves, each in a file of its own.
template <FibEntry Entry>
void bulk_lookup_scalar(const FibView<Entry>& view, const std::uint32_t* addresses,
                        std::uint16_t* groups, unsigned count, std::uint16_t default_group);
void bulk_lookup_avx2(const FibView<std::uint16_t>& view, const std::uint32_t* addresses,
                      std::uint16_t* groups, unsigned count, std::uint16_t default_group);
void bulk_lookup_avx2(const FibView<std::uint32_t>& view, const std::uint32_t* addresses,
                      std::uint16_t* groups, unsigned count, std::uint16_t default_group);
void bulk_lookup_avx512(const FibView<std::uint16_t>& view, const std::uint32_t* addresses,
                        std::uint16_t* groups, unsigned count, std::uint16_t default_group);
void bulk_lookup_avx512(const FibView<std::uint32_t>& view, const std::uint32_t* addresses,
                        std::uint16_t* groups, unsigned count, std::uint16_t default_group);
template <FibEntry Entry>
void bulk_lookup_ipv6(const FibView<Entry>& view, const Ipv6Address* addresses,
                      std::uint16_t* groups, unsigned count, std::uint16_t default_group);
void bulk_lookup_ipv6_avx512(const FibView<std::uint32_t>& view, const Ipv6Address* addresses,
                             std::uint16_t* groups, unsigned count, std::uint16_t default_group);

}  // namespace lastmile
