// What no single value shows: that the parts of a configuration fit together.
#pragma once

#include "controlplane/config/config.h"
#include "controlplane/config/reader.h"

namespace lastmile::config {

/// Fills in what follows from other keys (router id, keepalive, names of neighbors) and reports
/// what does not fit. Says nothing of values that the reader has refused already.
void complete_and_check(Config& config, Reader& reader);

}  // namespace lastmile::config
