// How an interface that we made is told from one that we didn't: its alias names the process.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace lastmile {

/// "lastmile PID START", START being the process's start time, so that a reused PID is not
/// mistaken.
[[nodiscard]] std::string owner_mark();

enum class Owner : std::uint8_t {
  kStranger,  ///< not made by us
  kAlive,     ///< made by an instance that is running
  kDead,      ///< made by an instance that is gone
};
[[nodiscard]] Owner owner_of(std::string_view alias);

}  // namespace lastmile
