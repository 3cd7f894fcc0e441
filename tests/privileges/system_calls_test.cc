// The filter, as the kernel applies it.

#include "daemon/system_calls.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <seccomp.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <thread>

#include "daemon/leak_sanitizer.h"
#include "tests/privileges/in_child.h"

namespace lastmile {
namespace {

using test::in_child;

/// An error number by name as far as they matter here; "worked" without one.
std::string outcome(long result) {
  if (result >= 0) return "worked";
  switch (errno) {
    case EPERM:
      return "EPERM";
    case ENOSYS:
      return "ENOSYS";
    case EAFNOSUPPORT:
      return "EAFNOSUPPORT";
    default:
      return fmt::format("error {}", errno);
  }
}

std::string family(int which) {
  const int fd = ::socket(which, SOCK_RAW | SOCK_CLOEXEC, 0);
  const std::string said = outcome(fd);
  if (fd >= 0) ::close(fd);
  return said;
}

/// In a child with the filter.
std::string filtered(const std::function<std::string()>& work,
                     SystemCalls use = SystemCalls::kFiltered, DeviceNeeds devices = {}) {
  return in_child([&]() -> std::string {
    if (auto set = filter_system_calls(use, devices); !set) return set.error();
    return work();
  });
}

TEST(SystemCallsTable, NamesEachCallOnce) {
  std::set<std::string_view> names;
  for (const DeniedCall& call : denied_calls()) EXPECT_TRUE(names.insert(call.name).second);
}

TEST(SystemCalls, EachOfTheTableIsRefused) {
  // Arguments that no call does anything for.
  const std::string said = filtered([] {
    std::string wrong;
    for (const DeniedCall& call : denied_calls()) {
      const int number = seccomp_syscall_resolve_name(std::string{call.name}.c_str());
      if (number < 0 || (kLeakSanitizer && call.name == "ptrace")) continue;
      const std::string what = outcome(::syscall(number, -1L, -1L, -1L, -1L, -1L, -1L));
      if (what != "EPERM") wrong += fmt::format("{}: {}\n", call.name, what);
    }
    return wrong;
  });
  EXPECT_EQ(said, "");
}

TEST(SystemCalls, NamespacesAndTerminalsAreRefusedByArgument) {
  EXPECT_EQ(filtered([] {
              return outcome(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0L, 0L, 0L, 0L));
            }),
            "EPERM");
  EXPECT_EQ(filtered([] { return outcome(::syscall(SYS_clone3, nullptr, 0L)); }), "ENOSYS");
  EXPECT_EQ(filtered([] {
              char c = 'x';
              // The upper half is not the kernel's business, and must not be the filter's.
              return outcome(::syscall(SYS_ioctl, 0L, TIOCSTI | (1L << 32), &c));
            }),
            "EPERM");
}

TEST(SystemCalls, OnlyARoutersSocketFamiliesAreLeft) {
  EXPECT_EQ(filtered([] {
              std::string wrong;
              for (int which = 0; which < 64; ++which) {
                const auto allowed = allowed_families({});
                const bool expected = std::ranges::find(allowed, which) != allowed.end();
                const bool refused = family(which) == "EAFNOSUPPORT";
                if (expected == refused) wrong += fmt::format("{} ", which);
              }
              return wrong;
            }),
            "");
  EXPECT_EQ(filtered([] {
              return outcome(::syscall(SYS_socket, (1L << 32) | AF_ALG, SOCK_SEQPACKET, 0L));
            }),
            "EAFNOSUPPORT");
}

TEST(SystemCalls, AnAfXdpPortNeedsMore) {
  const auto bpf = [] { return outcome(::syscall(SYS_bpf, -1L, nullptr, 0L)); };
  EXPECT_EQ(filtered(bpf), "EPERM");
  EXPECT_NE(filtered(bpf, SystemCalls::kFiltered, {.af_xdp = true}), "EPERM");
  EXPECT_EQ(allowed_families({.af_xdp = true}).back(), AF_XDP);
}

TEST(SystemCalls, ThreadsAndProgramsStillStart) {
  EXPECT_EQ(filtered([]() -> std::string {
              bool ran = false;
              std::thread{[&ran] { ran = true; }}.join();
              if (!ran) return "no thread";
              pid_t pid = 0;
              char name[] = "/bin/sh";
              char option[] = "-c";
              char script[] = "test \"$(echo here)\" = here";
              char* arguments[] = {name, option, script, nullptr};
              if (posix_spawn(&pid, name, nullptr, nullptr, arguments, environ) != 0) return "no";
              int status = 0;
              ::waitpid(pid, &status, 0);
              return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? "both" : "no program";
            }),
            "both");
}

TEST(SystemCalls, HoldsForThreadsThatWereThereBefore) {
  EXPECT_EQ(in_child([]() -> std::string {
              test::EarlyThread early;
              if (auto set = filter_system_calls(SystemCalls::kFiltered, {}); !set) {
                return set.error();
              }
              std::string said;
              early.run([&] {
                said = fmt::format("{} {}", outcome(::syscall(SYS_personality, 0xffffffffL)),
                                   ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
              });
              return said;
            }),
            "EPERM 1");
}

TEST(SystemCalls, LoggedIsNotRefused) {
  EXPECT_EQ(filtered([] { return outcome(::syscall(SYS_personality, 0xffffffffL)); },
                     SystemCalls::kLogged),
            "worked");
}

}  // namespace
}  // namespace lastmile
