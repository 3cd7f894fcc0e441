// What a router announces, counted: prefixes by their number only, attributes not looked at, so
// that counting the output of a router costs less than its making.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/bgp/wire/header.h"
#include "controlplane/bgp/wire/octets.h"

namespace lastmile::feed {

struct Tally {
  std::uint64_t bytes = 0;
  std::uint64_t updates = 0;    ///< messages
  std::uint64_t announced = 0;  ///< prefixes, each time that one was announced
  std::uint64_t withdrawn = 0;
  std::uint64_t end_of_rib = 0;
  std::uint64_t malformed = 0;  ///< UPDATEs whose lengths do not fit

  /// The body of an UPDATE (RFC 4271 section 4.3), MP_REACH and MP_UNREACH included.
  void count_update(bgp::Octets body);
};

}  // namespace lastmile::feed
