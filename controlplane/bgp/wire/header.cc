#include "controlplane/bgp/wire/header.h"

#include <algorithm>
#include <array>

#include "controlplane/bgp/wire/notification.h"

namespace lastmile::bgp {
namespace {

constexpr std::size_t kMarkerSize = 16;

// Where the length goes up to when RFC 8654 was agreed on: OPEN comes before the agreement, and
// KEEPALIVE has no body (RFC 8654 section 4).
enum class Growth : std::uint8_t { kNever, kWhenExtended };

struct TypeRow {
  MessageType type;
  std::size_t minimum;
  std::size_t maximum;
  Growth growth;
};

// RFC 4271 section 6.1; ROUTE-REFRESH is RFC 2918 section 3 (longer ones are RFC 7313's business).
constexpr std::array kTypes{
    TypeRow{MessageType::kOpen, 29, kMaxMessageSize, Growth::kNever},
    TypeRow{MessageType::kUpdate, 23, kMaxMessageSize, Growth::kWhenExtended},
    TypeRow{MessageType::kNotification, 21, kMaxMessageSize, Growth::kWhenExtended},
    TypeRow{MessageType::kKeepalive, kHeaderSize, kHeaderSize, Growth::kNever},
    TypeRow{MessageType::kRouteRefresh, 23, kMaxMessageSize, Growth::kWhenExtended},
};

Notification bad_length(Octets header) {
  return notification(HeaderError::kBadMessageLength, {header[16], header[17]});
}

}  // namespace

tl::expected<Header, Notification> read_header(Octets octets, const CodecContext& context) {
  assert(octets.size() >= kHeaderSize);
  const Octets marker = octets.first(kMarkerSize);
  if (!std::all_of(marker.begin(), marker.end(), [](std::uint8_t o) { return o == 0xff; })) {
    return tl::unexpected(notification(HeaderError::kConnectionNotSynchronized));
  }
  const std::size_t length = load_big_endian<std::uint16_t>(&octets[16]);
  if (length < kHeaderSize || length > message_limit(context)) {
    return tl::unexpected(bad_length(octets));
  }
  const std::uint8_t type = octets[18];
  for (const TypeRow& row : kTypes) {
    if (static_cast<std::uint8_t>(row.type) != type) continue;
    const bool grown = row.growth == Growth::kWhenExtended && context.extended_message;
    const std::size_t maximum = grown ? kMaxExtendedSize : row.maximum;
    if (length < row.minimum || length > maximum) return tl::unexpected(bad_length(octets));
    return Header{row.type, length};
  }
  return tl::unexpected(notification(HeaderError::kBadMessageType, {type}));
}

std::size_t begin_message(OctetWriter& out, MessageType type) {
  const std::size_t start = out.size();
  out.u64(~std::uint64_t{0});
  out.u64(~std::uint64_t{0});
  out.u16(0);
  out.u8(static_cast<std::uint8_t>(type));
  return start;
}

void end_message(std::vector<std::uint8_t>& out, std::size_t start) {
  const std::size_t length = out.size() - start;
  assert(length >= kHeaderSize && length <= kMaxExtendedSize);
  out[start + kMarkerSize] = static_cast<std::uint8_t>(length >> 8);
  out[start + kMarkerSize + 1] = static_cast<std::uint8_t>(length);
}

}  // namespace lastmile::bgp
