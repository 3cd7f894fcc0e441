// The bodies of the messages, one pair of functions for each type; message.cc puts the header
// around them.
#pragma once

#include <tl/expected.hpp>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/octets.h"

namespace lastmile::bgp {

/// RFC 4271 section 4.2; `body` is what follows the header, at least 10 octets.
[[nodiscard]] tl::expected<Open, Notification> decode_open(Octets body);

/// RFC 4271 section 4.3; `body` is what follows the header, at least 4 octets.
[[nodiscard]] tl::expected<Update, Notification> decode_update(Octets body,
                                                               const CodecContext& context);

}  // namespace lastmile::bgp
