// Sections of the configuration whose keys are in a file of their own each. schema.cc knows their
// order.
#pragma once

#include "controlplane/config/schema.h"

namespace lastmile::config {

[[nodiscard]] KeyOf<Config> ports_key();
[[nodiscard]] KeyOf<Config> services_key();  ///< and their health checks
[[nodiscard]] KeyOf<Config> bfd_key();
[[nodiscard]] KeyOf<Config> routes_key();
[[nodiscard]] KeyOf<Config> prefix_lists_key();  ///< policy_schema.cc
[[nodiscard]] KeyOf<Config> policies_key();
[[nodiscard]] KeyOf<Config> bgp_key();
// The process, and the machine that it runs on (process_schema.cc).
[[nodiscard]] KeyOf<Config> system_key();
[[nodiscard]] KeyOf<Config> dataplane_key();
[[nodiscard]] KeyOf<Config> control_key();
[[nodiscard]] KeyOf<Config> host_key();
[[nodiscard]] KeyOf<Config> telemetry_key();

}  // namespace lastmile::config
