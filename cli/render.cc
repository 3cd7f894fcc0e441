// The daemon itself, as text.
#include <fmt/format.h>

#include <string>

#include "cli/fields.h"
#include "cli/render.h"

namespace lastmile::cli {

std::string render_control(const Json& data) {
  const auto milliseconds = [&](const char* key) {
    return fmt::format("{:.1f} ms", data.at(key).get<double>() / 1000);
  };
  const auto megabytes = [&](const char* key) {
    return fmt::format("{:.1f} MB", data.at(key).get<double>() / 1e6);
  };
  TextTable table{{{"CONTROL THREAD"}, {"", kRight}}};
  table.add({"events and commands handled", number_or(data.at("slices"), "-")});
  table.add({"processor time for them", milliseconds("busy_us")});
  table.add({"longest of them", milliseconds("longest_us")});
  table.add({"... which was", text_or(data.at("longest_in"), "-")});
  table.add({"longest by the clock", milliseconds("longest_wall_us")});
  table.add({"longer than 5 ms", number_or(data.at("long_slices"), "-")});
  table.add({"memory of the routes", megabytes("rib_bytes")});
  table.add({"memory of the process's heap", megabytes("heap_bytes")});
  for (const Json& thread : data.value("threads", Json::array())) {
    if (thread.at("stuck").get<bool>()) table.add({"stuck", thread.at("name")});
  }
  return table.text();
}

std::string render_metrics(const Json& data) {
  return data.at("text");
}

std::string render_version(const Json& data) {
  return fmt::format("lastmiled {} (DPDK {}), up {}, router id {}, AS {}, {}\n",
                     data.at("version").get<std::string>(), data.at("dpdk").get<std::string>(),
                     duration_or(data.at("uptime_s"), "-"), data.at("router_id").get<std::string>(),
                     number_or(data.at("asn"), "-"), data.at("config").get<std::string>());
}

}  // namespace lastmile::cli
