// The part of the schema that services and their health checks are written in.
#pragma once

#include "controlplane/config/schema.h"

namespace lastmile::config {

[[nodiscard]] KeyOf<Config> services_key();

}  // namespace lastmile::config
