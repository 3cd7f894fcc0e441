#include "daemon/system_calls.h"

#include <fmt/format.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "daemon/leak_sanitizer.h"

namespace lastmile {
namespace {

constexpr std::array kDenied{
    // other processes
    DeniedCall{"ptrace"},
    DeniedCall{"process_vm_readv"},
    DeniedCall{"process_vm_writev"},
    DeniedCall{"pidfd_getfd"},
    DeniedCall{"kcmp"},
    // mounts, roots and namespaces (with clone's flags, below)
    DeniedCall{"mount"},
    DeniedCall{"umount"},
    DeniedCall{"umount2"},
    DeniedCall{"move_mount"},
    DeniedCall{"open_tree"},
    DeniedCall{"fsopen"},
    DeniedCall{"fspick"},
    DeniedCall{"fsconfig"},
    DeniedCall{"fsmount"},
    DeniedCall{"mount_setattr"},
    DeniedCall{"pivot_root"},
    DeniedCall{"chroot"},
    DeniedCall{"setns"},
    DeniedCall{"unshare"},
    // the kernel itself
    DeniedCall{"init_module"},
    DeniedCall{"finit_module"},
    DeniedCall{"delete_module"},
    DeniedCall{"kexec_load"},
    DeniedCall{"kexec_file_load"},
    DeniedCall{"reboot"},
    DeniedCall{"syslog"},
    DeniedCall{"acct"},
    DeniedCall{"swapon"},
    DeniedCall{"swapoff"},
    DeniedCall{"quotactl"},
    DeniedCall{"quotactl_fd"},
    DeniedCall{"vhangup"},
    DeniedCall{"nfsservctl"},
    DeniedCall{"sethostname"},
    DeniedCall{"setdomainname"},
    // the clock
    DeniedCall{"settimeofday"},
    DeniedCall{"clock_settime"},
    DeniedCall{"clock_settime64"},
    DeniedCall{"clock_adjtime"},
    DeniedCall{"clock_adjtime64"},
    DeniedCall{"adjtimex"},
    DeniedCall{"stime"},
    // large parts of the kernel that nothing here uses
    DeniedCall{"bpf", NeededBy::kAfXdp},
    DeniedCall{"perf_event_open"},
    DeniedCall{"userfaultfd"},
    DeniedCall{"io_uring_setup"},
    DeniedCall{"io_uring_enter"},
    DeniedCall{"io_uring_register"},
    DeniedCall{"keyctl"},
    DeniedCall{"add_key"},
    DeniedCall{"request_key"},
    DeniedCall{"fanotify_init"},
    DeniedCall{"open_by_handle_at"},
    DeniedCall{"name_to_handle_at"},
    DeniedCall{"lookup_dcookie"},
    // old and odd ways around protections
    DeniedCall{"iopl"},
    DeniedCall{"ioperm"},
    DeniedCall{"modify_ldt"},
    DeniedCall{"vm86"},
    DeniedCall{"vm86old"},
    DeniedCall{"personality"},
    DeniedCall{"uselib"},
    DeniedCall{"ustat"},
    DeniedCall{"sysfs"},
    DeniedCall{"_sysctl"},
    DeniedCall{"remap_file_pages"},
};

// The last one is for AF_XDP ports only.
constexpr std::array kFamilies{AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_XDP};

/// New namespaces by clone(2); that bit of the kernel's which is no flag of clone but of clone3 is
/// denied with clone3 itself.
constexpr std::array<unsigned long, 7> kNamespaceFlags{CLONE_NEWNS,  CLONE_NEWCGROUP, CLONE_NEWUTS,
                                                       CLONE_NEWIPC, CLONE_NEWUSER,   CLONE_NEWPID,
                                                       CLONE_NEWNET};

// The kernel looks at the lower half of an int's register only, so the filter does, too.
constexpr scmp_datum_t kInt = 0xffffffff;

/// Rules on their way to the kernel; what went wrong first is what counts.
class Filter {
 public:
  explicit Filter(std::uint32_t otherwise) : context_(seccomp_init(otherwise)) {
    if (context_ == nullptr) error_ = ENOMEM;
  }

