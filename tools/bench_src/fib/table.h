// Routing tables to measure with: real ones from a file, or made to resemble one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "dataplane/net/ip.h"

namespace lastmile::bench {

struct Table {
  std::vector<Ipv4Prefix> prefixes;  ///< no duplicates
  std::string source;                ///< for the reader of the figures
};

/// Reads "PREFIX<TAB>anything" lines, plain or gzip; `;` starts a comment, IPv6 lines are left out.
/// With an empty `path`, looks for ipv4-prefixes-2014.txt.gz in $LASTMILE_DATA or in ../shared/data
/// beside the project, and makes a table of the same size and lengths (fixed seed) when there is
/// none. Throws std::runtime_error with position and reason.
[[nodiscard]] Table load_table(const std::string& path);

}  // namespace lastmile::bench
