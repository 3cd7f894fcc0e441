#include "controlplane/rib/own_addresses.h"

#include <algorithm>

namespace lastmile::rib {
namespace {

template <class P>
bool covered_by_any(const std::vector<P>& prefixes, const P& prefix) {
  return std::ranges::any_of(prefixes, [&](const P& wide) { return wide.covers(prefix); });
}

}  // namespace

OwnAddresses::OwnAddresses(const Config& config) {
  const auto add = [](const IpPrefix& prefix, auto& v4, auto& v6) {
    if (const auto* p = std::get_if<Ipv4Prefix>(&prefix)) v4.push_back(*p);
    if (const auto* p = std::get_if<Ipv6Prefix>(&prefix)) v6.push_back(*p);
  };
  for (const IpPrefix& loopback : config.loopbacks) add(loopback, ours_v4_, ours_v6_);
  for (const ServiceConfig& service : config.services) add(service.address, ours_v4_, ours_v6_);
  for (const StaticRouteConfig& route : config.routes) {
    if (route.announce) add(route.prefix, guests_v4_, guests_v6_);
  }
  for (const PortConfig& port : config.ports) {
    for (const PortConfig::InterfaceAddress& own : port.addresses) {
      add(host_prefix(own.address), ours_v4_, ours_v6_);
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
  if (const auto* v4 = std::get_if<Ipv4Address>(&address)) {
    return covered_by_any(ours_v4_, Ipv4Prefix{*v4, 32});
  }
  return covered_by_any(ours_v6_, Ipv6Prefix{std::get<Ipv6Address>(address), 128});
}

bool OwnAddresses::takes_ours(const Ipv4Prefix& prefix) const {
  return covered_by_any(ours_v4_, prefix) || covered_by_any(guests_v4_, prefix);
}

bool OwnAddresses::takes_ours(const Ipv6Prefix& prefix) const {
  return covered_by_any(ours_v6_, prefix) || covered_by_any(guests_v6_, prefix);
}

std::optional<PortId> OwnAddresses::connected_port(const IpAddress& address) const {
  const auto found = std::ranges::find_if(
      subnets_, [&](const Subnet& subnet) { return contains(subnet.prefix, address); });
  if (found == subnets_.end()) return std::nullopt;
  return found->port;
}

}  // namespace lastmile::rib
