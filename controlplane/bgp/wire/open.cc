// OPEN (RFC 4271 sections 4.2 and 6.2), its optional parameters in both forms (RFC 9072).
#include <limits>

#include "controlplane/bgp/wire/capabilities.h"
#include "controlplane/bgp/wire/codec.h"
#include "controlplane/bgp/wire/header.h"
#include "controlplane/bgp/wire/notification.h"

namespace lastmile::bgp {
namespace {

constexpr std::uint8_t kVersion = 4;
constexpr std::uint8_t kCapabilitiesParameter = 2;  // RFC 5492 section 4
constexpr std::uint8_t kExtendedLength = 255;       // RFC 9072 section 2: in length and type
constexpr std::uint16_t kShortestHoldTime = 3;      // RFC 4271 section 4.2; or 0 for none

// How the optional parameters are laid out. RFC 9072 section 2 lets each parameter's length be two
// octets; the mark for that is the type 255 in front.
struct Parameters {
  Octets list;
  std::size_t header_size = 2;
};

std::optional<Parameters> find_parameters(OctetReader in) {
  const std::size_t length = in.u8();
  if (length > 0 && !in.empty() && in.rest()[0] == kExtendedLength) {
    // The old length is not to be trusted then (RFC 9072 section 2); 255 is only what one sends.
    in.u8();
    if (in.left() < 2) return std::nullopt;
    const std::size_t extended = in.u16();
    if (extended != in.left()) return std::nullopt;
    return Parameters{in.rest(), 3};
  }
  if (length != in.left()) return std::nullopt;
  return Parameters{in.rest(), 2};
}

std::optional<Notification> decode_parameters(const Parameters& parameters, Capabilities& to) {
  for (OctetReader in(parameters.list); !in.empty();) {
    if (in.left() < parameters.header_size) return notification(OpenError::kUnspecific);
    const std::uint8_t type = in.u8();
    const std::size_t length = parameters.header_size == 3 ? in.u16() : in.u8();
    if (length > in.left()) return notification(OpenError::kUnspecific);
    const Octets value = in.take(length);
    if (type != kCapabilitiesParameter) {
      return notification(OpenError::kUnsupportedOptionalParameter);
    }
    // "Recognized but malformed" has subcode 0 (RFC 4271 section 6.2).
    if (!decode_capabilities(value, to)) return notification(OpenError::kUnspecific);
  }
  return std::nullopt;
}

}  // namespace

tl::expected<Open, Notification> decode_open(Octets body) {
  OctetReader in(body);
  if (in.u8() != kVersion) {
    return tl::unexpected(notification(OpenError::kUnsupportedVersion, {0, kVersion}));
  }
  Open open;
  open.asn = Asn{in.u16()};
  open.hold_time_s = in.u16();
  open.identifier = Ipv4Address::from_wire(in.take<4>());
  if (open.asn.value() == 0) return tl::unexpected(notification(OpenError::kBadPeerAs));
  if (open.hold_time_s > 0 && open.hold_time_s < kShortestHoldTime) {
    return tl::unexpected(notification(OpenError::kUnacceptableHoldTime));
  }
  if (open.identifier.is_unspecified()) {
    return tl::unexpected(notification(OpenError::kBadBgpIdentifier));
  }
  const auto parameters = find_parameters(in);
  if (!parameters) return tl::unexpected(notification(OpenError::kUnspecific));
  if (auto error = decode_parameters(*parameters, open.capabilities)) {
    return tl::unexpected(std::move(*error));
  }
  if (open.capabilities.four_octet_asn) {
    open.asn = *open.capabilities.four_octet_asn;
    // RFC 7607 section 2 holds for either field.
    if (open.asn.value() == 0) return tl::unexpected(notification(OpenError::kBadPeerAs));
  }
  return open;
}

std::vector<std::uint8_t> encode(const Open& open) {
  std::vector<std::uint8_t> capabilities;
  OctetWriter capability_out(capabilities);
  encode_capabilities(open.capabilities, capability_out);

  std::vector<std::uint8_t> message;
  OctetWriter out(message);
  const std::size_t start = begin_message(out, MessageType::kOpen);
  out.u8(kVersion);
  const bool fits = open.asn.value() <= std::numeric_limits<std::uint16_t>::max();
  out.u16(static_cast<std::uint16_t>((fits ? open.asn : kAsTrans).value()));
  out.u16(open.hold_time_s);
  out.u32(open.identifier.value());
  const std::size_t length = capabilities.size();
  if (length == 0) {
    out.u8(0);
  } else if (2 + length < kExtendedLength) {
    out.u8(static_cast<std::uint8_t>(2 + length));
    out.u8(kCapabilitiesParameter);
    out.u8(static_cast<std::uint8_t>(length));
  } else {
    out.u8(kExtendedLength);
    out.u8(kExtendedLength);
    out.u16(static_cast<std::uint16_t>(3 + length));
    out.u8(kCapabilitiesParameter);
    out.u16(static_cast<std::uint16_t>(length));
  }
  out.octets(capabilities);
  end_message(message, start);
  return message;
}

}  // namespace lastmile::bgp
