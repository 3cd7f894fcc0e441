// Answers of the daemon as text for people. Pure functions of the JSON: no terminal, no socket. An
// answer that is not as promised throws nlohmann::json::exception; the caller says so in one line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "cli/table.h"

namespace lastmile::cli {

using Json = nlohmann::ordered_json;

[[nodiscard]] std::string render_ports(const Json& data);
[[nodiscard]] std::string render_offload(const Json& data);
[[nodiscard]] std::string render_bgp(const Json& data);
[[nodiscard]] std::string render_bfd(const Json& data);
[[nodiscard]] std::string render_fib(const Json& data);
[[nodiscard]] std::string render_neighbors(const Json& data);
[[nodiscard]] std::string render_next_hops(const Json& data);
[[nodiscard]] std::string render_workers(const Json& data);
[[nodiscard]] std::string render_drops(const Json& data);
[[nodiscard]] std::string render_control(const Json& data);
[[nodiscard]] std::string render_metrics(const Json& data);
[[nodiscard]] std::string render_version(const Json& data);
[[nodiscard]] std::string render_policy_test(const Json& data);
[[nodiscard]] std::string render_trace(const Json& data);
[[nodiscard]] std::string render_services(const Json& data);
/// One service, after it was taken down or up.
[[nodiscard]] std::string render_service(const Json& data);
[[nodiscard]] std::string render_drain(const Json& data);
[[nodiscard]] std::string render_privileges(const Json& data);
[[nodiscard]] std::string render_doctor(const Json& data);
/// What happened, a line for each event, with the time since the one before it: how long a failover
/// took is read, not calculated. What comes more than a minute later is another story and has none.
class EventStory {
 public:
  [[nodiscard]] std::string line(const Json& event);

 private:
  std::optional<std::int64_t> before_;  ///< microseconds since 1970
};

/// The paths of one prefix with all that is known of them.
[[nodiscard]] std::string render_route_details(const Json& data);

/// The list of all routes, page by page in the same columns.
class RouteList {
 public:
  RouteList();
  [[nodiscard]] std::string page(const Json& data);
  /// What follows the last page: the legend, or that there are no routes.
  [[nodiscard]] std::string end() const;

 private:
  TextTable table_;
  std::string last_prefix_;
  bool refused_ = false;  ///< a refused path was shown
};

}  // namespace lastmile::cli
