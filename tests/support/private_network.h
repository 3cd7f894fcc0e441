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

/// Repeats a shell command until it succeeds; false if it has not within ten seconds. The kernel
/// tells of a new carrier and of an address up to a second late: a test that sends once must wait
/// for both.
inline bool eventually(const std::string& command) {
  for (int attempt = 0; attempt < 1000; ++attempt) {
    if (shell(command)) return true;
    usleep(10'000);
  }
  return false;
}

}  // namespace lastmile::test
