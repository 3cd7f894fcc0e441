// A packet of a flow, as it comes in.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/net/mac.h"
#include "dataplane/trace/flow_trace.h"

namespace lastmile {

/// The frame: Ethernet to `station`, the IP header, and what the protocol wants behind it, at least
/// as much that every stage finds what it looks for. TCP's is of a connection that is up, ICMP's an
/// echo request. `flow.length` is 0 or in the range of its family.
[[nodiscard]] std::vector<std::uint8_t> traced_frame(const TracedFlow& flow,
                                                     const MacAddress& station);

}  // namespace lastmile
