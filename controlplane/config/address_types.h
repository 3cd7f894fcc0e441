// Types of values that are addresses and prefixes.
#pragma once

#include "controlplane/config/types.h"
#include "dataplane/net/ip.h"

namespace lastmile::config {

/// A unicast address that may stand alone in packets: not unspecified, multicast, 127/8 or ::1.
[[nodiscard]] Type<IpAddress> address();
/// A router's identifier, written as an address (RFC 6286).
[[nodiscard]] Type<Ipv4Address> identifier();
/// A single address that can be announced: 10.0.1.1/32, 2001:db8::1/128, or without the length.
[[nodiscard]] Type<IpPrefix> single_address();
/// 10.0.0.0/8; the host bits must be zero.
[[nodiscard]] Type<IpPrefix> prefix();
/// 192.168.101.254/24: an address of ours and the length of its subnet.
[[nodiscard]] Type<PortConfig::InterfaceAddress> interface_address();

}  // namespace lastmile::config
