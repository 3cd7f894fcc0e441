// How everything in drivers/ reports a failure: one sentence for the operator.
#pragma once

#include <string>

#include <tl/expected.hpp>

namespace lastmile {

/// What went wrong, said so that the operator can act: which port or interface, and the reason.
/// Starts in lower case and has no full stop, so that it can stand behind "lastmiled: ".
struct DriverError {
  std::string message;
  int code = 0;  ///< the errno behind it, 0 if there is none
};

template <class T>
using Result = tl::expected<T, DriverError>;

[[nodiscard]] inline tl::unexpected<DriverError> failure(std::string message, int code = 0) {
  return tl::unexpected(DriverError{std::move(message), code});
}

}  // namespace lastmile
