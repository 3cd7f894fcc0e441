// `lastmile trace`: where a flow would go, and why.
#pragma once

#include <functional>

#include "controlplane/control/command_table.h"
#include "controlplane/control/trace_view.h"

namespace lastmile {

/// {"destination": ADDRESS, "source": ADDRESS, "proto": "udp"|"tcp"|"icmp"|"sctp"|N, "sport": N,
///  "dport": N, "length": N, "ttl": N, "df": true, "port": INGRESS}; all but the first may be left
/// out. Numbers and true may come as text.
[[nodiscard]] tl::expected<TraceRequest, std::string> trace_request(const Json& args);

/// Fields are a promise to scripts: added, never renamed (docs/commands.md).
[[nodiscard]] Json to_json(const TraceView& trace);

/// `trace` is asked on the control thread; its error is one line.
void add_trace_command(
    CommandTable& table,
    std::function<tl::expected<TraceView, std::string>(const TraceRequest&)> trace);

}  // namespace lastmile
