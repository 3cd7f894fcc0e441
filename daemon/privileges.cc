#include "daemon/privileges.h"

#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "controlplane/config/account.h"
#include "daemon/leak_sanitizer.h"
#include "daemon/system_calls.h"
#include "drivers/kernel/folder.h"

namespace lastmile {
namespace {

tl::unexpected<std::string> cannot_drop(std::string_view what) {
  return tl::unexpected(fmt::format("cannot drop privileges: {}: {}", what, std::strerror(errno)));
}

/// A worker may go before other threads without a capability for it, as far as dataplane.scheduling
/// wants (dataplane/worker/idle.h).
void allow_scheduling() {
  constexpr rlim_t kNice = 20 - -10;
  for (const auto& [resource, wanted] :
       {std::pair{RLIMIT_NICE, kNice}, std::pair{RLIMIT_RTPRIO, rlim_t{1}}}) {
    rlimit limit{};
    if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur >= wanted) continue;
    limit.rlim_cur = wanted;
    limit.rlim_max = std::max(limit.rlim_max, wanted);
    // Refused: the workers say so themselves, if it matters.
    static_cast<void>(::setrlimit(resource, &limit));
  }
}

/// What a program could gain when it is run. Programs gain nothing here anyway ("no new
/// privileges"): where this is refused for want of CAP_SETPCAP nothing is lost.
void empty_bounding_set() {
  for (unsigned long number = 0; ::prctl(PR_CAPBSET_READ, number, 0, 0, 0) >= 0; ++number) {
    ::prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
  }
}

tl::expected<void, std::string> keep_only(CapabilitySet kept) {
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return cannot_drop("capabilities");
  for (std::size_t word = 0; word < sets.size(); ++word) {
    auto& set = sets.at(word);
    // One that the process was started without can't be kept.
    set.permitted &= static_cast<std::uint32_t>(kept >> (32 * word));
    set.effective = set.permitted;
    set.inheritable = 0;
  }
  if (::syscall(SYS_capset, &header, sets.data()) != 0) return cannot_drop("capabilities");
  return {};
}

/// The caller's threads have their PR_SET_KEEPCAPS.
tl::expected<void, std::string> become(const Account& account) {
  // The C library does these for all threads of the process.
  if (::setresgid(account.group, account.group, account.group) != 0 ||
      ::initgroups(account.name.c_str(), account.group) != 0) {
    return cannot_drop(fmt::format("groups of user {}", account.name));
  }
  if (::setresuid(account.user, account.user, account.user) != 0) {
    return cannot_drop(fmt::format("to user {}", account.name));
  }
  // Who was root leaves no core behind that others of the new user could read, and none of them
  // may look into its memory: the kernel sees to both, and LeakSanitizer can't do with it.
  if (kLeakSanitizer) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  return {};
}

using Step = std::function<tl::expected<void, std::string>()>;

/// On the home thread, if there is one.
tl::expected<void, std::string> on_home_thread(const PrivilegeOptions& options, const Step& step) {
  tl::expected<void, std::string> done;
  if (options.home_thread) options.home_thread([&] { done = step(); });
  return done;
}

/// What the kernel knows of each thread is done on both that keep something.
tl::expected<void, std::string> on_each_thread(const PrivilegeOptions& options, const Step& step) {
  auto there = on_home_thread(options, step);
  return there ? step() : there;
}

/// To another user on all threads, with a few capabilities on those that keep some.
tl::expected<void, std::string> become_keeping(const PrivilegeOptions& options,
                                               const Account& account, CapabilitySet kept) {
  auto prepared = on_each_thread(options, []() -> tl::expected<void, std::string> {
    empty_bounding_set();
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return cannot_drop("capabilities can't be kept");
    return {};
  });
  if (!prepared) return prepared;
  if (auto changed = become(account); !changed) return changed;
  const auto keep = [](CapabilitySet set) {
    ::prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    return keep_only(set);
  };
  auto there =
      on_home_thread(options, [&] { return keep(capabilities_of_home_thread(options.devices)); });
  return there ? keep(kept) : there;
}

/// Whom to become; nothing: nobody else, and `why` says why.
tl::expected<std::optional<Account>, std::string> successor(const SystemConfig& system,
                                                            std::string& why) {
  const std::string name = system.user.empty() ? kDefaultUser : system.user;
  auto account = account_named(name);
  if (!account && !system.user.empty()) {
    return tl::unexpected(
        fmt::format("there is no user \"{}\"; make it (useradd --system --user-group {}) or change "
                    "\"user\" in \"system\"",
                    name, name));
  }
  if (::geteuid() != 0) {
    if (account && !system.user.empty() && account->user != ::geteuid()) {
      return tl::unexpected(
          fmt::format("cannot become user {}: started as user {}; start it as root, or as {}", name,
                      ::geteuid(), name));
    }
    why = fmt::format("it was started as user {}", ::geteuid());
    return std::nullopt;
  }
  if (!account) {
    why = fmt::format("there is no user \"{}\" to become (useradd --system --user-group {})", name,
                      name);
    return std::nullopt;
  }
  if (account->user == 0) {
    why = "system.user says root";
    return std::nullopt;
  }
  return account;
}

std::string said_of(SystemCalls use) {
  switch (use) {
    case SystemCalls::kFiltered:
      return "system calls are filtered";
    case SystemCalls::kLogged:
      return "system calls that a filter would refuse are logged by the kernel";
    case SystemCalls::kAny:
      break;
  }
  return "system calls are not filtered";
}

/// What can't be given stays: then it is not removed at the end, and in nobody's way.
void give(const std::string& path, uid_t user, gid_t group) {
  if (::lchown(path.c_str(), user, group) != 0) return;
}

}  // namespace

