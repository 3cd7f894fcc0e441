// Socket addresses of the feed's ends: "192.0.2.1", "192.0.2.1:1790", "fe80::1%up1",
// "[fe80::1%up1]:1790".
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include <tl/expected.hpp>

#include "dataplane/net/ip.h"

namespace lastmile::feed {

/// An address with its scope and TCP port.
struct End {
  IpAddress address;
  std::uint32_t scope = 0;  ///< interface index, for link-local addresses
  std::uint16_t port = 0;

  /// Equal but for the port: who is at the other end of an accepted connection.
  [[nodiscard]] bool same_host(const End& other) const {
    return address == other.address && scope == other.scope;
  }
  /// The n-th address after this one, for several peers on one link.
  [[nodiscard]] End after(std::uint32_t n) const;
};

[[nodiscard]] tl::expected<End, std::string> parse_end(const std::string& text,
                                                       std::uint16_t default_port);
[[nodiscard]] std::string to_string(const End& end);

struct RawAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(sockaddr_storage);
  [[nodiscard]] sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};
[[nodiscard]] RawAddress to_raw(const End& end);
[[nodiscard]] End from_raw(const RawAddress& raw);

}  // namespace lastmile::feed
