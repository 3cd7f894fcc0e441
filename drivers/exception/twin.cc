#include "drivers/exception/twin.h"

#include <fmt/format.h>
#include <linux/if.h>

#include <algorithm>
#include <cerrno>

#include "drivers/kernel/sysctl.h"

namespace lastmile {
namespace {

constexpr InterfaceSetting kTwinSettings[] = {
    // IPv6: one link-local address from the MAC (RFC 4291 appendix A), usable at once, kept over a
    // loss of carrier; nothing from router advertisements.
    {Family::kIpv6, "disable_ipv6", 0},
    {Family::kIpv6, "addr_gen_mode", 0},
    {Family::kIpv6, "accept_dad", 0},
    {Family::kIpv6, "dad_transmits", 0},
    {Family::kIpv6, "accept_ra", 0},
    {Family::kIpv6, "autoconf", 0},
    {Family::kIpv6, "use_tempaddr", 0},
    {Family::kIpv6, "router_solicitations", 0},
    {Family::kIpv6, "accept_redirects", 0},
    {Family::kIpv6, "keep_addr_on_down", 1},
    // A host, not a second router beside ours.
    {Family::kIpv6, "forwarding", 0},
    {Family::kIpv4, "forwarding", 0},
    {Family::kIpv4, "send_redirects", 0},
    {Family::kIpv4, "accept_redirects", 0},
    // Replies may leave by another port than the request came in: both uplinks lead everywhere.
    {Family::kIpv4, "rp_filter", 0},
    // The loopbacks are routed to, not resolved: answer ARP for this interface's addresses only,
    // and ask with one of them.
    {Family::kIpv4, "arp_ignore", 1},
    {Family::kIpv4, "arp_announce", 2},
    {Family::kIpv4, "ignore_routes_with_linkdown", 1},
    {Family::kIpv6, "ignore_routes_with_linkdown", 1},
};

Result<void> set_up(KernelPair& pair, const TwinOptions& options) {
  const LinkInfo& link = pair.interface();
  if (auto done = write_settings(link.name, kTwinSettings); !done) return done;
  if (auto done = change_link(pair.netlink(), link, {.set_flags = IFF_UP}); !done) return done;

  // The kernel makes the link-local address a moment after the carrier comes; making the same one
  // ourselves spares the wait.
  const InterfaceAddress link_local{options.mac.link_local(), 64};
  auto done = add_address(pair.netlink(), link, link_local);
  if (!done && done.error().code != EEXIST) return done;
  for (const InterfaceAddress& address : options.addresses) {
    done = add_address(pair.netlink(), link, address);
    if (!done && done.error().code != EEXIST) return done;
  }

  const auto present = list_addresses(pair.netlink(), link);
  if (!present) return tl::unexpected(present.error());
  if (std::find(present->begin(), present->end(), link_local) == present->end()) {
    return failure(fmt::format("interface '{}' did not take the link-local address {}", link.name,
                               to_string(link_local)));
  }
  return {};
}

}  // namespace

std::string Twin::interface_name(std::string_view port) {
  return fmt::format("{}{}", kTwinPrefix, port);
}

Result<Twin> Twin::create(const TwinOptions& options, const PrivateNamespace& far_side,
                          PacketPools& pools) {
  const auto refuse = [&](const DriverError& error) {
    return failure(fmt::format("port {}: {}", options.port, error.message), error.code);
  };
  if (options.port.size() > kMaxPortName) {
    return refuse({fmt::format("the name is too long for its kernel twin '{}'; expected at most {} "
                               "characters",
                               interface_name(options.port), kMaxPortName),
                   EINVAL});
  }
  auto pair = KernelPair::create({.interface = interface_name(options.port),
                                  .mac = options.mac,
                                  .mtu = options.mtu,
                                  .queues = options.queues},
                                 far_side, pools);
  if (!pair) return refuse(pair.error());
  if (auto done = set_up(*pair, options); !done) return refuse(done.error());
  return Twin(std::move(*pair));
}

}  // namespace lastmile
