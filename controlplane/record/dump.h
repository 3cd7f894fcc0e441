// Sessions and routes as lines of text: the same lines for the same state, whoever has come to it.
//
//   neighbor up1 Established received 5 accepted 4 advertised 2
//   route 10.0.2.2/32 bgp up1 best multipath installed via up1 fe80::1 weight 1 age 3 as-path ...
//   advertised up1 10.0.1.1/32 next-hop fe80::2 as-path 64512 ...
//
// What only the data plane knows (which next hops live, what workers see already) is not in it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "controlplane/control_plane.h"

namespace lastmile::record {

/// Control thread only. Time and memory grow with the number of routes.
[[nodiscard]] std::string dump(const ControlPlane& control, const Config& config, TimePoint now);
/// FNV-1a, 64 bits: the same everywhere.
[[nodiscard]] std::uint64_t hash_of(std::string_view text);

}  // namespace lastmile::record
