// Types of values that say where the router listens.
#pragma once

#include <string>

#include "controlplane/config/types.h"

namespace lastmile::config {

/// An absolute path that fits a `sockaddr_un`.
[[nodiscard]] Type<std::string> socket_path();
/// 127.0.0.1:9464, [::1]:9464, *:9464 (every address) or the absolute path of a Unix socket.
[[nodiscard]] Type<MetricsListener> metrics_listener();

}  // namespace lastmile::config
