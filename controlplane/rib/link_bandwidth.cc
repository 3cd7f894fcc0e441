#include "controlplane/rib/link_bandwidth.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace lastmile::rib {
namespace {

/// Of the widest link: what all whole numbers up to 8 divide, so that common ratios come out exact.
constexpr float kFullWeight = 840;

}  // namespace

std::vector<std::uint16_t> bandwidth_weights(std::span<const float> bandwidths) {
  if (bandwidths.size() < 2) return {};
  const auto [least, most] = std::ranges::minmax(bandwidths);
  if (least <= 0 || least == most) return {};
  std::vector<std::uint16_t> weights;
  weights.reserve(bandwidths.size());
  for (const float bandwidth : bandwidths) {
    const float share = std::round(bandwidth / most * kFullWeight);
    weights.push_back(static_cast<std::uint16_t>(std::max(share, 1.0F)));
  }
  std::uint16_t common = 0;
  for (const std::uint16_t weight : weights) common = std::gcd(common, weight);
  for (std::uint16_t& weight : weights) weight = static_cast<std::uint16_t>(weight / common);
  return weights;
}

}  // namespace lastmile::rib
