// Log lines about what is an event, too (controlplane/journal): systemd's journal gets events with
// fields (controlplane/journal/event_log.h), so there a line would say the same twice. Everywhere
// else the line is all there is.
//
//   log::told("service {}: {}", name, state);
#pragma once

#include <utility>

#include "logging/log.h"
#include "logging/setup.h"

namespace lastmile::log {

/// Any thread but workers, after start().
template <class... Arguments>
void told(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  if (!goes_to_systemd()) write(Level::kInfo, format, std::forward<Arguments>(arguments)...);
}

}  // namespace lastmile::log
