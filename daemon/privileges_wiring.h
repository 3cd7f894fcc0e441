// When the router leaves root behind, and what it takes with it.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "controlplane/config/config.h"
#include "controlplane/control/command_table.h"
#include "daemon/devices.h"

namespace lastmile {

/// To be called when everything is open and before the first packet, connection or command is
/// looked at; says in the log what was done. The error is a sentence. Control thread.
[[nodiscard]] tl::expected<void, std::string> leave_root(const Config& config,
                                                         const std::string& config_path,
                                                         const Devices& devices);

/// Adds "show privileges", which asks the kernel anew each time.
void add_privileges_command(CommandTable& table);

}  // namespace lastmile
