// Log lines: what an operator reads in the journal.
//
//   log::info("port {}: link {}", name, state);
//
// spdlog writes them (log.cc), but its headers stay there: a file that logs would compile for five
// more seconds with them, and half of the files log. Where the lines go is in setup.h.
#pragma once

#include <fmt/core.h>

#include <cstdint>
#include <string_view>
#include <utility>

namespace lastmile::log {

enum class Level : std::uint8_t { kTrace, kDebug, kInfo, kWarn, kError, kCritical, kOff };

/// Lines below `level` are dropped, before they are formatted. Any thread.
void set_level(Level level);
[[nodiscard]] bool is_enabled(Level level);

/// Writes one line as it is. Any thread but workers: it is a system call, and takes a lock.
void write(Level level, std::string_view line);

/// The same for a line with arguments.
template <class... Arguments>
void write(Level level, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  if (is_enabled(level)) write(level, fmt::vformat(format, fmt::make_format_args(arguments...)));
}

template <class... Arguments>
void debug(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::kDebug, format, std::forward<Arguments>(arguments)...);
}
template <class... Arguments>
void info(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::kInfo, format, std::forward<Arguments>(arguments)...);
}
template <class... Arguments>
void warn(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::kWarn, format, std::forward<Arguments>(arguments)...);
}
template <class... Arguments>
void error(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::kError, format, std::forward<Arguments>(arguments)...);
}
template <class... Arguments>
void critical(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  write(Level::kCritical, format, std::forward<Arguments>(arguments)...);
}

}  // namespace lastmile::log
