// A configuration as it was read: its text, and what stood in the files with secrets that it names.
//
//   ConfigSource source;
//   auto config = load_config("/etc/lastmile/server.yaml", source);   // the file, and who it names
//   auto same = parse_config(source);                                 // without any file
//
// For recordings (controlplane/record): with other secrets put in place of the true ones, the text
// gives the same configuration on a machine that has none of the files.
//
// All functions may be called from any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "controlplane/config/config.h"

namespace lastmile {

struct ConfigSource {
  std::string name;  ///< of the file; errors begin with it
  std::string text;
  std::map<std::string, std::string> secrets;  ///< by path: what is in the file
};

/// load_config() that keeps what it has read. `source` is overwritten.
[[nodiscard]] tl::expected<Config, std::vector<ConfigError>> load_config(const std::string& path,
                                                                         ConfigSource& source);
/// A file that is not among the secrets is one that does not exist.
[[nodiscard]] tl::expected<Config, std::vector<ConfigError>> parse_config(
    const ConfigSource& source);

}  // namespace lastmile
