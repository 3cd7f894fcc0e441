// `lastmile show services` and `lastmile service NAME down|up|auto`.
#pragma once

#include <functional>

#include "controlplane/control/command_table.h"
#include "controlplane/services/announced_services.h"

namespace lastmile {

[[nodiscard]] Json to_json(const ServiceStatus& service, TimePoint now);

/// Where the commands look and whom they tell; all outlive the table.
struct ServiceCommandsOutside {
  std::function<TimePoint()> now;
  std::function<std::vector<ServiceStatus>()> services;
  std::function<tl::expected<void, std::string>(const std::string& name, ServiceOverride wanted)>
      set;
};
void add_service_commands(CommandTable& table, ServiceCommandsOutside outside);

}  // namespace lastmile
