// The feed's commands, one a line: a verb and key=value pairs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "tools/feed_src/feeder.h"

namespace lastmile::feed {

enum class Verb : std::uint8_t {
  kAnnounce,
  kWithdraw,
  kChurn,
  kFlap,
  kExpect,
  kClose,
  kOpen,
  kWait,
  kMark,
  kReport,
  kQuit,
};

struct Feeder::Command {
  Verb verb = Verb::kQuit;
  std::optional<unsigned> peer;  ///< else all that announce
  double rate = 0;               ///< routes a second; 0: full speed
  double seconds = 0;
  unsigned count = 1;
  std::uint64_t announced = 0, withdrawn = 0;  ///< prefixes

  [[nodiscard]] static tl::expected<Command, std::string> parse(std::string_view line);
};

/// One line for each command, for --help.
[[nodiscard]] std::string command_help();

}  // namespace lastmile::feed
