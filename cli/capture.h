// `lastmile capture`: from the daemon into a file of the user's.
#pragma once

#include <ostream>
#include <string>

#include <tl/expected.hpp>

#include "cli/arguments.h"

namespace lastmile::cli {

/// Until a limit is reached, or a signal (Ctrl-C) ends it. What a user wants to know beside the
/// file goes to `notes`, the summary of --json to `out`.
[[nodiscard]] tl::expected<void, std::string> capture(const Invocation& invocation,
                                                      std::ostream& out, std::ostream& notes);

}  // namespace lastmile::cli
