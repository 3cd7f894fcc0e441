// Switching a kernel interface's offloads (ethtool).
//
// An AF_PACKET reader sees frames as the stack hands them over: with checksum offload the checksum
// field holds a partial sum, with TSO and GRO a "frame" is up to 64 kB. A router can use neither.
#pragma once

#include <string>
#include <vector>

#include "drivers/driver_error.h"

namespace lastmile {

/// The offloads that change what an AF_PACKET reader sees.
enum class Offload : std::uint8_t {
  kLargeReceive,
  kGenericReceive,
  kTcpSegmentation,
  kGenericSegmentation,
  kScatterGather,
  kTransmitChecksum,
  kReceiveChecksum,
};

/// Those of the above that are on.
[[nodiscard]] Result<std::vector<Offload>> enabled_offloads(const std::string& interface);

enum class OffloadState : std::uint8_t { kOff, kOn };
/// Switches each of `offloads`, as far as the interface lets it: one that is fixed stays.
[[nodiscard]] Result<void> switch_offloads(const std::string& interface,
                                           const std::vector<Offload>& offloads,
                                           OffloadState state);

}  // namespace lastmile
