// Which of root's capabilities a running router still needs, and what for. One table: the drop
// (privileges.h) keeps these and no other, `lastmile show privileges` names them, and
// docs/security.md shows it.
//
// What a router does only while it starts is not here: it opens its devices and raw sockets, makes
// its network namespace (CAP_SYS_ADMIN), binds BGP's port (CAP_NET_BIND_SERVICE), locks and maps
// memory (CAP_IPC_LOCK, CAP_SYS_RAWIO). Workers get their scheduling by limits that the start has
// raised (CAP_SYS_NICE).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lastmile {

/// Kinds of devices that need more than others do, of a configuration.
struct DeviceNeeds {
  bool af_xdp = false;  ///< some port is an AF_XDP socket
};

/// What a row of a table of privileges is for.
enum class NeededBy : std::uint8_t {
  kEveryRouter,
  kAfXdp,       ///< DeviceNeeds::af_xdp
  kHomeThread,  ///< by the one thread that opens devices while the router runs (home_thread.h)
};
[[nodiscard]] bool is_needed(NeededBy by, const DeviceNeeds& devices);

struct KeptCapability {
  unsigned number;        ///< as in linux/capability.h
  std::string_view name;  ///< "CAP_NET_ADMIN"
  NeededBy by;
  std::string_view why;
};
[[nodiscard]] std::span<const KeptCapability> kept_capabilities();

/// A set of capabilities as the kernel shows it in /proc/PID/status: one bit for each.
using CapabilitySet = std::uint64_t;

[[nodiscard]] CapabilitySet capabilities_needed(const DeviceNeeds& devices);
/// Those, and what the home thread needs besides.
[[nodiscard]] CapabilitySet capabilities_of_home_thread(const DeviceNeeds& devices);

/// "CAP_NET_ADMIN", in the order of their numbers; one that this program has no name for is
/// "CAP_41".
[[nodiscard]] std::vector<std::string> capability_names(CapabilitySet set);

}  // namespace lastmile
