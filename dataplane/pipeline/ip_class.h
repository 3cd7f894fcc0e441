// Which punt class an IP packet for the machine itself belongs to.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/pipeline/punt_class.h"

namespace lastmile {

/// `header`: a valid IPv4 or IPv6 header inside the packet's first segment.
[[nodiscard]] PuntClass ipv4_punt_class(const rte_mbuf* packet, const std::uint8_t* header);
[[nodiscard]] PuntClass ipv6_punt_class(const rte_mbuf* packet, const std::uint8_t* header);

}  // namespace lastmile