void hand_over(const std::string& folder, const NewOwner& owner) {
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0 || status.st_uid != owner.from) return;
  if (!S_ISDIR(status.st_mode)) return;
  // What is inside first: as long as the folder is not theirs nobody exchanges it meanwhile.
  for (const std::string& name : names_in(folder)) {
    const std::string path = folder + "/" + name;
    if (::lstat(path.c_str(), &status) != 0 || status.st_uid != owner.from) continue;
    if (S_ISDIR(status.st_mode)) {
      hand_over(path, owner);
      continue;
    }
    // A socket's group says who may use it.
    give(path, owner.user, S_ISSOCK(status.st_mode) ? status.st_gid : owner.group);
  }
  give(folder, owner.user, owner.group);
}

tl::expected<std::string, std::string> drop_privileges(const PrivilegeOptions& options) {
  std::string why;
  const auto account = successor(options.system, why);
  if (!account) return tl::unexpected(account.error());
  std::string done;
  if (*account) {
    const CapabilitySet kept = capabilities_needed(options.devices);
    for (const std::string& folder : options.hand_over) {
      hand_over(folder, {.from = 0, .user = (*account)->user, .group = (*account)->group});
    }
    allow_scheduling();
    if (auto changed = become_keeping(options, **account, kept); !changed) {
      return tl::unexpected(changed.error());
    }
    if (::setuid(0) == 0) return tl::unexpected<std::string>("the way back to root is still open");
    done = fmt::format("runs as user {} ({}) with {} and no other capability", (*account)->name,
                       (*account)->user, fmt::join(capability_names(kept), ", "));
    if (options.home_thread) {
      const CapabilitySet more = capabilities_of_home_thread(options.devices) & ~kept;
      done += fmt::format(" (but for {} on the thread that opens devices)",
                          fmt::join(capability_names(more), ", "));
    }
  } else {
    done = fmt::format("keeps the user and the capabilities that it has: {}", why);
  }
  const auto no_new = on_each_thread(options, []() -> tl::expected<void, std::string> {
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return cannot_drop("no new privileges");
    return {};
  });
  if (!no_new) return tl::unexpected(no_new.error());
  if (options.system.system_calls != SystemCalls::kAny) {
    if (auto set = filter_system_calls(options.system.system_calls, options.devices); !set) {
      return tl::unexpected(set.error());
    }
  }
  return fmt::format("{}; {}", done, said_of(options.system.system_calls));
}

}  // namespace lastmile
