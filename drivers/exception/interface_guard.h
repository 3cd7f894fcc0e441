// Keeps the kernel's own stack away from an interface that a DPDK port reads and writes.
//
// The interface under an af_packet or af_xdp port still feeds the kernel: it would answer ARP and
// neighbor discovery beside our twin, reset our BGP connections, and forward a second copy of every
// packet. So: its addresses are taken away, IPv6 is turned off on it, and an nftables chain at its
// ingress drops everything (the port gets its copy before that hook). Its offloads go off, because
// the port can use neither partial checksums nor 64 kB frames. It takes all multicast, because with
// IPv6 off the NIC would filter neighbor discovery out.
//
// An interface that takes the place of one that was deleted gets that one's MAC address: it is the
// port's, and neighbors know it.
//
// All of it is undone at the end. What was there is kept in a file meanwhile (guard_state.h), so
// that an instance that follows a killed one restores the original, not the leftovers.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "dataplane/net/file_descriptor.h"
#include "drivers/driver_error.h"
#include "drivers/exception/guard_state.h"
#include "drivers/kernel/ingress_filter.h"
#include "drivers/kernel/netlink.h"
#include "drivers/kernel/sysctl.h"

namespace lastmile {

/// One thread at a time, that which opens and closes the port. Create it before Port::open(), which
/// may change the MTU; destroy it after the port.
class InterfaceGuard {
 public:
  /// `port`: the configuration's name, for errors and the log.
  /// `mac`: what the interface is to have meanwhile; nullopt: its own.
  [[nodiscard]] static Result<InterfaceGuard> create(const std::string& port,
                                                     const std::string& interface,
                                                     std::optional<MacAddress> mac = std::nullopt);

  InterfaceGuard(InterfaceGuard&& other) noexcept = default;
  InterfaceGuard& operator=(InterfaceGuard&& other) noexcept = default;
  InterfaceGuard(const InterfaceGuard&) = delete;
  InterfaceGuard& operator=(const InterfaceGuard&) = delete;
  ~InterfaceGuard() = default;

 private:
  // Undoes what was done so far, also when create() gives up half way. All that it needs is open
  // from the beginning: at the end the thread may be in another network namespace, and may no
  // longer change where it is.
  struct Restore {
    Restore(GuardState saved, Netlink socket);
    Restore(const Restore&) = delete;
    Restore& operator=(const Restore&) = delete;
    ~Restore();
    Result<void> interface();

    GuardState state;
    Netlink netlink;
    FileDescriptor offloads;
    std::optional<OpenSettings> ipv6;
  };

  InterfaceGuard(std::unique_ptr<Restore> restore, IngressFilter filter)
      : restore_(std::move(restore)), filter_(std::move(filter)) {}

  // The filter goes first, so that addresses come back to an interface that hears.
  std::unique_ptr<Restore> restore_;
  IngressFilter filter_;
};

}  // namespace lastmile
