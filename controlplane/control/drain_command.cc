#include "controlplane/control/drain_command.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "controlplane/config/time_types.h"
#include "controlplane/config/types.h"

namespace lastmile {
namespace {

using Error = tl::unexpected<std::string>;

/// What RFC 9003 has room for.
constexpr std::size_t kLongestMessage = 255;

tl::expected<std::vector<std::string>, std::string> names(const Json& args) {
  std::vector<std::string> list;
  const auto found = args.find("neighbors");
  if (found == args.end()) return list;
  if (!found->is_array()) return Error{"\"neighbors\" is no list; expected names of neighbors"};
  for (const Json& name : *found) {
    if (!name.is_string()) return Error{"\"neighbors\" holds what is no name"};
    list.push_back(name.get<std::string>());
  }
  return list;
}

Json status(const Drain& drain, TimePoint now) {
  Json neighbors = Json::array();
  for (const Drain::Status& one : drain.status()) {
    const auto ago = std::chrono::duration<double>(now - one.since).count();
    neighbors.push_back({{"neighbor", one.neighbor},
                         {"phase", to_string(one.phase)},
                         {"since_s", ago},
                         {"packets_per_s", one.packets_per_second},
                         {"message", one.message}});
  }
  return {{"whole_router", drain.whole_router()}, {"drained", std::move(neighbors)}};
}

}  // namespace

tl::expected<DrainRequest, std::string> drain_request(const Json& args) {
  DrainRequest request;
  auto neighbors = names(args);
  if (!neighbors) return Error{neighbors.error()};
  request.neighbors = std::move(*neighbors);
  if (const auto found = args.find("patience"); found != args.end()) {
    const auto patience = found->is_string()
                              ? config::parse_duration(found->get_ref<const std::string&>())
                              : tl::unexpected(config::Fault{});
    if (!patience) return Error{"patience is no duration; expected one such as 30s or 5m"};
    request.patience = std::chrono::duration_cast<Duration>(*patience);
  }
  if (const auto found = args.find("quiet"); found != args.end()) {
    const auto quiet = found->is_string()
                           ? config::parse_decimal(found->get_ref<const std::string&>())
                           : std::nullopt;
    if (!quiet) return Error{"quiet is no number; expected packets a second"};
    request.quiet = static_cast<double>(*quiet);
  }
  if (const auto found = args.find("message"); found != args.end()) {
    if (!found->is_string() || found->get_ref<const std::string&>().size() > kLongestMessage) {
      return Error{fmt::format("message is no text of at most {} bytes", kLongestMessage)};
    }
    request.message = found->get<std::string>();
  }
  if (args.value("force", false)) request.force = DrainRequest::Force::kYes;
  return request;
}

void add_drain_commands(CommandTable& table, Drain& drain, std::function<TimePoint()> now) {
  table.add({"drain",
             "asks traffic to leave by neighbors, or all, and then ends their sessions",
             {"neighbors", "patience", "quiet", "message", "force"},
             [&drain, now](const Json& args) -> CommandResult {
               const auto request = drain_request(args);
               if (!request) return Error{request.error()};
               if (auto begun = drain.begin(*request, now()); !begun) return Error{begun.error()};
               return status(drain, now());
             }});
  table.add({"undrain",
             "takes neighbors, or all, back into service",
             {"neighbors"},
             [&drain, now](const Json& args) -> CommandResult {
               const auto neighbors = names(args);
               if (!neighbors) return Error{neighbors.error()};
               if (auto ended = drain.end(*neighbors, now()); !ended) return Error{ended.error()};
               return status(drain, now());
             }});
  table.add({"show drain",
             "what is drained, and whether traffic has left",
             {},
             [&drain, now](const Json&) -> CommandResult { return status(drain, now()); }});
}

}  // namespace lastmile
