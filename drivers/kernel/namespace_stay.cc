#include "drivers/kernel/namespace_stay.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "logging/log.h"

namespace lastmile {
namespace {

constexpr const char* kNames = "/run/netns";

FileDescriptor open_namespace(const std::string& path) {
  return FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

}  // namespace

bool NamespaceStay::is_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && name != "." && name != ".." &&
         name.find('/') == std::string_view::npos;
}

Result<NamespaceStay> NamespaceStay::enter(const std::string& name) {
  if (!is_name(name)) {
    return failure(fmt::format("'{}' is not a name for a network namespace", name), EINVAL);
  }
  const FileDescriptor target = open_namespace(fmt::format("{}/{}", kNames, name));
  if (!target && errno == ENOENT) {
    return failure(fmt::format("there is no network namespace '{}'; expected one of those that "
                               "`ip netns` lists (ip netns add {})",
                               name, name),
                   ENOENT);
  }
  if (!target) {
    const int code = errno;
    return failure(fmt::format("network namespace '{}': {}", name, std::strerror(code)), code);
  }
  return enter(target, fmt::format("network namespace '{}'", name));
}

Result<NamespaceStay> NamespaceStay::enter(const FileDescriptor& target, const std::string& what) {
  FileDescriptor origin = open_namespace("/proc/thread-self/ns/net");
  if (!origin || ::setns(target.get(), CLONE_NEWNET) < 0) {
    const int code = errno;
    // EINVAL: a file that a name stands for, but no namespace (its mount is gone).
    return failure(
        fmt::format("cannot enter {}: {}{}", what, std::strerror(code),
                    code == EPERM    ? " (needs root, or CAP_SYS_ADMIN)"
                    : code == EINVAL ? "; expected one that `ip netns` made, not a plain file"
                                     : ""),
        code);
  }
  return NamespaceStay(std::move(origin));
}

Result<NamespaceStay> NamespaceStay::enter(const FileDescriptor& target) {
  return enter(target, "a network namespace");
}

NamespaceStay::~NamespaceStay() {
  if (!origin_ || ::setns(origin_.get(), CLONE_NEWNET) == 0) return;
  log::critical("cannot return to the network namespace of before: {}", std::strerror(errno));
  std::abort();
}

}  // namespace lastmile
