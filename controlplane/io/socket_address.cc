#include "controlplane/io/socket_address.h"

#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace lastmile {

const std::string* TwinTable::interface_of(PortId port) const {
  const auto it = std::find_if(twins_.begin(), twins_.end(),
                               [&](const PortTwin& twin) { return twin.port == port; });
  return it == twins_.end() ? nullptr : &it->interface;
}

std::optional<PortId> TwinTable::port_of(unsigned interface_index) const {
  char name[IF_NAMESIZE];
  if (if_indextoname(interface_index, name) == nullptr) return std::nullopt;
  const auto it = std::find_if(twins_.begin(), twins_.end(),
                               [&](const PortTwin& twin) { return twin.interface == name; });
  if (it == twins_.end()) return std::nullopt;
  return it->port;
}

tl::expected<SocketAddress, std::string> TwinTable::to_socket(const Endpoint& endpoint) const {
  SocketAddress result;
  if (const auto* v4 = std::get_if<Ipv4Address>(&endpoint.address)) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.tcp_port);
    in.sin_addr.s_addr = v4->network_order();
    std::memcpy(&result.storage, &in, sizeof in);
    result.length = sizeof in;
    return result;
  }
  const auto& v6 = std::get<Ipv6Address>(endpoint.address);
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(endpoint.tcp_port);
  std::memcpy(&in.sin6_addr, v6.bytes().data(), v6.bytes().size());
  if (v6.is_link_local() && endpoint.port) {
    const std::string* interface = interface_of(*endpoint.port);
    if (interface == nullptr)
      return tl::unexpected<std::string>("the port has no kernel interface");
    in.sin6_scope_id = if_nametoindex(interface->c_str());
    if (in.sin6_scope_id == 0) {
      return tl::unexpected("kernel interface " + *interface + " does not exist");
    }
  }
  std::memcpy(&result.storage, &in, sizeof in);
  result.length = sizeof in;
  return result;
}

Endpoint TwinTable::to_endpoint(const SocketAddress& address) const {
  Endpoint result;
  if (address.family() == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address.storage, sizeof in);
    result.address = Ipv4Address{ntohl(in.sin_addr.s_addr)};
    result.tcp_port = ntohs(in.sin_port);
    return result;
  }
  sockaddr_in6 in{};
  std::memcpy(&in, &address.storage, sizeof in);
  Ipv6Address::Bytes bytes;
  std::memcpy(bytes.data(), &in.sin6_addr, bytes.size());
  const Ipv6Address v6{bytes};
  result.address = v6;
  result.tcp_port = ntohs(in.sin6_port);
  if (v6.is_link_local()) result.port = port_of(in.sin6_scope_id);
  return result;
}

}  // namespace lastmile
