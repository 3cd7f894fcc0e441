#include "drivers/exception/host_interface.h"

#include <fmt/format.h>
#include <linux/if.h>
#include <rte_ether.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "drivers/kernel/sysctl.h"
#include "logging/log.h"

namespace lastmile {
namespace {

constexpr InterfaceSetting kHostSettings[] = {
    // No neighbor is ever on it: no discovery, no address but those we add.
    {Family::kIpv6, "disable_ipv6", 0},
    {Family::kIpv6, "addr_gen_mode", 1},
    {Family::kIpv6, "accept_dad", 0},
    {Family::kIpv6, "dad_transmits", 0},
    {Family::kIpv6, "accept_ra", 0},
    {Family::kIpv6, "autoconf", 0},
    {Family::kIpv6, "router_solicitations", 0},
    {Family::kIpv6, "keep_addr_on_down", 1},
    {Family::kIpv4, "rp_filter", 0},
    {Family::kIpv4, "send_redirects", 0},
};

std::uint8_t full_length(const IpAddress& address) {
  return std::holds_alternative<Ipv4Address>(address) ? 32 : 128;
}

MacAddress random_mac() {
  std::array<std::uint8_t, 6> bytes{};
  rte_eth_random_addr(bytes.data());
  return MacAddress{bytes};
}

DriverError named(const std::string& interface, const DriverError& error) {
  return {fmt::format("host interface {}: {}", interface, error.message), error.code};
}

}  // namespace

Result<HostInterface> HostInterface::create(const HostInterfaceOptions& options,
                                            const PrivateNamespace& far_side, PacketPools& pools) {
  const auto refuse = [&](const DriverError& error) {
    return tl::unexpected(named(options.interface, error));
  };
  auto pair = KernelPair::create({.interface = options.interface,
                                  .mac = random_mac(),
                                  .mtu = options.mtu,
                                  .queues = options.queues,
                                  .far_end = options.far_end,
                                  .spare_buffers = options.spare_buffers},
                                 far_side, pools);
  if (!pair) return refuse(pair.error());
  if (auto done = write_settings(options.interface, kHostSettings); !done) {
    return refuse(done.error());
  }
  const LinkChange up{.set_flags = IFF_UP | IFF_NOARP};
  if (auto done = change_link(pair->netlink(), pair->interface(), up); !done) {
    return refuse(done.error());
  }
  return HostInterface(std::move(*pair), options);
}

Result<void> HostInterface::add_address(const IpAddress& address) {
  if (std::find(addresses_.begin(), addresses_.end(), address) != addresses_.end()) return {};
  const auto done =
      lastmile::add_address(pair_.netlink(), pair_.interface(), {address, full_length(address)});
  // There already, put by someone else: it serves, and stays theirs.
  if (!done && done.error().code == EEXIST) return {};
  if (!done) return tl::unexpected(named(interface_name(), done.error()));
  addresses_.push_back(address);
  return update_default_route(address);
}

Result<void> HostInterface::remove_address(const IpAddress& address) {
  const auto found = std::find(addresses_.begin(), addresses_.end(), address);
  if (found == addresses_.end()) return {};
  addresses_.erase(found);
  // The route first: the kernel drops routes whose preferred source goes.
  if (auto done = update_default_route(address); !done) return done;
  const auto done =
      delete_address(pair_.netlink(), pair_.interface(), {address, full_length(address)});
  if (!done && done.error().code != EADDRNOTAVAIL) {
    return tl::unexpected(named(interface_name(), done.error()));
  }
  return {};
}

Result<void> HostInterface::update_default_route(const IpAddress& family) {
  if (!options_.default_route_metric) return {};
  const auto same_family = [&](const IpAddress& address) {
    return address.index() == family.index();
  };
  const auto source = std::find_if(addresses_.begin(), addresses_.end(), same_family);
  const auto installed =
      std::find_if(installed_.begin(), installed_.end(),
                   [&](const KernelDefaultRoute& route) { return same_family(route.source); });
  if (installed != installed_.end()) {
    if (source != addresses_.end() && installed->source == *source) return {};
    const auto done = delete_default_route(pair_.netlink(), pair_.interface(), *installed);
    if (!done && done.error().code != ESRCH) {
      return tl::unexpected(named(interface_name(), done.error()));
    }
    installed_.erase(installed);
  }
  if (source == addresses_.end()) return {};
  const std::uint32_t mtu = options_.send_mtu < options_.mtu ? options_.send_mtu : 0;
  const KernelDefaultRoute route{*options_.default_route_metric, *source, mtu};
  const auto done = add_default_route(pair_.netlink(), pair_.interface(), route);
  if (!done && done.error().code == EEXIST) {
    return failure(
        fmt::format("host interface {}: there is a default {} route with metric {} "
                    "already; expected another default-route-metric",
                    interface_name(), source->index() == 0 ? "IPv4" : "IPv6", route.metric),
        EEXIST);
  }
  if (!done) return tl::unexpected(named(interface_name(), done.error()));
  installed_.push_back(route);
  return {};
}

}  // namespace lastmile
