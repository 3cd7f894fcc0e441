#include "drivers/eal/machine.h"

#include <fmt/format.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <string_view>

#include "drivers/kernel/folder.h"

namespace lastmile {
namespace {

std::size_t read_number(const std::string& path) {
  std::size_t value = 0;
  std::ifstream(path) >> value;
  return value;
}

}  // namespace

std::size_t free_hugepage_bytes() {
  const std::string sizes = "/sys/kernel/mm/hugepages/";
  constexpr std::string_view kPrefix = "hugepages-";
  std::size_t total = 0;
  for (const std::string& size : names_in(sizes)) {  // "hugepages-2048kB"
    if (!size.starts_with(kPrefix)) continue;
    const std::size_t kilobytes = std::strtoul(size.c_str() + kPrefix.size(), nullptr, 10);
    const std::size_t free = read_number(sizes + size + "/free_hugepages");
    const std::size_t reserved = read_number(sizes + size + "/resv_hugepages");
    total += (free - std::min(free, reserved)) * kilobytes * 1024;
  }
  return total;
}

std::size_t total_memory_bytes() {
  struct sysinfo info {};
  return ::sysinfo(&info) == 0 ? std::size_t{info.totalram} * info.mem_unit : 0;
}

std::string allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return "0";
  std::string text;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    unsigned last = cpu;
    while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, &set)) ++last;
    if (!text.empty()) text += ',';
    text += last == cpu ? fmt::format("{}", cpu) : fmt::format("{}-{}", cpu, last);
    cpu = last;
  }
  return text;
}

Result<void> check_privileges() {
  struct Needed {
    unsigned capability;
    std::string_view name;
  };
  constexpr std::array kNeeded = {
      Needed{CAP_NET_ADMIN, "CAP_NET_ADMIN"},
      Needed{CAP_NET_RAW, "CAP_NET_RAW"},
      Needed{CAP_SYS_ADMIN, "CAP_SYS_ADMIN"},
  };
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return {};  // then let the kernel refuse
  for (const Needed& needed : kNeeded) {
    const std::uint32_t effective = sets.at(needed.capability / 32).effective;
    if ((effective & (1U << needed.capability % 32)) == 0) {
      return failure(
          fmt::format("needs root ({} is missing): start it with sudo or by systemd", needed.name),
          EPERM);
    }
  }
  return {};
}

}  // namespace lastmile
