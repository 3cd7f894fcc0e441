// A port's offload ladder as the operator sees it.
#pragma once

#include "controlplane/control/views.h"
#include "drivers/offload/ladder.h"
#include "drivers/ports/port.h"

namespace lastmile {

/// All but which worker polls the priority queue.
[[nodiscard]] OffloadView offload_view(const DeviceFacts& port,
                                       const offload::LadderReport& report);

}  // namespace lastmile
