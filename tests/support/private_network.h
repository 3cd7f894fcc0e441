// A network namespace for one test process: everything made in it goes with the process.
#pragma once

#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace lastmile::test {

/// Moves the calling process into a new network namespace with `lo` up. False without the right to.
/// Call before any thread is started.
inline bool enter_private_network() {
  return geteuid() == 0 && unshare(CLONE_NEWNET) == 0 && std::system("ip link set lo up") == 0;
}

/// Runs a shell command; true if it succeeded.
inline bool shell(const std::string& command) {
  return std::system(command.c_str()) == 0;
}

}  // namespace lastmile::test
