#include "controlplane/control/service_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/net/format.h"

namespace lastmile {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

double seconds(Duration time) {
  return static_cast<double>(duration_cast<milliseconds>(time).count()) / 1000;
}

constexpr std::array kOverrides{ServiceOverride::kAuto, ServiceOverride::kDown,
                                ServiceOverride::kUp};

CommandResult set_service(const Json& args, const ServiceCommandsOutside& outside) {
  const auto text = [&](const char* name) {
    const auto found = args.find(name);
    return found != args.end() && found->is_string() ? found->get<std::string>() : std::string{};
  };
  const std::string name = text("name");
  const std::string state = text("state");
  if (name.empty()) return tl::unexpected<std::string>("\"name\" is missing; expected a service");
  const auto* const wanted = std::ranges::find_if(
      kOverrides, [&](ServiceOverride known) { return state == to_string(known); });
  if (wanted == kOverrides.end()) {
    return tl::unexpected(
        fmt::format("\"{}\" is no state; expected down, up or auto", state.substr(0, 100)));
  }
  if (auto done = outside.set(name, *wanted); !done) return tl::unexpected(done.error());
  for (const ServiceStatus& service : outside.services()) {
    if (service.config->name == name) return to_json(service, outside.now());
  }
  return Json::object();
}

}  // namespace

Json to_json(const ServiceStatus& service, TimePoint now) {
  const ServiceConfig& config = *service.config;
  Json last = nullptr;
  if (service.last) {
    last = {{"passed", service.last->outcome == CheckOutcome::kPassed},
            {"detail", service.last->detail},
            {"ago_s", seconds(now - service.last->at)},
            {"took_us", service.last->took.count()},
            {"in_a_row", service.streak}};
  }
  return {{"name", config.name},
          {"address", to_string(config.address)},
          {"state", to_string(service.health)},
          {"appearance", to_string(service.appearance)},
          {"operator", to_string(service.wanted)},
          {"check", config.check ? Json(describe(*config.check)) : Json(nullptr)},
          {"last_check", std::move(last)},
          {"reason", service.reason},
          {"since_s", seconds(now - service.since)},
          {"passed", service.passed},
          {"failed", service.failed},
          {"changes", service.changes}};
}

void add_service_commands(CommandTable& table, ServiceCommandsOutside outside) {
  table.add({"show services",
             "services, their health and whether they are announced",
             {},
             [outside](const Json&) -> CommandResult {
               Json services = Json::array();
               for (const ServiceStatus& service : outside.services()) {
                 services.push_back(to_json(service, outside.now()));
               }
               return Json{{"services", std::move(services)}};
             }});
  table.add({"service",
             "takes a service down or up by hand, or (auto) as its check says",
             {"name", "state"},
             [outside](const Json& args) { return set_service(args, outside); }});
}

}  // namespace lastmile
