// What a new configuration changes that a running router can't take up: `lastmile reload` refuses
// those and names them.
#pragma once

#include <string>
#include <vector>

#include "controlplane/config/config.h"

namespace lastmile::config {

/// The keys that differ and need a restart: "ports", "router.asn". Empty: the new configuration can
/// be applied to a router that runs with the old one.
[[nodiscard]] std::vector<std::string> restart_needed(const Config& running, const Config& wanted);

}  // namespace lastmile::config
