// `lastmile drain`, `undrain` and `show drain`.
#pragma once

#include <functional>

#include "controlplane/control/command_table.h"
#include "controlplane/drain/drain.h"

namespace lastmile {

/// {"neighbors": [NAME...], "patience": "60s", "quiet": PACKETS_A_SECOND, "message": TEXT,
///  "force": bool}; all may be left out, without neighbors it is the whole router.
[[nodiscard]] tl::expected<DrainRequest, std::string> drain_request(const Json& args);

/// What is drained outlives the table.
void add_drain_commands(CommandTable& table, Drain& drain, std::function<TimePoint()> now);

}  // namespace lastmile
