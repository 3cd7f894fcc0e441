// Addresses that are taken off an interface for a while, and come back as they were: an address of
// DHCP or of a router advertisement is not there for good, and has more to it than its bits.
#pragma once

#include <chrono>
#include <vector>

#include "drivers/kernel/address.h"

namespace lastmile {

struct SavedAddress {
  InterfaceAddress address;
  /// RTM_NEWADDR as the kernel told it: lifetimes, flags, label, the other side of a link. Empty if
  /// only the address is known.
  std::vector<char> told;
};

/// All addresses of an interface, both families, link-local ones included.
[[nodiscard]] Result<std::vector<SavedAddress>> save_addresses(Netlink& netlink,
                                                               const LinkInfo& link);

/// Puts an address back that was saved `age` ago, with what is left of its lifetimes, and without
/// duplicate address detection: usable at once. Nothing is done for one that has outlived itself,
/// and for temporary ones (RFC 8981), which the kernel makes itself. An error with code EEXIST if
/// the address is there already.
[[nodiscard]] Result<void> restore_address(Netlink& netlink, const LinkInfo& link,
                                           const SavedAddress& saved, std::chrono::seconds age);

}  // namespace lastmile
