#include "drivers/kernel/private_namespace.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>

#include <cerrno>
#include <cstring>
#include <future>
#include <thread>

namespace lastmile {

Result<PrivateNamespace> PrivateNamespace::create() {
  FileDescriptor fd;
  int code = 0;
  // unshare() moves the calling thread, so it is done on one that ends right away.
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) == 0) {
      fd = FileDescriptor(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    }
    if (!fd) code = errno;
  }).join();
  if (!fd) {
    return failure(
        fmt::format("cannot create a network namespace for the exception path: {}{}",
                    std::strerror(code), code == EPERM ? " (needs root, or CAP_SYS_ADMIN)" : ""),
        code);
  }
  return PrivateNamespace(std::move(fd));
}

Result<void> PrivateNamespace::run_inside(const std::function<Result<void>()>& work) const {
  // A thread of its own, which ends in that namespace; what `work` throws is thrown here.
  const auto inside = [&]() -> Result<void> {
    if (::setns(fd_.get(), CLONE_NEWNET) < 0) {
      const int code = errno;
      return failure(
          fmt::format("cannot enter the private network namespace: {}", std::strerror(code)), code);
    }
    return work();
  };
  return std::async(std::launch::async, inside).get();
}

}  // namespace lastmile
