#include "controlplane/neighbors/router_discovery_message.h"

#include <algorithm>
#include <array>

namespace lastmile {
namespace {

constexpr std::uint8_t kTypeSolicitation = 133;  // RFC 4861 section 4.1
constexpr std::uint8_t kTypeAdvertisement = 134;
constexpr std::uint8_t kOptionSourceLinkLayer = 1;  // section 4.6.1
constexpr std::uint8_t kOptionMtu = 5;              // section 4.6.4
constexpr std::size_t kSolicitationSize = 8;
constexpr std::size_t kAdvertisementSize = 16;
constexpr std::size_t kOptionUnit = 8;  // option lengths count 8 octets
constexpr int kOnLinkHopLimit = 255;

struct Options {
  std::optional<MacAddress> source_link_layer;
  std::optional<std::uint32_t> mtu;
};

tl::expected<Options, RouterDiscoveryFault> decode_options(std::span<const std::uint8_t> bytes) {
  Options options;
  while (!bytes.empty()) {
    if (bytes.size() < 2) return tl::unexpected(RouterDiscoveryFault::kOptionLength);
    const std::size_t size = bytes[1] * kOptionUnit;
    if (size == 0 || size > bytes.size()) {
      return tl::unexpected(RouterDiscoveryFault::kOptionLength);
    }
    if (bytes[0] == kOptionSourceLinkLayer && size == kOptionUnit) {
      MacAddress::Bytes mac;
      std::copy_n(bytes.begin() + 2, mac.size(), mac.begin());
      options.source_link_layer = MacAddress{mac};
    } else if (bytes[0] == kOptionMtu && size == kOptionUnit) {
      options.mtu = std::uint32_t{bytes[4]} << 24 | std::uint32_t{bytes[5]} << 16 |
                    std::uint32_t{bytes[6]} << 8 | bytes[7];
    }
    bytes = bytes.subspan(size);
  }
  return options;
}

void append_source_link_layer(std::vector<std::uint8_t>& message,
                              const std::optional<MacAddress>& mac) {
  if (!mac) return;
  message.push_back(kOptionSourceLinkLayer);
  message.push_back(1);
  message.insert(message.end(), mac->bytes().begin(), mac->bytes().end());
}

}  // namespace

const char* to_string(RouterDiscoveryFault fault) {
  switch (fault) {
    case RouterDiscoveryFault::kHopLimit:
      return "hop limit is not 255";
    case RouterDiscoveryFault::kSource:
      return "source is not link-local";
    case RouterDiscoveryFault::kCode:
      return "ICMP code is not 0";
    case RouterDiscoveryFault::kTooShort:
      return "message is too short";
    case RouterDiscoveryFault::kOptionLength:
      return "an option has a bad length";
    case RouterDiscoveryFault::kOtherType:
      return "not a router discovery message";
  }
  return "unknown";
}

tl::expected<RouterDiscoveryMessage, RouterDiscoveryFault> decode_router_discovery(
    std::span<const std::uint8_t> message, const ReceivedFrom& from) {
  if (from.hop_limit != kOnLinkHopLimit) return tl::unexpected(RouterDiscoveryFault::kHopLimit);
  if (message.size() < kSolicitationSize) return tl::unexpected(RouterDiscoveryFault::kTooShort);
  if (message[1] != 0) return tl::unexpected(RouterDiscoveryFault::kCode);

  if (message[0] == kTypeSolicitation) {
    const auto options = decode_options(message.subspan(kSolicitationSize));
    if (!options) return tl::unexpected(options.error());
    // Section 6.1.1: an unspecified source has no link-layer address to tell.
    if (from.source.is_unspecified() && options->source_link_layer) {
      return tl::unexpected(RouterDiscoveryFault::kSource);
    }
    return RouterSolicitation{options->source_link_layer};
  }
  if (message[0] == kTypeAdvertisement) {
    if (!from.source.is_link_local()) return tl::unexpected(RouterDiscoveryFault::kSource);
    if (message.size() < kAdvertisementSize) {
      return tl::unexpected(RouterDiscoveryFault::kTooShort);
    }
    const auto options = decode_options(message.subspan(kAdvertisementSize));
    if (!options) return tl::unexpected(options.error());
    return RouterAdvertisement{std::chrono::seconds{message[6] << 8 | message[7]},
                               options->source_link_layer, options->mtu};
  }
  return tl::unexpected(RouterDiscoveryFault::kOtherType);
}

std::vector<std::uint8_t> encode(const RouterAdvertisement& advertisement) {
  std::vector<std::uint8_t> message(kAdvertisementSize, 0);
  message[0] = kTypeAdvertisement;
  const auto lifetime = static_cast<std::uint16_t>(advertisement.router_lifetime.count());
  message[6] = static_cast<std::uint8_t>(lifetime >> 8);
  message[7] = static_cast<std::uint8_t>(lifetime);
  // Current hop limit, reachable time and retransmission timer stay 0: unspecified by this router.
  append_source_link_layer(message, advertisement.source_link_layer);
  if (advertisement.mtu) {
    const std::uint32_t mtu = *advertisement.mtu;
    const std::array<std::uint8_t, 8> option{kOptionMtu,
                                             1,
                                             0,
                                             0,
                                             static_cast<std::uint8_t>(mtu >> 24),
                                             static_cast<std::uint8_t>(mtu >> 16),
                                             static_cast<std::uint8_t>(mtu >> 8),
                                             static_cast<std::uint8_t>(mtu)};
    message.insert(message.end(), option.begin(), option.end());
  }
  return message;
}

std::vector<std::uint8_t> encode(const RouterSolicitation& solicitation) {
  std::vector<std::uint8_t> message(kSolicitationSize, 0);
  message[0] = kTypeSolicitation;
  append_source_link_layer(message, solicitation.source_link_layer);
  return message;
}

}  // namespace lastmile
