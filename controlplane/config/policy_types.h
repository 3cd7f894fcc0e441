// Types of values that only policies have.
#pragma once

#include "controlplane/config/types.h"
#include "controlplane/policy/rules.h"

namespace lastmile::config {

/// "10.0.0.0/8", "10.0.0.0/8 le 24", "10.0.0.0/8 ge 16 le 24".
[[nodiscard]] Type<policy::PrefixRange> prefix_range();
[[nodiscard]] Type<policy::AsPathPattern> as_path_pattern();
/// "65001:100" or the name of a well-known one, "no-export".
[[nodiscard]] Type<bgp::Community> community();
/// "65001:1:2".
[[nodiscard]] Type<bgp::LargeCommunity> large_community();
/// "rt:65001:100", "soo:65001:100", or 16 hexadecimal digits behind 0x.
[[nodiscard]] Type<bgp::ExtendedCommunity> extended_community();

}  // namespace lastmile::config
