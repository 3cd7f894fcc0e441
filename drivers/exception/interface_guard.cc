#include "drivers/exception/interface_guard.h"

#include <fmt/format.h>
#include <linux/if.h>

#include <algorithm>
#include <cerrno>

#include "drivers/exception/owner_mark.h"
#include "drivers/kernel/boot_clock.h"
#include "drivers/kernel/sysctl.h"
#include "logging/log.h"

namespace lastmile {
namespace {

LinkInfo link_of(const GuardState& state) {
  LinkInfo link;
  link.index = state.index;
  link.name = state.interface;
  return link;
}

Result<void> take_addresses(Netlink& netlink, const std::string& port, const GuardState& now) {
  for (const auto& [address, told] : now.addresses) {
    if (!is_ipv6_link_local(address.address)) {
      log::warn(
          "port {}: taking address {} (and the kernel's routes by it) off interface '{}', which "
          "now belongs to the router; it comes back when the router stops",
          port, to_string(address), now.interface);
    }
    const auto done = delete_address(netlink, link_of(now), address);
    // Secondary addresses go with their primary one.
    if (!done && done.error().code != EADDRNOTAVAIL) return done;
  }
  if (!now.disable_ipv6) return {};
  return write_setting(now.interface, {Family::kIpv6, "disable_ipv6", 1});
}

/// Some drivers take another address only while the interface is down.
Result<void> give_mac(Netlink& netlink, const LinkInfo& link, const MacAddress& mac) {
  const auto done = change_link(netlink, link, {.mac = mac});
  if (done || done.error().code != EBUSY) return done;
  if (auto down = change_link(netlink, link, {.clear_flags = IFF_UP}); !down) return down;
  return change_link(netlink, link, {.mac = mac});
}

void report(const Result<void>& done) {
  if (!done) log::warn("cannot restore: {}", done.error().message);
}

}  // namespace

InterfaceGuard::Restore::Restore(GuardState saved, Netlink socket)
    : state(std::move(saved)),
      netlink(std::move(socket)),
      offloads(open_offload_socket()),
      ipv6(OpenSettings::open(Family::kIpv6)) {}

/// An error if the interface could not even be looked at: it is as the guard made it.
Result<void> InterfaceGuard::Restore::interface() {
  // By its number: it may have been renamed meanwhile, which a port does not notice.
  const auto link = find_link(netlink, state.index);
  if (!link) return tl::unexpected(link.error());
  if (!*link) return {};  // the interface is gone, and what was on it

  const std::string& name = (*link)->name;
  report(switch_offloads(offloads, name, state.offloads, OffloadState::kOn));
  if (state.mac && (*link)->mac != *state.mac) report(give_mac(netlink, **link, *state.mac));
  LinkChange change;
  if ((*link)->mtu != state.mtu) change.mtu = state.mtu;
  if (state.was_up) change.set_flags |= IFF_UP;
  if (!state.took_all_multicast) change.clear_flags |= IFF_ALLMULTI;
  if (!state.was_up) change.clear_flags |= IFF_UP;
  report(change_link(netlink, **link, change));
  if (state.disable_ipv6 && ipv6) report(ipv6->write(name, "disable_ipv6", *state.disable_ipv6));
  const std::chrono::seconds now = std::chrono::duration_cast<std::chrono::seconds>(since_boot());
  const std::chrono::seconds age = now - std::clamp(state.saved_at, std::chrono::seconds{0}, now);
  for (const SavedAddress& saved : state.addresses) {
    const auto done = restore_address(netlink, **link, saved, age);
    // The kernel makes the link-local address itself.
    if (!done && done.error().code != EEXIST) report(done);
  }
  return {};
}

InterfaceGuard::Restore::~Restore() {
  const auto done = interface();
  report(done);
  // Otherwise the next instance restores it at its end.
  if (done) forget_state(state);
}

Result<InterfaceGuard> InterfaceGuard::create(const std::string& port, const std::string& interface,
                                              std::optional<MacAddress> mac) {
  const auto refuse = [&](const DriverError& error) {
    return failure(fmt::format("port {}: {}", port, error.message), error.code);
  };
  auto netlink = Netlink::open();
  if (!netlink) return refuse(netlink.error());
  auto now = observe_interface(*netlink, interface);
  if (!now) return refuse(now.error());
  auto earlier = recall_state(*now);
  if (earlier && owner_of(earlier->owner) == Owner::kAlive) {
    return refuse(
        {fmt::format("interface '{}' is a port of another instance that is running", interface),
         EBUSY});
  }
  // A killed instance's file tells what was there before it; what is there now are its leftovers.
  GuardState original = earlier ? std::move(*earlier) : *now;
  original.owner = owner_mark();
  original.interface = interface;  // it may have been renamed since
  const auto link = find_link(*netlink, interface);
  if (!link) return refuse(link.error());
  const bool other_mac = mac && *link && (*link)->mac != *mac;
  if (other_mac && !original.mac) original.mac = (*link)->mac;
  auto for_restore = Netlink::open();
  if (!for_restore) return refuse(for_restore.error());
  keep_state(original);
  auto restore = std::make_unique<Restore>(std::move(original), std::move(*for_restore));

  // From the first moment on, no frame to the kernel.
  auto filter = IngressFilter::drop_all(interface);
  if (!filter) return refuse(filter.error());
  if (auto done = take_addresses(*netlink, port, *now); !done) return refuse(done.error());
  if (auto done = switch_offloads(interface, now->offloads, OffloadState::kOff); !done) {
    return refuse(done.error());
  }
  if (other_mac) {
    if (auto done = give_mac(*netlink, link_of(*now), *mac); !done) return refuse(done.error());
  }
  const LinkChange change{.set_flags = IFF_UP | IFF_ALLMULTI};
  if (auto done = change_link(*netlink, link_of(*now), change); !done) {
    return refuse(done.error());
  }
  return InterfaceGuard(std::move(restore), std::move(*filter));
}

}  // namespace lastmile
