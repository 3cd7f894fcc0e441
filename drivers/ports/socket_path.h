// The Unix socket on which a virtual device waits for its other end: a vhost-user or memif server.
//
// DPDK's drivers make the socket and remove it at the end. After a kill it is still there, and the
// next start could not make it again.
#pragma once

#include <optional>
#include <string>

#include "drivers/driver_error.h"
#include "drivers/ports/device_string.h"

namespace lastmile {

/// Where the device will listen; nullopt for devices that do not, or not in the file system.
[[nodiscard]] std::optional<std::string> listening_socket(const DeviceString& device);

/// Makes room for a socket: a missing last directory is made, a socket on which nobody listens any
/// more is removed. The error names the path and what is in the way.
[[nodiscard]] Result<void> make_room_for_socket(const std::string& path);

}  // namespace lastmile
