// Router solicitations and advertisements as ICMPv6 bodies (RFC 4861 sections 4.1, 4.2, 4.6).
//
// An unnumbered link has no address to configure a peer by. Both ends advertise themselves as
// routers with a lifetime of 0, which says "here is a router, but not your default one", and each
// takes the source address of what it hears for the other end of the link.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>
#include <vector>

#include <tl/expected.hpp>

#include "dataplane/net/ip.h"
#include "dataplane/net/mac.h"

namespace lastmile {

/// RFC 4861 section 4.2, the fields that we use.
struct RouterAdvertisement {
  std::chrono::seconds router_lifetime{0};
  std::optional<MacAddress> source_link_layer;
  std::optional<std::uint32_t> mtu;

  friend bool operator==(const RouterAdvertisement&, const RouterAdvertisement&) = default;
};

/// RFC 4861 section 4.1.
struct RouterSolicitation {
  std::optional<MacAddress> source_link_layer;

  friend bool operator==(const RouterSolicitation&, const RouterSolicitation&) = default;
};

/// What the IPv6 header and the socket say of a received message; sections 6.1.1 and 6.1.2 want it.
struct ReceivedFrom {
  Ipv6Address source;
  int hop_limit = 0;
};

/// Why a message was dropped.
enum class RouterDiscoveryFault : std::uint8_t {
  kHopLimit,      ///< not 255: it was forwarded, so its sender is not on the link
  kSource,        ///< an advertisement from an address that is not link-local
  kCode,          ///< ICMP code is not 0
  kTooShort,      ///< less than 8 (solicitation) or 16 (advertisement) bytes
  kOptionLength,  ///< an option of length 0, or one that runs over the end
  kOtherType,     ///< neither a solicitation nor an advertisement
};
[[nodiscard]] const char* to_string(RouterDiscoveryFault fault);

using RouterDiscoveryMessage = std::variant<RouterSolicitation, RouterAdvertisement>;

/// Decodes an ICMPv6 message (type onward) whose checksum the kernel has verified, by the rules of
/// sections 6.1.1 and 6.1.2. Unknown options are skipped.
[[nodiscard]] tl::expected<RouterDiscoveryMessage, RouterDiscoveryFault> decode_router_discovery(
    std::span<const std::uint8_t> message, const ReceivedFrom& from);

/// The ICMPv6 message, checksum zero (the kernel fills it in on a raw ICMPv6 socket, RFC 3542
/// section 3.1).
[[nodiscard]] std::vector<std::uint8_t> encode(const RouterAdvertisement& advertisement);
[[nodiscard]] std::vector<std::uint8_t> encode(const RouterSolicitation& solicitation);

}  // namespace lastmile
