// Queues that a device may have beside the ordinary ones: can it steer packets to one, can it turn
// packets round in one? Asked of a configured device that is stopped.
#pragma once

#include <cstdint>

#include "drivers/driver_error.h"

namespace lastmile {

/// The error says that the driver takes no rte_flow rules of any kind, in its own words. (That it
/// takes some says nothing of any particular one.)
[[nodiscard]] Result<void> takes_flow_rules(std::uint16_t ethdev);

/// The error says why the device has no hairpin queues: pairs of queues by which it sends what it
/// received, without the host.
[[nodiscard]] Result<void> has_hairpin_queues(std::uint16_t ethdev);

/// Makes one hairpin out of a receive and a transmit queue of the same device. The numbers stand
/// behind those of all ordinary queues.
[[nodiscard]] Result<void> set_up_hairpin(std::uint16_t ethdev, std::uint16_t receive_queue,
                                          std::uint16_t transmit_queue, std::uint16_t descriptors);

/// Lets RSS spread over the first `queues` queues only, and so not over the special ones. The
/// device is started.
[[nodiscard]] Result<void> spread_over_first(std::uint16_t ethdev, std::uint16_t queues);

}  // namespace lastmile
