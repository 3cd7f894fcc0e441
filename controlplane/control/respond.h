// The answers to `lastmile show ...` and `lastmile version`: from views to JSON. Field names are a
// promise to scripts.
#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include "controlplane/control/command_table.h"
#include "controlplane/control/views.h"

namespace lastmile {

/// Most prefixes in one response of `show routes`; a client asks again with the response's "next"
/// as its "cursor". So small that an answer holds up BGP for a few milliseconds only.
inline constexpr unsigned kMaxRoutesPage = 256;

[[nodiscard]] Json to_json(const VersionView& version);
[[nodiscard]] Json to_json(const PortView& port);
[[nodiscard]] Json to_json(const OffloadView& port);
[[nodiscard]] Json to_json(const NeighborView& neighbor);
[[nodiscard]] Json to_json(const NextHopView& next_hop);
[[nodiscard]] Json to_json(const RouteView& route);
[[nodiscard]] Json to_json(const FibStatusView& fib);
[[nodiscard]] Json to_json(const ControlThreadView& control);
[[nodiscard]] Json to_json(const LinkLayerView& neighbor);
[[nodiscard]] Json to_json(const NextHopStatusView& next_hop);
[[nodiscard]] Json to_json(const StageView& stage);
[[nodiscard]] Json to_json(const PuntView& punt);
[[nodiscard]] Json to_json(const WorkerView& worker);
[[nodiscard]] Json to_json(const DropView& drop);
[[nodiscard]] Json to_json(const BfdView& session);
[[nodiscard]] Json to_json(const BfdRefusalView& refusal);
[[nodiscard]] Json to_json(const BfdStatusView& bfd);

/// Reads the arguments of `show routes`: {"match": PREFIX|ADDRESS, "cursor": TEXT, "limit": N,
/// "received"|"accepted"|"advertised": NEIGHBOR}.
[[nodiscard]] tl::expected<RouteQuery, std::string> route_query(const Json& args);

/// Adds all `show` verbs, `version` and `help`. The table keeps a reference to the source, and
/// `help` one to the table.
void add_show_commands(CommandTable& table, const ShowSource& source);

}  // namespace lastmile
