// A routing table to announce: prefixes, and the attribute sets that they share.
//
//   tl::expected<Table, std::string> table = read_prefix_list("prefixes.gz", kAnyNumber);
//   Table table = make_table(1'000'000, seed);
//
// AS paths of a prefix list and of a synthetic table are made up from the origin AS by a fixed
// hash: 3 to 7 hops, communities on some, and a few variants for each origin, so that about six
// routes share a set, as in the global table. The same input gives the same table on every run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/bgp/wire/message.h"
#include "dataplane/net/ip.h"

namespace lastmile::feed {

struct Route {
  IpPrefix prefix;
  std::uint32_t set = 0;  ///< index of Table::sets
};

struct Table {
  std::vector<bgp::PathAttributes> sets;  ///< as heard by the feed: its own AS is not in front yet
  std::vector<Route> routes;              ///< no prefix twice; routes of one set stand together
  std::string source;                     ///< for the reader of the figures
};

/// A prefix and the AS that originates it.
struct Origin {
  IpPrefix prefix;
  std::uint32_t asn = 0;
};

inline constexpr std::size_t kAnyNumber = SIZE_MAX;

/// Reads "PREFIX<TAB>ORIGIN_AS" lines, plain or gzip; `;` starts a comment, the AS may be missing.
/// Takes `limit` prefixes, spread evenly. The error names file, line and reason.
[[nodiscard]] tl::expected<Table, std::string> read_prefix_list(const std::string& path,
                                                                std::size_t limit);

/// `count` made-up IPv4 prefixes with the lengths and the neighborhood of the table of 2014.
[[nodiscard]] Table make_table(std::size_t count, std::uint32_t seed);

/// Gives every prefix its attributes and sorts the routes by them. Duplicates are left out.
[[nodiscard]] Table with_attributes(std::vector<Origin> origins, std::string source);

/// Part `part` of `parts` equal parts of a table, with the sets that it uses.
[[nodiscard]] Table slice(const Table& table, std::size_t part, std::size_t parts);

}  // namespace lastmile::feed
