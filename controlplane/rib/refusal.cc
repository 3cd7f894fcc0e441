#include <array>

#include "controlplane/rib/path.h"
#include "controlplane/rib/show.h"

namespace lastmile::rib {

const char* to_string(Refusal refusal) {
  constexpr std::array kTexts = {
      "",
      "our own AS is in the AS path more often than allow-own-as permits",
      "AS 0 is in the AS path (RFC 7607)",
      "the AS path does not start with the peer's AS",
      "ORIGINATOR_ID is our own router id (RFC 4456)",
      "no next hop, and the peer's address can't stand in for it",
      "the next hop is no host address",
      "the next hop is an address of our own",
      "no port leads to the next hop",
      "equals or is inside one of our own addresses (host guard)",
      "martian: never valid as a destination",
      "no policy: eBGP in transit mode imports nothing without one (RFC 8212)",
      "the forwarding tables or the neighbor's share of them can't hold another next hop",
      "an AS_SET is in the AS path (RFC 9774)",
      "route leak: Only-to-Customer forbids this way (RFC 9234)",
      "BFD has none of the next hops up",
      "the import policy",
  };
  static_assert(kTexts.size() == static_cast<std::size_t>(Refusal::kPolicy) + 1);
  return kTexts[static_cast<std::size_t>(refusal)];
}

const char* to_string(SourceKind kind) {
  constexpr std::array kTexts = {"local", "connected", "static", "aggregate", "bgp", "default"};
  return kTexts[static_cast<std::size_t>(kind)];
}

}  // namespace lastmile::rib
