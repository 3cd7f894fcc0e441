#include "controlplane/rib/own_addresses.h"

#include <algorithm>

namespace lastmile::rib {

OwnAddresses::OwnAddresses(const Config& config) {
  const auto add = [&](const IpPrefix& prefix) {
    if (const auto* p = std::get_if<Ipv4Prefix>(&prefix)) ours_v4_.push_back(*p);
    if (const auto* p = std::get_if<Ipv6Prefix>(&prefix)) ours_v6_.push_back(*p);
  };
  for (const IpPrefix& loopback : config.loopbacks) add(loopback);
  for (const ServiceConfig& service : config.services) add(service.address);
  for (const PortConfig& port : config.ports) {
    for (const PortConfig::InterfaceAddress& own : port.addresses) {
      add(host_prefix(own.address));
      subnets_.push_back(
          {std::visit([&]<class Address>(
                          const Address& a) { return IpPrefix{Prefix<Address>(a, own.length)}; },
                      own.address),
           port.id});
    }
  }
  std::ranges::stable_sort(subnets_, [](const Subnet& a, const Subnet& b) {
    return length_of(a.prefix) > length_of(b.prefix);
  });
}

bool OwnAddresses::is_ours(const IpAddress& address) const {
  return std::visit([&](const auto& p) { return takes_ours(p); }, host_prefix(address));
}

bool OwnAddresses::takes_ours(const Ipv4Prefix& prefix) const {
  return std::ranges::any_of(ours_v4_, [&](const Ipv4Prefix& own) { return own.covers(prefix); });
}

bool OwnAddresses::takes_ours(const Ipv6Prefix& prefix) const {
  return std::ranges::any_of(ours_v6_, [&](const Ipv6Prefix& own) { return own.covers(prefix); });
}

std::optional<PortId> OwnAddresses::connected_port(const IpAddress& address) const {
  const auto found = std::ranges::find_if(
      subnets_, [&](const Subnet& subnet) { return contains(subnet.prefix, address); });
  if (found == subnets_.end()) return std::nullopt;
  return found->port;
}

}  // namespace lastmile::rib
