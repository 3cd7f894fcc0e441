// Tests that start DPDK or change the kernel's network run here: each in a process and a network
// namespace of its own, because DPDK starts once in a process and nothing may be left behind.
//
//   TEST(Port, ...) {
//     REQUIRE_ROOT();
//     in_own_world([] { ... EXPECT_...; });
//   }
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <functional>
#include <string>

namespace lastmile::test {

/// Runs `body` in a child with a fresh network namespace (loopback up); its gtest failures fail the
/// calling test. A child that takes longer than 60 seconds is killed.
void in_own_world(const std::function<void()>& body);

/// The same, but in the caller's network namespace and not waited for; the child stays until it is
/// killed or `body` returns.
[[nodiscard]] pid_t start_child(const std::function<void()>& body);
/// Exit status as from wait().
int wait_for(pid_t child);

/// Runs a shell command; its output, or "exit N: output" when it fails.
std::string shell(const std::string& command);

/// Polls until `done` is true, for 5 seconds at most; its last value.
bool eventually(const std::function<bool()>& done);

}  // namespace lastmile::test

#define REQUIRE_ROOT()                                                      \
  if (::geteuid() != 0) {                                                   \
    GTEST_SKIP() << "needs root: makes network namespaces and starts DPDK"; \
  }                                                                         \
  static_assert(true, "")
