// `lastmile policy test`: what a policy makes of a route that need not exist.
#pragma once

#include "controlplane/config/config.h"
#include "controlplane/control/command_table.h"

namespace lastmile {

/// {"policy": NAME, "prefix": PREFIX, "as-path": "65001 64512", "communities": "65001:1 no-export",
///  "large-communities": "65001:1:2", "next-hop": ADDRESS, "neighbor": NAME, "origin": "igp",
///  "source": "bgp", "med": N}, all but the first two may be left out. The answer:
/// {"policy", "prefix", "accepted", "rule", "why", "changes": [{"what", "before", "after"}]};
/// "rule" is null if none matched.
[[nodiscard]] CommandResult test_policy(const Config& config, const Json& args);

/// Adds `policy test`; the table keeps a reference to the configuration.
void add_policy_commands(CommandTable& table, const Config& config);

}  // namespace lastmile
