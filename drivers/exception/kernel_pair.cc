#include "drivers/exception/kernel_pair.h"

#include <fmt/format.h>
#include <linux/if.h>

#include <algorithm>
#include <cerrno>

#include "drivers/exception/owner_mark.h"
#include "drivers/kernel/offloads.h"
#include "drivers/kernel/sysctl.h"
#include "logging/log.h"

namespace lastmile {
namespace {

// The far end's own stack has nothing to say.
constexpr InterfaceSetting kSilent[] = {
    {Family::kIpv6, "disable_ipv6", 1},
    {Family::kIpv4, "arp_ignore", 8},  // reply to nothing
    {Family::kIpv4, "forwarding", 0},
};

Result<void> make_room(Netlink& netlink, const std::string& name) {
  const auto existing = find_link(netlink, name);
  if (!existing) return tl::unexpected(existing.error());
  if (!*existing) return {};
  switch (owner_of((*existing)->alias)) {
    case Owner::kStranger:
      return failure(
          fmt::format("interface '{}' exists already and is not ours; rename or remove it", name),
          EEXIST);
    case Owner::kAlive:
      return failure(
          fmt::format("interface '{}' belongs to another instance that is running", name), EEXIST);
    case Owner::kDead:
      break;
  }
  log::info("removing interface '{}', left behind by an instance that was killed", name);
  const auto deleted = delete_link(netlink, **existing);
  // The kernel may have been about to do it itself.
  if (!deleted && deleted.error().code != ENODEV) return deleted;
  return {};
}

/// What the kernel sends must leave it as it would leave a NIC: summed and no longer than the MTU,
/// but for what the far end does itself.
Result<void> settle_offloads(const std::string& interface, FarEnd far_end) {
  auto offloads = enabled_offloads(interface);
  if (!offloads) return tl::unexpected(offloads.error());
  if (far_end == FarEnd::kSegments) {
    std::erase_if(*offloads, [](const std::string& name) {
      return std::ranges::find(segment_offloads(), name) != segment_offloads().end();
    });
  }
  return switch_offloads(interface, *offloads, OffloadState::kOff);
}

Result<std::unique_ptr<Port>> open_port(const KernelPairOptions& options, unsigned number,
                                        PacketPools& pools) {
  auto opened =
      Port::open({.name = options.interface,
                  // The number keeps DPDK's device names apart from the user's.
                  .device = fmt::format("net_af_packet_lm{},iface={}", number, options.interface),
                  .mtu = options.mtu,
                  .rx_queues = options.queues,
                  .tx_queues = options.queues,
                  .spare_buffers = options.spare_buffers},
                 pools);
  if (!opened) return tl::unexpected(opened.error());
  auto port = std::make_unique<Port>(std::move(*opened));
  if (auto started = port->start(); !started) return tl::unexpected(started.error());
  return port;
}

}  // namespace

KernelPair::KernelEnd::~KernelEnd() {
  const auto deleted = delete_link(netlink, link);
  if (!deleted && deleted.error().code != ENODEV) log::warn("{}", deleted.error().message);
}

Result<KernelPair> KernelPair::create(const KernelPairOptions& options,
                                      const PrivateNamespace& far_side, PacketPools& pools) {
  const std::string& name = options.interface;
  if (name.empty() || name.size() > kMaxInterfaceName) {
    return failure(fmt::format("'{}' is not a name for a kernel interface; expected 1 to {} "
                               "characters",
                               name, kMaxInterfaceName),
                   EINVAL);
  }
  auto netlink = Netlink::open();
  if (!netlink) return tl::unexpected(netlink.error());
  if (auto done = make_room(*netlink, name); !done) return tl::unexpected(done.error());

  const VethSpec spec{name, options.mac, options.mtu, far_side.fd()};
  if (auto done = create_veth(*netlink, spec); !done) return tl::unexpected(done.error());
  const auto link = find_link(*netlink, name);
  if (!link || !*link) return failure(fmt::format("interface '{}' vanished", name), ENODEV);
  auto kernel = std::make_unique<KernelEnd>(std::move(*netlink), **link);
  LinkChange ours{.alias = owner_mark()};
  if (options.far_end == FarEnd::kSegments) ours.longest_segment = kLongestSegment;
  if (auto done = change_link(kernel->netlink, kernel->link, ours); !done) {
    return tl::unexpected(done.error());
  }
  if (auto done = settle_offloads(name, options.far_end); !done) {
    return tl::unexpected(done.error());
  }

  std::optional<Netlink> far_netlink;
  LinkInfo far_link;
  std::unique_ptr<Port> port;
  std::unique_ptr<SegmentPort> segments;
  const auto prepared = far_side.run_inside([&]() -> Result<void> {
    auto socket = Netlink::open();
    if (!socket) return tl::unexpected(socket.error());
    const auto found = find_link(*socket, name);
    if (!found || !*found) return failure(fmt::format("far end of '{}' vanished", name), ENODEV);
    far_link = **found;
    far_netlink = std::move(*socket);
    if (auto done = write_settings(name, kSilent); !done) return done;
    if (options.far_end == FarEnd::kPackets) {
      auto opened = open_port(options, kernel->link.index, pools);
      if (!opened) return tl::unexpected(opened.error());
      port = std::move(*opened);
    } else {
      auto opened = SegmentPort::open({.name = name,
                                       .mtu = options.mtu,
                                       .queues = options.queues,
                                       .spare_buffers = options.spare_buffers},
                                      far_link, pools);
      if (!opened) return tl::unexpected(opened.error());
      segments = std::make_unique<SegmentPort>(std::move(*opened));
    }
    return {};
  });
  if (!prepared) return tl::unexpected(prepared.error());

  KernelPair pair(std::move(kernel), std::move(*far_netlink), std::move(far_link));
  pair.port_ = std::move(port);
  pair.segments_ = std::move(segments);
  return pair;
}

Result<void> KernelPair::set_carrier(Link link) {
  return change_link(
      far_netlink_, far_link_,
      link == Link::kUp ? LinkChange{.set_flags = IFF_UP} : LinkChange{.clear_flags = IFF_UP});
}

}  // namespace lastmile
