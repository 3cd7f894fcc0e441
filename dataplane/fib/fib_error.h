// Why a change of the forwarding tables was refused. A refused change changes nothing: every route
// that was there before still is.
#pragma once

#include <cstdint>

namespace lastmile {

enum class FibError : std::uint8_t {
  kTooManyNextHops,
  kTooManyGroups,
  kBadGroup,          ///< empty, more members than allowed, an unknown next hop, or not a group
  kOutOfSecondLevel,  ///< no second-level group left; every existing route is intact
  kTooManyRoutes,     ///< the table's configured maximum
};

[[nodiscard]] constexpr const char* to_string(FibError error) {
  switch (error) {
    case FibError::kTooManyNextHops:
      return "too many next hops";
    case FibError::kTooManyGroups:
      return "too many next-hop groups";
    case FibError::kBadGroup:
      return "not a valid next-hop group";
    case FibError::kOutOfSecondLevel:
      return "out of second-level groups";
    case FibError::kTooManyRoutes:
      return "too many routes";
  }
  return "unknown error";
}

}  // namespace lastmile
