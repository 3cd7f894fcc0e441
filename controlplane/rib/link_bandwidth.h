// How flows are spread over equal paths whose links differ (draft-ietf-idr-link-bandwidth).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace lastmile::rib {

enum class LinkBandwidth : std::uint8_t {
  kWeight,  ///< paths share flows as their bandwidths are to each other
  kIgnore,  ///< … evenly
};

/// Weights of paths with these bandwidths (bytes a second; 0: not known), as small as they can be
/// in whole numbers. Empty if the paths share evenly: one bandwidth is not known, or all are the
/// same.
[[nodiscard]] std::vector<std::uint16_t> bandwidth_weights(std::span<const float> bandwidths);

}  // namespace lastmile::rib
