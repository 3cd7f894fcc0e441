// BGP roles and what Only-to-Customer makes of them (RFC 9234): what two neighbors are to each
// other, and with it which routes may pass between them.
//
// A route that has gone down (to a customer) or sideways (to a peer) carries Only-to-Customer with
// the AS number of whoever sent it there; from then on it may only go down. So a customer that
// passes its provider's routes on to another provider is found out by its neighbors, whatever its
// own policies are. No policy of ours lifts any of this (RFC 9234 section 5).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lastmile::bgp {

/// What a speaker is to its neighbor; the values are those of the capability (section 4.1).
enum class Role : std::uint8_t {
  kProvider = 0,
  kRouteServer = 1,
  kRouteServerClient = 2,
  kCustomer = 3,
  kPeer = 4,
};

/// One row of the table in role.cc; all of it of a router that is `role` to its neighbor.
struct RoleFacts {
  enum class MarkedIn : std::uint8_t {
    kFine,
    kLeak,              ///< it was not to go upwards
    kLeakUnlessTheirs,  ///< sideways only from whoever set the mark
  };
  enum class Unmarked : std::uint8_t { kLeaveSo, kMark };
  enum class MarkedOut : std::uint8_t { kSend, kHoldBack };

  Role role;
  const char* name;       ///< as in the configuration
  Role counterpart;       ///< what the neighbor has to be (section 4.2)
  MarkedIn marked_in;     ///< section 5, what has the mark and comes in
  Unmarked unmarked_in;   ///< … what has none: marked with the neighbor's AS number
  MarkedOut marked_out;   ///< what has the mark and would go out
  Unmarked unmarked_out;  ///< … what has none: marked with our AS number
};
[[nodiscard]] const RoleFacts& facts(Role role);

/// "customer"; "role 9" for a number that nobody has defined.
[[nodiscard]] std::string role_name(std::uint8_t code);

}  // namespace lastmile::bgp
