// Routing tables from MRT dumps: TABLE_DUMP_V2 (RFC 6396 section 4.3), IPv4 and IPv6 unicast.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tl/expected.hpp>

#include "controlplane/bgp/wire/octets.h"
#include "tools/feed_src/table.h"

namespace lastmile::feed {

/// What `peer` of the dump (index into its peer table) had to say; without one, for each prefix the
/// first entry. At most `limit` routes. Plain or gzip (bzip2, as RouteViews has it, must be
/// unpacked before). Entries whose attributes our codec refuses are left out; the error is for a
/// file that is no such dump.
[[nodiscard]] tl::expected<Table, std::string> read_mrt(const std::string& path,
                                                        std::optional<std::uint16_t> peer,
                                                        std::size_t limit);

/// The same from bytes in memory; `source` names them.
[[nodiscard]] tl::expected<Table, std::string> parse_mrt(bgp::Octets dump,
                                                         std::optional<std::uint16_t> peer,
                                                         std::size_t limit, std::string source);

}  // namespace lastmile::feed
