// What can be read of a datagram of netlink.
#pragma once

#include <linux/netlink.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace lastmile {

/// The messages up to the first whose length can't be. For libmnl, which compares lengths as signed
/// numbers: one above 2^31 would be read for ever.
[[nodiscard]] inline std::span<const char> sound_messages(std::span<const char> datagram) {
  std::size_t end = 0;
  while (datagram.size() - end >= sizeof(nlmsghdr)) {
    std::uint32_t length = 0;  // the first field of a message
    std::memcpy(&length, datagram.data() + end, sizeof length);
    if (length < sizeof(nlmsghdr) || length > datagram.size() - end) break;
    end = std::min(end + std::size_t{NLMSG_ALIGN(length)}, datagram.size());
  }
  return datagram.first(end);
}

}  // namespace lastmile
