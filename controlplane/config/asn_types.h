// Types of values that are AS numbers.
#pragma once

#include "controlplane/bgp/wire/types.h"
#include "controlplane/config/types.h"

namespace lastmile::config {

/// AS numbers that a router may have: not 0 (RFC 7607), 23456 (RFC 6793), 65535 or 4294967295 (RFC
/// 7300).
[[nodiscard]] Type<bgp::Asn> as_number();
/// external, internal or an AS number.
[[nodiscard]] Type<RemoteAsn> remote_as_number();

}  // namespace lastmile::config
