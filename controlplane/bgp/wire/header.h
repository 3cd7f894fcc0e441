// The 19-octet header of every message (RFC 4271 section 4.1) and what is checked in it before the
// body is looked at (section 6.1).
#pragma once

#include <cstddef>
#include <cstdint>

#include <tl/expected.hpp>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/octets.h"

namespace lastmile::bgp {

enum class MessageType : std::uint8_t {
  kOpen = 1,
  kUpdate = 2,
  kNotification = 3,
  kKeepalive = 4,
  kRouteRefresh = 5,
};

struct Header {
  MessageType type = MessageType::kKeepalive;
  std::size_t length = 0;  ///< of the whole message, within the bounds of its type
};

/// Checks marker, length and type, in this order; `octets` are at least kHeaderSize. The body need
/// not have arrived yet, so a senseless length is refused before anybody waits for it.
[[nodiscard]] tl::expected<Header, Notification> read_header(Octets octets,
                                                             const CodecContext& context);

/// Largest message that may be sent besides OPEN and KEEPALIVE (RFC 8654 section 4).
[[nodiscard]] inline std::size_t message_limit(const CodecContext& context) {
  return context.extended_message ? kMaxExtendedSize : kMaxMessageSize;
}

/// Writes a header with its length open; returns where the message starts.
[[nodiscard]] std::size_t begin_message(OctetWriter& out, MessageType type);
/// Fills in the length of the message that starts at `start` and ends at the end of `out`.
void end_message(std::vector<std::uint8_t>& out, std::size_t start);

}  // namespace lastmile::bgp
