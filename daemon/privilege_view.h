// What the kernel says that each thread of this process holds, for `lastmile show privileges`.
// What was meant to be dropped does not count, what is held does.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/control/command_table.h"
#include "daemon/kept_capabilities.h"

namespace lastmile {

/// A thread by its /proc/PID/task/TID/status (proc(5)).
struct ThreadPrivileges {
  std::string name;
  unsigned user = 0, group = 0;    ///< effective ones
  CapabilitySet capabilities = 0;  ///< permitted ones
  bool no_new_privileges = false;
  bool filtered = false;  ///< its system calls
};

/// nullopt: a field is missing.
[[nodiscard]] std::optional<ThreadPrivileges> read_privileges(std::string_view status);

/// {"user": name, "uid", "no_new_privileges", "filtered", "capabilities": [NAME], "threads":
/// [{"name", "uid", "gid", "capabilities", "no_new_privileges", "filtered"}], "why":
/// [{"capability", "why"}]}. What stands for the process is the worst of its threads.
[[nodiscard]] Json privileges_json(const std::vector<ThreadPrivileges>& threads);

}  // namespace lastmile
