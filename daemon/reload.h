// What `lastmile reload` reads, and whether a running router can take it up.
#pragma once

#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/config/config.h"
#include "controlplane/config/source.h"

namespace lastmile {

/// Reads the file again. The errors ("FILE:LINE:COLUMN: …") are those of the file, or name what
/// needs a restart. `source`: as of load_config().
[[nodiscard]] tl::expected<Config, std::vector<std::string>> load_again(const std::string& path,
                                                                        const Config& running,
                                                                        ConfigSource& source);

}  // namespace lastmile
