#include "controlplane/bgp/wire/family.h"

#include <array>
#include <cstddef>

namespace lastmile::bgp {
namespace {

struct Row {
  FamilyCodes codes;
  const char* name;
};

// Indexed by Family.
constexpr std::array<Row, kFamilyCount> kFamilies{{
    {{1, 1}, "ipv4-unicast"},
    {{2, 1}, "ipv6-unicast"},
}};

const Row& row(Family family) {
  return kFamilies[static_cast<std::size_t>(family)];
}

}  // namespace

const char* to_string(Family family) {
  return row(family).name;
}

FamilyCodes family_codes(Family family) {
  return row(family).codes;
}

std::optional<Family> family_from_codes(std::uint16_t afi, std::uint8_t safi) {
  for (std::size_t i = 0; i < kFamilies.size(); ++i) {
    if (kFamilies[i].codes.afi == afi && kFamilies[i].codes.safi == safi) {
      return static_cast<Family>(i);
    }
  }
  return std::nullopt;
}

}  // namespace lastmile::bgp
