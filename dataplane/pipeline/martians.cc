#include "dataplane/pipeline/martians.h"

#include <cstddef>

namespace lastmile {
namespace {

enum class Use : std::uint8_t { kNone, kSource, kBoth };

/// What of an address' first 32 bits is compared, and what may be done with such an address.
struct Block {
  std::uint32_t bits;
  std::uint8_t length;  ///< 1 to 32
  Use use;              ///< what it may be used as between networks

  [[nodiscard]] constexpr bool holds(std::uint32_t address) const {
    return ((address ^ bits) >> (32U - length)) == 0;
  }
};

// In each table the first block that holds the address counts.
constexpr Block kIpv4Blocks[] = {
    {0xa9fe0000, 16, Use::kNone},    // 169.254.0.0/16: link-local (RFC 3927 section 7)
    {0xc0000008, 32, Use::kSource},  // 192.0.0.8: ICMP errors of routers without one (RFC 7600)
    {0xc0000000, 29, Use::kBoth},    // 192.0.0.0/29: IPv4 service continuity (RFC 7335)
    {0xc0000009, 32, Use::kBoth},    // 192.0.0.9: anycast of PCP (RFC 7723)
    {0xc000000a, 32, Use::kBoth},    // 192.0.0.10: anycast of TURN (RFC 8155)
    {0xc0000000, 24, Use::kNone},    // 192.0.0.0/24: protocol assignments (RFC 6890)
    {0xc0000200, 24, Use::kNone},    // 192.0.2.0/24: documentation (RFC 5737)
    {0xc6336400, 24, Use::kNone},    // 198.51.100.0/24: documentation (RFC 5737)
    {0xcb007100, 24, Use::kNone},    // 203.0.113.0/24: documentation (RFC 5737)
};

constexpr Block kIpv6Blocks[] = {
    {0x20010db8, 32, Use::kNone},  // 2001:db8::/32: documentation (RFC 3849)
    {0x20010010, 28, Use::kNone},  // 2001:10::/28: ORCHID, given back (RFC 4843)
    {0x3fff0000, 20, Use::kNone},  // 3fff::/20: documentation (RFC 9637)
};

template <std::size_t Size>
Use use_of(const Block (&blocks)[Size], const std::uint8_t* address) {
  const std::uint32_t bits = load_be32(address);
  for (const Block& block : blocks) {
    if (block.holds(bits)) return block.use;
  }
  return Use::kBoth;
}

template <std::size_t Size>
std::optional<DropReason> fault(const Block (&blocks)[Size], const std::uint8_t* source,
                                const std::uint8_t* destination) {
  if (use_of(blocks, source) == Use::kNone) return DropReason::kMartianSource;
  if (use_of(blocks, destination) != Use::kBoth) return DropReason::kMartianDestination;
  return std::nullopt;
}

}  // namespace

std::optional<DropReason> martian(Ipv4Family /*family*/, const std::uint8_t* header) {
  return fault(kIpv4Blocks, header + ipv4::kSource, header + ipv4::kDestination);
}

std::optional<DropReason> martian(Ipv6Family /*family*/, const std::uint8_t* header) {
  return fault(kIpv6Blocks, header + ipv6::kSource, header + ipv6::kDestination);
}

}  // namespace lastmile
