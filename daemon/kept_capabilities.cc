#include "daemon/kept_capabilities.h"

#include <fmt/format.h>
#include <linux/capability.h>

#include <algorithm>
#include <array>

namespace lastmile {
namespace {

constexpr std::array kKept{
    KeptCapability{CAP_NET_ADMIN, "CAP_NET_ADMIN", NeededBy::kEveryRouter,
                   "links, addresses and neighbors of twins, borrowed interfaces and lm0, which "
                   "change as ports do, and go back to what they were at the end"},
    KeptCapability{CAP_NET_RAW, "CAP_NET_RAW", NeededBy::kEveryRouter,
                   "flow rules of NICs whose driver asks the kernel for each one (mlx5), sockets "
                   "that are bound to a port's interface, and those of an af_packet port whose "
                   "interface is made again"},
    // The driver lets go of the interface at the end by bpf(2).
    KeptCapability{CAP_BPF, "CAP_BPF", NeededBy::kAfXdp,
                   "the program that an AF_XDP port has on its interface goes with it"},
    // Their driver locks them, and the limit for those who may not is a few of them.
    KeptCapability{CAP_IPC_LOCK, "CAP_IPC_LOCK", NeededBy::kHomeThread,
                   "rings of an af_packet port whose interface is made again"},
};

/// By number, as linux/capability.h has them.
constexpr std::array<std::string_view, CAP_LAST_CAP + 1> kCapabilityNames{
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};

template <class Wanted>
CapabilitySet set_of(Wanted wanted) {
  CapabilitySet set = 0;
  for (const KeptCapability& kept : kKept) {
    if (wanted(kept.by)) set |= CapabilitySet{1} << kept.number;
  }
  return set;
}

}  // namespace

bool is_needed(NeededBy by, const DeviceNeeds& devices) {
  return by == NeededBy::kEveryRouter || (by == NeededBy::kAfXdp && devices.af_xdp);
}

std::span<const KeptCapability> kept_capabilities() {
  return kKept;
}

CapabilitySet capabilities_needed(const DeviceNeeds& devices) {
  return set_of([&](NeededBy by) { return is_needed(by, devices); });
}

CapabilitySet capabilities_of_home_thread(const DeviceNeeds& devices) {
  return capabilities_needed(devices) |
         set_of([](NeededBy by) { return by == NeededBy::kHomeThread; });
}

std::vector<std::string> capability_names(CapabilitySet set) {
  std::vector<std::string> names;
  for (unsigned number = 0; number < 64; ++number) {
    if ((set >> number & 1U) == 0) continue;
    names.push_back(number < kCapabilityNames.size() ? std::string{kCapabilityNames.at(number)}
                                                     : fmt::format("CAP_{}", number));
  }
  return names;
}

}  // namespace lastmile
