// The manual page lastmile(1), from the verbs and options that --help lists.
#pragma once

#include <string>

namespace lastmile::cli {

struct CommandLine;

[[nodiscard]] std::string manual(const CommandLine& line);

}  // namespace lastmile::cli
