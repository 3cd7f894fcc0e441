// The checks of each part of a configuration, in files of their own. `complete_and_check()` knows
// their order.
#pragma once

#include <string>

#include "controlplane/config/config.h"
#include "controlplane/config/reader.h"

namespace lastmile::config {

void check_addresses(Config& config, Reader& reader);  ///< each of ours is so by one reason only
void check_services(Config& config, Reader& reader);
void check_router(Config& config, Reader& reader);  ///< fills in its identifier
void check_ports(Config& config, Reader& reader);   ///< fills in what a port has from its parent
void check_routes(Config& config, Reader& reader);
void check_bfd(Config& config, Reader& reader);  ///< reads keys
void check_bgp(Config& config, Reader& reader);  ///< fills in timers, and names of neighbors
/// Where a neighbor is: its port, its address, its range. Fills in its name. `path` is its own.
void check_place(Config& config, Reader& reader, BgpNeighborConfig& neighbor,
                 const std::string& path);
/// Of ports that don't say it: uplink or local. Neighbors and routes are checked.
void complete_sides(Config& config, Reader& reader);
void check_announcements(Config& config, Reader& reader);  ///< of static routes; sides are known
void check_dataplane(Config& config, Reader& reader);
void complete_host(Config& config, Reader& reader);  ///< the MTUs of the host interface

}  // namespace lastmile::config
