// Address families as they stand on the wire (IANA "Address Family Numbers" and "SAFI Parameters").
#pragma once

#include <cstdint>
#include <optional>

#include "controlplane/bgp/wire/types.h"

namespace lastmile::bgp {

/// AFI and SAFI of a family that we carry (RFC 4760 section 3).
struct FamilyCodes {
  std::uint16_t afi = 0;
  std::uint8_t safi = 0;
};

inline constexpr std::uint16_t kAfiIpv6 = 2;

[[nodiscard]] FamilyCodes family_codes(Family family);
/// nullopt for a family that we do not carry.
[[nodiscard]] std::optional<Family> family_from_codes(std::uint16_t afi, std::uint8_t safi);

}  // namespace lastmile::bgp
