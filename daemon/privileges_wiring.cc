#include "daemon/privileges_wiring.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <vector>

#include "daemon/privilege_view.h"
#include "daemon/privileges.h"
#include "drivers/kernel/folder.h"
#include "drivers/ports/device_string.h"
#include "logging/log.h"

namespace lastmile {
namespace {

// Ours alone: the control socket is there unless the configuration says otherwise, and what the
// exception path has to put back (drivers/exception/guard_state.h).
constexpr const char* kRuntimeDirectory = "/run/lastmile";

DeviceNeeds needs_of(const Config& config) {
  return {.af_xdp = std::ranges::any_of(config.ports, [](const PortConfig& port) {
            const auto device = DeviceString::parse(port.device);
            return device && device->is("net_af_xdp");
          })};
}

std::vector<ThreadPrivileges> threads_of_this_process() {
  std::vector<ThreadPrivileges> threads;
  const std::string tasks = "/proc/self/task/";
  for (const std::string& task : names_in(tasks)) {
    std::ifstream file{tasks + task + "/status"};
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    if (auto thread = read_privileges(text)) threads.push_back(std::move(*thread));
  }
  return threads;
}

}  // namespace

tl::expected<void, std::string> leave_root(const Config& config, const std::string& config_path,
                                           const Devices& devices) {
  const uid_t before = ::geteuid();
  PrivilegeOptions options{.system = config.system,
                           .devices = needs_of(config),
                           .hand_over = {kRuntimeDirectory, devices.runtime_directory()}};
  if (HomeThread* const home = devices.home_thread()) {
    options.home_thread = [home](const std::function<void()>& step) { home->run(step); };
  }
  const auto dropped = drop_privileges(options);
  if (!dropped) return tl::unexpected(dropped.error());
  log::info("{}", *dropped);
  if (::geteuid() == before) return {};
  // Said now, not when somebody is in need of it.
  if (const auto again = load_config(config_path); !again) {
    log::warn("as this user it can't read its configuration again, so reload will fail: {}",
              to_string(again.error().front()));
  }
  return {};
}

void add_privileges_command(CommandTable& table) {
  table.add(
      {"show privileges", "what the router's process may do", {}, [](const Json&) -> CommandResult {
         return privileges_json(threads_of_this_process());
       }});
}

}  // namespace lastmile