  void set(scmp_filter_attr attribute, std::uint32_t value) {
    if (good()) note(seccomp_attr_set(context_.get(), attribute, value));
  }
  template <class... Conditions>
  void deny(std::uint32_t action, const std::string& call, Conditions... conditions) {
    if (!good()) return;
    const int number = seccomp_syscall_resolve_name(call.c_str());
    // Newer than the library, or of another architecture: then nobody here can call it by name.
    if (number == __NR_SCMP_ERROR) return;
    constexpr unsigned kCount = sizeof...(conditions);
    const std::array<scmp_arg_cmp, kCount> list{conditions...};
    note(seccomp_rule_add_array(context_.get(), action, number, kCount, list.data()));
  }
  [[nodiscard]] tl::expected<void, std::string> load() {
    if (good()) note(seccomp_load(context_.get()));
    if (good()) return {};
    return tl::unexpected(
        fmt::format("cannot filter system calls: {}; \"system: {{system-calls: any}}\" does "
                    "without",
                    std::strerror(error_)));
  }

 private:
  [[nodiscard]] bool good() const { return error_ == 0; }
  void note(int result) {
    if (result < 0 && result != -EEXIST) error_ = -result;
  }

  struct Release {
    void operator()(void* context) const { seccomp_release(context); }
  };
  std::unique_ptr<void, Release> context_;
  int error_ = 0;
};

scmp_arg_cmp equal(unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void deny_families(Filter& filter, std::uint32_t action, const DeviceNeeds& devices) {
  const std::span<const int> allowed = allowed_families(devices);
  const int last = *std::ranges::max_element(allowed);
  for (int family = 0; family < last; ++family) {
    if (std::ranges::find(allowed, family) != allowed.end()) continue;
    filter.deny(action, "socket", equal(0, kInt, static_cast<scmp_datum_t>(family)));
  }
  // Whatever is in the register's upper half makes it greater, so nothing slips by.
  filter.deny(action, "socket", scmp_arg_cmp{0, SCMP_CMP_GT, static_cast<scmp_datum_t>(last), 0});
}

/// clone3 has its flags in memory, where no filter sees them. C libraries fall back to clone for a
/// kernel that has none. A filter of its own, because this one is not worth a line in the log.
tl::expected<void, std::string> hide_clone3() {
  Filter filter{SCMP_ACT_ALLOW};
  filter.set(SCMP_FLTATR_CTL_TSYNC, 1);
  filter.set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW);  // the other filter's business
  filter.deny(SCMP_ACT_ERRNO(ENOSYS), "clone3");
  return filter.load();
}

}  // namespace

std::span<const DeniedCall> denied_calls() {
  return kDenied;
}

std::span<const int> allowed_families(const DeviceNeeds& devices) {
  return std::span{kFamilies}.first(kFamilies.size() - (devices.af_xdp ? 0 : 1));
}

tl::expected<void, std::string> filter_system_calls(SystemCalls use, const DeviceNeeds& devices) {
  const bool refuse = use == SystemCalls::kFiltered;
  const auto instead = [refuse](int error) {
    return refuse ? SCMP_ACT_ERRNO(static_cast<unsigned>(error)) : SCMP_ACT_LOG;
  };
  Filter filter{SCMP_ACT_ALLOW};
  filter.set(SCMP_FLTATR_CTL_TSYNC, 1);
  filter.set(SCMP_FLTATR_CTL_LOG, 1);
  // Programs of another word size have other numbers for these calls.
  filter.set(SCMP_FLTATR_ACT_BADARCH, instead(EPERM));
  for (const DeniedCall& call : kDenied) {
    if (call.unless != NeededBy::kEveryRouter && is_needed(call.unless, devices)) continue;
    // How LeakSanitizer looks at its own process.
    if (kLeakSanitizer && call.name == "ptrace") continue;
    filter.deny(instead(EPERM), std::string{call.name});
  }
  for (const unsigned long flag : kNamespaceFlags) {
    filter.deny(instead(EPERM), "clone", equal(0, flag, flag));
  }
  // Puts characters into a terminal's input, as if its user had typed them.
  filter.deny(instead(EPERM), "ioctl", equal(1, kInt, TIOCSTI));
  deny_families(filter, instead(EAFNOSUPPORT), devices);
  if (auto loaded = filter.load(); !loaded) return loaded;
  return refuse ? hide_clone3() : tl::expected<void, std::string>{};
}

}  // namespace lastmile
