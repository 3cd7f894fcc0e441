// The command line as CLI11 knows it: what parsing, --help, the manual page and the shells'
// completion have in common. Heavy to include; for the sources of this folder only.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/arguments.h"

namespace lastmile::cli {

struct CommandLine {
  explicit CommandLine(const char* socket_from_environment);
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // What the options fill.
  Invocation invocation;
  std::vector<std::string> words;
  double watch = 0;
  double timeout = 5;
  unsigned limit = 0;
  bool man = false;

  CLI::App app{"Asks a running lastmiled.", "lastmile"};
  CLI::Option* watch_option = nullptr;
  CLI::Option* limit_option = nullptr;
};

}  // namespace lastmile::cli
