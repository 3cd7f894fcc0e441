// The whole of `lastmile` but its main: command line in, text and exit status out.
#pragma once

#include <ostream>
#include <string>
#include <vector>

namespace lastmile::cli {

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;  ///< no daemon, or it refused
inline constexpr int kUsage = 2;    ///< the command line is wrong

/// What surrounds the program.
struct Surroundings {
  const char* socket = nullptr;  ///< LASTMILE_SOCKET, or null
  bool terminal = false;         ///< `out` is a terminal: --watch clears it, top runs there
  bool keyboard = false;         ///< standard input is one: top takes keys from there
};

/// Returns the exit status; unless it is kSuccess, exactly one line has been written to `error`.
[[nodiscard]] int run(std::vector<std::string> arguments, const Surroundings& surroundings,
                      std::ostream& out, std::ostream& error);

}  // namespace lastmile::cli
