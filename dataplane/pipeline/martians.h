// Martians: addresses that have no business in a packet between networks, beyond those that
// validation refuses on every port. The tables are those of RFC 6890 (special-purpose addresses)
// whose "forwardable" is false, as IANA's registries stand today.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/net/headers.h"
#include "dataplane/pipeline/drop_reason.h"
#include "dataplane/pipeline/family.h"

namespace lastmile {

/// Why a packet between these addresses is dropped; nullopt: it goes on. `header`: a valid header.
[[nodiscard]] std::optional<DropReason> martian(Ipv4Family family, const std::uint8_t* header);
[[nodiscard]] std::optional<DropReason> martian(Ipv6Family family, const std::uint8_t* header);

/// False for nearly all packets that martian() says nothing of.
[[nodiscard]] inline bool may_be_martian(Ipv4Family /*family*/, const std::uint8_t* header) {
  // The first bytes of the table's prefixes.
  constexpr auto kSuspect = [] {
    std::array<bool, 256> suspect{};
    suspect[169] = suspect[192] = suspect[198] = suspect[203] = true;
    return suspect;
  }();
  return kSuspect[header[ipv4::kSource]] | kSuspect[header[ipv4::kDestination]];
}

[[nodiscard]] inline bool may_be_martian(Ipv6Family /*family*/, const std::uint8_t* header) {
  const auto suspect = [](std::uint16_t first) { return (first == 0x2001) | (first == 0x3fff); };
  return suspect(load_be16(header + ipv6::kSource)) |
         suspect(load_be16(header + ipv6::kDestination));
}

}  // namespace lastmile
