#include "daemon/reload.h"

#include <fmt/format.h>

#include <utility>

#include "controlplane/config/differences.h"
#include "daemon/devices.h"

namespace lastmile {
namespace {

std::vector<std::string> needs_restart(const std::string& path, const Config& running,
                                       const Config& wanted) {
  std::vector<std::string> errors;
  for (const std::string& key : config::restart_needed(running, wanted)) {
    errors.push_back(
        fmt::format("{}: {} differs, which a running router can't take up; expected a "
                    "restart, or the old value",
                    path, key));
  }
  if (!errors.empty()) return errors;
  for (const PortConfig& port : running.ports) {
    if (zone_of(running, port.id) == zone_of(wanted, port.id)) continue;
    errors.push_back(
        fmt::format("{}: port {} becomes an uplink, or is one no longer, which a "
                    "running router can't take up; expected a restart",
                    path, port.name));
  }
  return errors;
}

}  // namespace

tl::expected<Config, std::vector<std::string>> load_again(const std::string& path,
                                                          const Config& running,
                                                          ConfigSource& source) {
  auto wanted = load_config(path, source);
  std::vector<std::string> errors;
  if (!wanted) {
    for (const ConfigError& error : wanted.error()) errors.push_back(to_string(error));
  } else {
    errors = needs_restart(path, running, *wanted);
  }
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return std::move(*wanted);
}

}  // namespace lastmile
