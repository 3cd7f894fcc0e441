// `lastmile doctor`: what is wrong, and what to do about it.
#pragma once

#include <functional>

#include "controlplane/control/command_table.h"
#include "controlplane/doctor/diagnose.h"

namespace lastmile {

/// {"findings": [{"check", "severity", "subject", "cause", "next"}], "checks": [NAME...]}.
[[nodiscard]] Json examination(const doctor::Facts& facts);

void add_doctor_command(CommandTable& table, std::function<doctor::Facts()> facts);

}  // namespace lastmile
