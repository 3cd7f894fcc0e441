// `lastmile top`: asks the daemon again and again, and shows what it does now. A daemon that goes
// away is said, and asked for until it is there again.
#pragma once

#include <string>

#include <tl/expected.hpp>

#include "cli/arguments.h"

namespace lastmile::cli::top {

/// Returns when the operator has had enough; the error is one line.
[[nodiscard]] tl::expected<void, std::string> run(const Invocation& invocation);

}  // namespace lastmile::cli::top
