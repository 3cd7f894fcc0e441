// What the data plane can hold, as the schema says it. The tables say the same of themselves
// (dataplane/).
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/forwarding/spec.h"

namespace lastmile::config {

// RTE_MAX_ETHPORTS is 32 as Debian builds DPDK: one device at least, and the host interface, and
// the kernel twin of each port (port_checks.cc knows the rest).
inline constexpr std::size_t kMaxPorts = 30;
// An IPv6 route takes two groups of the tables where routes are dense, and there are 2^23 of them.
inline constexpr std::uint32_t kMaxIpv6Routes = 4U << 20;
inline constexpr std::size_t kMaxMembers = kMaxGroupMembers;
inline constexpr unsigned kMaxWorkers = 32;
inline constexpr unsigned kMaxCpu = 1023;
inline constexpr std::uint16_t kSmallestMtu = 1280;  // RFC 8200 section 5
inline constexpr std::uint16_t kLargestMtu = 9600;

}  // namespace lastmile::config
