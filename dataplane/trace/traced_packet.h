// A packet of a flow, as it comes in.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/net/mac.h"
#include "dataplane/trace/flow_trace.h"

namespace lastmile {

/// TTL or hop limit that traced packets come in with.
inline constexpr std::uint8_t kTracedHops = 64;

/// The frame: Ethernet to `station`, the IP header, and so much of what the protocol wants behind
/// it that every stage finds what it looks for. TCP's is of a connection that is up, ICMP's an echo
/// request.
[[nodiscard]] std::vector<std::uint8_t> traced_frame(const TracedFlow& flow,
                                                     const MacAddress& station);

}  // namespace lastmile
