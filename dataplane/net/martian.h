// Destinations that no route may have, by the RFCs that gave them another meaning.
#pragma once

#include "dataplane/net/ip.h"

namespace lastmile {

/// Never valid as a route's destination, whoever announces it: "this" network, loopback,
/// link-local, multicast, class E (RFC 6890). Private and documentation space is not among them:
/// fabrics use it. A default route is no martian. Any thread.
[[nodiscard]] bool is_martian(const Ipv4Prefix& prefix);
[[nodiscard]] bool is_martian(const Ipv6Prefix& prefix);
[[nodiscard]] bool is_martian(const IpPrefix& prefix);

}  // namespace lastmile
