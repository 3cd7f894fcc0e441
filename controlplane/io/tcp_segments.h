// How long the segments of the machine's BGP connections may be, as the kernel knows it
// (sock_diag).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "dataplane/net/ip.h"

struct nlmsghdr;

namespace lastmile {

struct TcpSegments {
  IpAddress remote;
  unsigned interface = 0;    ///< that the socket is bound to; 0: none
  std::uint32_t ours = 0;    ///< longest that we announced to take
  std::uint32_t theirs = 0;  ///< longest that we send
};

/// Reads a message of sock_diag (inet_diag_msg); nullopt if it is of no BGP connection.
[[nodiscard]] std::optional<TcpSegments> parse_segments(const nlmsghdr& message);

/// Of all established connections with TCP port 179 at either end, in the calling thread's network
/// namespace. The error is one line.
[[nodiscard]] tl::expected<std::vector<TcpSegments>, std::string> bgp_segments();

}  // namespace lastmile
