#include "controlplane/bgp/session/settings.h"

#include <variant>

namespace lastmile::bgp {
namespace {

/// Packets of an internal session may cross routers; those of an external one may not
/// (RFC 4271 section 5.1.3 speaks of one IP hop), unless `multihop` says otherwise.
constexpr std::uint8_t kInternalHopLimit = 64;
constexpr std::uint8_t kExternalHopLimit = 1;

template <class Address>
bool on_subnet(const PortConfig::InterfaceAddress& interface, const Address& address) {
  const auto* own = std::get_if<Address>(&interface.address);
  return own != nullptr && Prefix<Address>(*own, interface.length).contains(address);
}

std::optional<PortId> port_towards(const Config& config, const IpAddress& address) {
  for (const PortConfig& port : config.ports) {
    for (const PortConfig::InterfaceAddress& interface : port.addresses) {
      if (std::visit([&](const auto& a) { return on_subnet(interface, a); }, address)) {
        return port.id;
      }
    }
  }
  return std::nullopt;
}

NextHop addresses_of(const PortConfig& port) {
  NextHop own;
  for (const PortConfig::InterfaceAddress& interface : port.addresses) {
    if (const auto* v4 = std::get_if<Ipv4Address>(&interface.address)) {
      if (!own.v4) own.v4 = *v4;
    } else {
      const auto& v6 = std::get<Ipv6Address>(interface.address);
      auto& slot = v6.is_link_local() ? own.link_local : own.global;
      if (!slot) slot = v6;
    }
  }
  return own;
}

bool is_internal(const Config& config, const RemoteAsn& remote) {
  return remote.kind == RemoteAsn::Kind::kInternal ||
         (remote.kind == RemoteAsn::Kind::kNumber && remote.number == config.router.asn);
}

}  // namespace

std::vector<PeerSettings> peer_settings(const Config& config) {
  std::vector<PeerSettings> peers;
  peers.reserve(config.bgp.neighbors.size());
  for (const BgpNeighborConfig& neighbor : config.bgp.neighbors) {
    PeerSettings peer;
    peer.name = neighbor.name;
    peer.port = neighbor.port;
    peer.address = neighbor.address;
    peer.remote_asn = neighbor.remote_asn;
    peer.timers = neighbor.timers;
    peer.passive = neighbor.passive;
    peer.hop_limit =
        is_internal(config, neighbor.remote_asn) ? kInternalHopLimit : kExternalHopLimit;
    if (!peer.port && peer.address) peer.port = port_towards(config, *peer.address);
    if (peer.port && peer.port->value() < config.ports.size()) {
      peer.own_addresses = addresses_of(config.ports[peer.port->value()]);
    }
    peers.push_back(std::move(peer));
  }
  return peers;
}

}  // namespace lastmile::bgp
