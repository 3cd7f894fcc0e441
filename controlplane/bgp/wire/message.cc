// Messages as a whole: the stream is cut, headers are checked, bodies are handed to their codecs.
#include "controlplane/bgp/wire/message.h"

#include "controlplane/bgp/wire/codec.h"
#include "controlplane/bgp/wire/family.h"
#include "controlplane/bgp/wire/header.h"
#include "controlplane/bgp/wire/notification.h"

namespace lastmile::bgp {
namespace {

constexpr std::size_t kRouteRefreshSize = kHeaderSize + 4;  // RFC 2918 section 3
constexpr std::uint8_t kLastRefreshSubtype = 2;             // RFC 7313 section 3.2

tl::expected<Message, Notification> decode_refresh(Octets message) {
  // Longer ones would carry a route filter (RFC 5291), which we never announce.
  if (message.size() != kRouteRefreshSize) {
    return tl::unexpected(
        notification(RouteRefreshError::kInvalidMessageLength, {message.begin(), message.end()}));
  }
  OctetReader in(message.subspan(kHeaderSize));
  const std::uint16_t afi = in.u16();
  const std::uint8_t subtype = in.u8();
  const auto family = family_from_codes(afi, in.u8());
  if (!family || subtype > kLastRefreshSubtype) {
    return RouteRefresh{family.value_or(Family::kIpv4Unicast), RouteRefresh::kIgnored};
  }
  return RouteRefresh{*family, subtype};
}

Notification decode_notification(Octets body) {
  OctetReader in(body);
  Notification notification;
  notification.code = in.u8();
  notification.subcode = in.u8();
  notification.data.assign(in.rest().begin(), in.rest().end());
  return notification;
}

template <class Kind>
tl::expected<Message, Notification> as_message(tl::expected<Kind, Notification> decoded) {
  if (!decoded) return tl::unexpected(std::move(decoded.error()));
  return Message{std::move(*decoded)};
}

tl::expected<Message, Notification> decode_body(MessageType type, Octets message,
                                                const CodecContext& context) {
  const Octets body = message.subspan(kHeaderSize);
  switch (type) {
    case MessageType::kOpen:
      return as_message(decode_open(body));
    case MessageType::kUpdate:
      return as_message(decode_update(body, context));
    case MessageType::kNotification:
      return Message{decode_notification(body)};
    case MessageType::kKeepalive:
      return Message{Keepalive{}};
    case MessageType::kRouteRefresh:
      return decode_refresh(message);
  }
  return tl::unexpected(notification(HeaderError::kBadMessageType));
}

bool is_ignored(const Message& message) {
  const auto* refresh = std::get_if<RouteRefresh>(&message);
  return refresh != nullptr && refresh->subtype == RouteRefresh::kIgnored;
}

}  // namespace

tl::expected<Message, Notification> decode(std::span<const std::uint8_t> message,
                                           const CodecContext& context) {
  if (message.size() < kHeaderSize) {
    const auto size = static_cast<std::uint8_t>(message.size());
    return tl::unexpected(notification(HeaderError::kBadMessageLength, {0, size}));
  }
  const auto header = read_header(message, context);
  if (!header) return tl::unexpected(header.error());
  if (header->length != message.size()) {
    return tl::unexpected(notification(HeaderError::kBadMessageLength, {message[16], message[17]}));
  }
  return decode_body(header->type, message, context);
}

void MessageReader::append(std::span<const std::uint8_t> bytes) {
  if (consumed_ > 0) {
    // What is left is the start of one message at most, if the caller takes out all that there is.
    // If it does not, bytes are moved only when more of them have gone than are left.
    const std::size_t left = buffer_.size() - consumed_;
    if (left <= consumed_) {
      buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(consumed_));
      consumed_ = 0;
    }
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<tl::expected<Message, Notification>> MessageReader::next(
    const CodecContext& context) {
  while (!error_) {
    const Octets stream = Octets(buffer_).subspan(consumed_);
    if (stream.size() < kHeaderSize) return std::nullopt;
    const auto header = read_header(stream, context);
    if (!header) {
      error_ = header.error();
      break;
    }
    if (stream.size() < header->length) return std::nullopt;
    auto message = decode_body(header->type, stream.first(header->length), context);
    consumed_ += header->length;
    if (!message) {
      error_ = std::move(message.error());
      break;
    }
    if (!is_ignored(*message)) return message;
  }
  return tl::unexpected(*error_);
}

std::vector<std::uint8_t> encode(const Keepalive&) {
  std::vector<std::uint8_t> octets;
  OctetWriter out(octets);
  end_message(octets, begin_message(out, MessageType::kKeepalive));
  return octets;
}

std::vector<std::uint8_t> encode(const Notification& notification) {
  std::vector<std::uint8_t> octets;
  OctetWriter out(octets);
  const std::size_t start = begin_message(out, MessageType::kNotification);
  out.u8(notification.code);
  out.u8(notification.subcode);
  // The data of an error in an extended message may be too long for a peer that did not agree on
  // them; RFC 4271 section 4.5 leaves its length free, so the end may go.
  const Octets data(notification.data);
  out.octets(data.first(std::min(data.size(), kMaxMessageSize - kHeaderSize - 2)));
  end_message(octets, start);
  return octets;
}

std::vector<std::uint8_t> encode(const RouteRefresh& refresh) {
  std::vector<std::uint8_t> octets;
  OctetWriter out(octets);
  const std::size_t start = begin_message(out, MessageType::kRouteRefresh);
  const FamilyCodes codes = family_codes(refresh.family);
  out.u16(codes.afi);
  out.u8(refresh.subtype);
  out.u8(codes.safi);
  end_message(octets, start);
  return octets;
}

}  // namespace lastmile::bgp
