// What an interface was like before we guarded it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/net/mac.h"
#include "drivers/kernel/offloads.h"
#include "drivers/kernel/saved_address.h"

namespace lastmile {

struct GuardState {
  std::string owner;  ///< owner_mark() of the instance that guards it
  std::string interface;
  std::uint64_t network = 0;  ///< cookie of the network namespace that it is in
  unsigned index = 0;
  std::optional<MacAddress> mac;   ///< only if it was given another
  std::optional<MacAddress> seen;  ///< its address when the guard came
  std::uint32_t mtu = 0;
  bool was_up = false;
  bool took_all_multicast = false;
  std::optional<int> disable_ipv6;  ///< nullopt: the kernel has no IPv6
  std::vector<SavedAddress> addresses;
  std::chrono::seconds saved_at{0};   ///< since_boot() then
  std::vector<std::string> offloads;  ///< that were on
};

/// Reads the interface as it is now.
[[nodiscard]] Result<GuardState> observe_interface(Netlink& netlink, const std::string& interface);

/// The file that a state is kept in, /run/lastmile/guard/NAMESPACE-INDEX.json: gone with a reboot,
/// as are the things that it tells of. NAMESPACE is the network namespace's cookie, which no other
/// has had since the machine started; its inode number may be another's tomorrow. Without a
/// writable /run only the memory of this process knows; then a kill -9 leaves the interface as
/// guarded.
void keep_state(const GuardState& state);
/// What an earlier instance kept of the interface that is `now` like this, and did not come to
/// restore; nullopt if there is none.
[[nodiscard]] std::optional<GuardState> recall_state(const GuardState& now);
void forget_state(const GuardState& state);

}  // namespace lastmile
