// Which system calls a running router refuses to make, whoever made it ask for them.
//
// It is a list of what is denied, not of what is allowed. An allow list would be shorter for our
// own code, but it would have to be right for every driver of every NIC that DPDK has, in releases
// that we have not seen, and for every program that a health check runs: children inherit the
// filter, as long as they live. What is denied is what neither has any use for and what an attacker
// in the process would go for first: the kernel's larger and rarer parts (bpf, io_uring, keys,
// perf, userfaultfd, odd socket families), other processes, namespaces, mounts, modules, the clock.
//
// A refused call fails with EPERM, as it would without the privilege, and the kernel logs it
// (audit; journalctl -k). Nothing is killed: what denies by mistake must not cost the router.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "controlplane/config/config.h"
#include "daemon/kept_capabilities.h"

namespace lastmile {

struct DeniedCall {
  std::string_view name;  ///< as in the kernel's tables; one that this machine lacks is passed over
  /// Denied unless a configuration with such devices needs it; kEveryRouter: always denied.
  NeededBy unless = NeededBy::kEveryRouter;
};
[[nodiscard]] std::span<const DeniedCall> denied_calls();

/// Socket families (AF_...) that stay open to a router.
[[nodiscard]] std::span<const int> allowed_families(const DeviceNeeds& devices);

/// Filters the calls of all threads of the process from now on, and of all that they start, for
/// good, and sets "no new privileges" for them. `use` is not kAny. The error is a sentence.
[[nodiscard]] tl::expected<void, std::string> filter_system_calls(SystemCalls use,
                                                                  const DeviceNeeds& devices);

}  // namespace lastmile
