// Routing tables to measure with: real ones from a file, or made to resemble one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "dataplane/net/ip.h"

namespace lastmile::bench {

template <class Address>
struct BasicTable {
  std::vector<Prefix<Address>> prefixes;  ///< no duplicates
  std::string source;                     ///< for the reader of the figures
};
using Table = BasicTable<Ipv4Address>;
using Ipv6Table = BasicTable<Ipv6Address>;

/// Reads "PREFIX<TAB>anything" lines, plain or gzip; `;` starts a comment, lines of the other
/// family are left out. With an empty `path`, looks for ipv4-prefixes-2014.txt.gz in
/// $LASTMILE_DATA, and makes a table of the same size and lengths (fixed seed) when there is none.
/// `routes`: 0 takes the table as it is; fewer are a random choice of it, more are made in the
/// neighbourhood of the table's own. Throws std::runtime_error with position and reason.
[[nodiscard]] Table load_table(const std::string& path, std::size_t routes = 0);

/// The same for IPv6, from prefixes-2015.txt.gz.
[[nodiscard]] Ipv6Table load_ipv6_table(const std::string& path);

}  // namespace lastmile::bench
