// From root to a user with next to nothing, once everything is open and before the first packet.
//
//   auto dropped = drop_privileges({.system = config.system, .devices = {...}, .hand_over =
//   {...}}); if (!dropped) die(dropped.error()); log::info("{}", *dropped);
//
// Afterwards every thread of the process, also those that DPDK started before, is of that user and
// of its groups, can't gain privileges by what it runs, and has its system calls filtered
// (system_calls.h). The calling thread, those that it starts later and the one that opens devices
// (home_thread.h) keep a few capabilities (kept_capabilities.h); DPDK's own helpers keep none,
// which the kernel sees to when a thread ceases to be root.
//
// Without such a user (a lab, a first try) it stays who it was, with its capabilities: to take them
// from some threads while others of the same process keep them would protect from nothing.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/config/config.h"
#include "daemon/kept_capabilities.h"

namespace lastmile {

struct PrivilegeOptions {
  SystemConfig system;
  DeviceNeeds devices;
  /// Folders that become the user's with all that is in them, as far as they are root's now: what
  /// the router has to change or remove later.
  std::vector<std::string> hand_over;
  /// Runs a function on the home thread, which keeps something as well, and waits for it; empty:
  /// there is no such thread.
  std::function<void(const std::function<void()>&)> home_thread{};
};

/// What was done, as a line for the log; the error is a sentence. Control thread, once, before it
/// starts the others.
[[nodiscard]] tl::expected<std::string, std::string> drop_privileges(
    const PrivilegeOptions& options);

struct NewOwner {
  unsigned from;  ///< whose it has to be now
  unsigned user, group;
};
/// Gives a folder and what is in it, folders of others left out, to another user. Links are not
/// followed. What can't be given stays as it is.
void hand_over(const std::string& folder, const NewOwner& owner);

}  // namespace lastmile
