// Capabilities (RFC 5492): a table of descriptors, one line each, walked by one loop to decode and
// by one loop to encode.
//
// A capability that we don't act on, or an instance that names a family that we don't carry, is
// kept as bytes in `Capabilities::unknown`, so that `show` can name it and encoding is faithful.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/octets.h"

namespace lastmile::bgp {

/// Takes the value of one Capabilities Optional Parameter apart and adds what it says to `to`.
/// Several parameters, and several instances of a code, are legal (RFC 5492 section 4): lists grow,
/// for anything else the first instance stands. False if a length does not fit: the OPEN is
/// malformed.
[[nodiscard]] bool decode_capabilities(Octets value, Capabilities& to);

/// The value of a Capabilities Optional Parameter that announces all of `capabilities`.
void encode_capabilities(const Capabilities& capabilities, OctetWriter& out);

/// "extended-next-hop"; "capability 200" for one that has no name here.
[[nodiscard]] std::string capability_name(std::uint8_t code);

}  // namespace lastmile::bgp
