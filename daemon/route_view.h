// A route of the RIB as the operator sees it.
#pragma once

#include "controlplane/bgp/session/session_manager.h"
#include "controlplane/config/config.h"
#include "controlplane/control/views.h"
#include "controlplane/rib/show.h"

namespace lastmile {

/// `config` and `sessions` have the names of the route's ports and neighbors. Control thread only.
[[nodiscard]] RouteView route_view(const rib::RouteView& route, const Config& config,
                                   const bgp::SessionManager& sessions);
/// As a neighbor was told of it.
[[nodiscard]] RouteView route_view(const rib::AdvertisedView& route);

}  // namespace lastmile
