// What the router tells Prometheus. Names follow its conventions: base units (seconds, bytes,
// ratios from 0 to 1), "_total" behind counters. They are a promise to dashboards and alerts:
// families and labels are added, never renamed. All of them are in docs/metrics.md.
#pragma once

#include <string>

#include "controlplane/control/command_table.h"
#include "controlplane/control/views.h"
#include "controlplane/telemetry/metrics_text.h"

namespace lastmile {

/// Control thread only. Takes as long as there are ports, sessions and next hops, whatever the
/// number of routes.
[[nodiscard]] std::string router_metrics(const ShowSource& source, MetricsFormat format);

/// Adds `metrics`: {"text": OpenMetrics}. The table keeps a reference to the source.
void add_metrics_command(CommandTable& table, const ShowSource& source);

}  // namespace lastmile
