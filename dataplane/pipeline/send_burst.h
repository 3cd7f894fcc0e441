// Handing packets to a device's transmit queue.
#pragma once

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <cstdint>
#include <span>

#include "dataplane/worker/port.h"

namespace lastmile {

/// Drivers may take part of a burst (a ring that wraps, a limit of their own): offers the rest
/// until they take none. Returns how many the device has taken, of which kNoDevice takes none; the
/// others are still the caller's. The worker whose queue it is.
inline unsigned send_burst(DeviceId device, std::uint16_t queue, std::span<rte_mbuf*> packets) {
  if (device == kNoDevice) [[unlikely]]
    return 0;
  unsigned sent = 0;
  while (sent < packets.size()) {
    const std::uint16_t taken = rte_eth_tx_burst(device.value(), queue, packets.data() + sent,
                                                 static_cast<std::uint16_t>(packets.size() - sent));
    if (taken == 0) break;
    sent += taken;
  }
  return sent;
}

}  // namespace lastmile
