// The part of the schema that policies are written in.
#pragma once

#include "controlplane/config/schema.h"

namespace lastmile::config {

[[nodiscard]] KeyOf<Config> prefix_lists_key();
[[nodiscard]] KeyOf<Config> policies_key();

}  // namespace lastmile::config
