// Names of kernel network interfaces.
#pragma once

#include <cstddef>
#include <string_view>

namespace lastmile {

/// Longest name that the kernel takes for an interface (IFNAMSIZ - 1).
inline constexpr std::size_t kMaxInterfaceName = 15;
/// What a port's kernel twin is called: this and the port's name.
inline constexpr std::string_view kTwinPrefix = "lm-";

}  // namespace lastmile
