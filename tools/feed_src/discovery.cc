#include "tools/feed_src/discovery.h"

#include <net/if.h>

#include "controlplane/neighbors/router_discovery_message.h"

namespace lastmile::feed {

tl::expected<Discovery, std::string> Discovery::open(const std::string& interface) {
  auto socket = Icmpv6Socket::open(interface);
  if (!socket) return tl::unexpected(socket.error());
  return Discovery{std::move(*socket), if_nametoindex(interface.c_str())};
}

std::optional<End> Discovery::receive(std::uint16_t bgp_port) {
  std::optional<End> heard;
  socket_.receive([&](const RouterDiscoveryMessage& message, const Ipv6Address& source) {
    if (!std::holds_alternative<RouterAdvertisement>(message)) return;
    heard = End{source, scope_, bgp_port};
  });
  return heard;
}

void Discovery::tick(double now) {
  if (now < next_) return;
  next_ = now + 1;
  const Ipv6Address all_nodes = Ipv6Address::parse("ff02::1").value();
  const Ipv6Address all_routers = Ipv6Address::parse("ff02::2").value();
  // What the kernel does not take now is due again in a second.
  static_cast<void>(socket_.send(encode(RouterAdvertisement{}), all_nodes));
  static_cast<void>(socket_.send(encode(RouterSolicitation{}), all_routers));
}

}  // namespace lastmile::feed
