#include "controlplane/bgp/session/settings.h"

#include <algorithm>
#include <tuple>
#include <variant>

namespace lastmile::bgp {
namespace {

/// Packets of an internal session may cross routers; those of an external one may not
/// (RFC 4271 section 5.1.3 speaks of one IP hop), unless `multihop` says otherwise.
constexpr std::uint8_t kInternalHopLimit = 64;
constexpr std::uint8_t kExternalHopLimit = 1;

std::optional<PortId> port_towards(const Config& config, const IpAddress& address) {
  for (const PortConfig& port : config.ports) {
    for (const PortConfig::InterfaceAddress& interface : port.addresses) {
      if (contains(interface.subnet(), address)) return port.id;
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

/// Packets to a peer behind routers start on the host interface, and our own workers are the first
/// router on their way.
constexpr std::uint8_t kOwnHop = 1;

HopLimits hop_limits(const Config& config, const BgpNeighborConfig& neighbor, bool on_link) {
  HopLimits hops;
  if (neighbor.ttl_security != 0) {
    // RFC 5082 section 3: a packet from h hops away arrives with 255 - (h - 1).
    const unsigned away = neighbor.ttl_security + (on_link ? 0U : unsigned{kOwnHop});
    hops.sent = 255;
    hops.least_received = static_cast<std::uint8_t>(256 - std::min(away, 255U));
  } else if (is_internal(config.router, neighbor)) {
    hops.sent = kInternalHopLimit;
  } else if (neighbor.multihop != 0) {
    hops.sent = static_cast<std::uint8_t>(std::min(neighbor.multihop + kOwnHop, 255));
  } else {
    hops.sent = kExternalHopLimit;
  }
  return hops;
}

}  // namespace

bool same_session(const PeerSettings& a, const PeerSettings& b) {
  const auto facts = [](const PeerSettings& s) {
    return std::tie(s.port, s.address, s.remote_asn.kind, s.remote_asn.number, s.timers.hold,
                    s.delay_open, s.passive, s.hops, s.source, s.password, s.local_as, s.role,
                    s.role_strict, s.graceful_restart.mode, s.graceful_restart.notifications,
                    s.graceful_restart.restart_limit, s.graceful_restart.restart_time,
                    s.graceful_restart.preserve_fw_state, s.graceful_restart.long_lived_limit,
                    s.add_path, s.add_path_family, s.aigp, s.tcp_port, s.own_addresses, s.listen);
  };
  return facts(a) == facts(b);
}

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
    peer.source = neighbor.source;
    peer.password = neighbor.password;
    peer.local_as = neighbor.local_as.asn;
    peer.role = neighbor.role;
    peer.add_path = neighbor.add_path;
    peer.add_path_family = neighbor.add_path_family;
    peer.aigp = neighbor.aigp.value_or(is_internal(config.router, neighbor));
    peer.role_strict = neighbor.role_strict;
    peer.listen = neighbor.listen;
    peer.limit = neighbor.limit;
    peer.graceful_restart = neighbor.graceful_restart;
    auto& notifications = peer.graceful_restart.notifications;
    if (!notifications) notifications = neighbor.bfd.has_value();
    peer.max_prefixes = neighbor.max_prefixes;
    peer.shutdown = neighbor.shutdown;
    peer.shutdown_message = neighbor.shutdown_message;
    if (!peer.port && peer.address) peer.port = port_towards(config, *peer.address);
    if (!peer.port && peer.listen) peer.port = port_towards(config, address_of(*peer.listen));
    peer.hops = hop_limits(config, neighbor, peer.port.has_value());
    if (peer.port && peer.port->value() < config.ports.size()) {
      peer.own_addresses = addresses_of(config.ports[peer.port->value()]);
    }
    peers.push_back(std::move(peer));
  }
  return peers;
}

}  // namespace lastmile::bgp
