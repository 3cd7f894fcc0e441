// Types of values that are times.
#pragma once

#include <chrono>
#include <string_view>

#include "controlplane/config/types.h"

namespace lastmile::config {

/// "500us", "10ms", "1s", "2m", "1h".
[[nodiscard]] tl::expected<std::chrono::microseconds, Fault> parse_duration(std::string_view text);

/// A duration; written with a unit: "10ms".
[[nodiscard]] Type<std::chrono::microseconds> duration(std::chrono::microseconds min,
                                                       std::chrono::microseconds max);
/// A duration of whole seconds.
[[nodiscard]] Type<std::chrono::seconds> whole_seconds(std::chrono::seconds min,
                                                       std::chrono::seconds max);
/// 0s, or at least 3 s (RFC 4271 section 4.2).
[[nodiscard]] Type<std::chrono::seconds> hold_time();

}  // namespace lastmile::config
