// What the machine has for DPDK: hugepages, memory, CPUs, privileges.
#pragma once

#include <cstddef>
#include <string>

#include "drivers/driver_error.h"

namespace lastmile {

/// Bytes in hugepages of any size that nobody uses or has reserved.
[[nodiscard]] std::size_t free_hugepage_bytes();

/// Bytes of memory the machine has.
[[nodiscard]] std::size_t total_memory_bytes();

/// The CPUs that this thread may run on, as DPDK and taskset write them ("0-3,8").
[[nodiscard]] std::string allowed_cpus();

/// An error that names the missing capability, unless the process has all that a router needs.
[[nodiscard]] Result<void> check_privileges();

}  // namespace lastmile
