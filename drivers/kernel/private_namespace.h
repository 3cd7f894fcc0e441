// A network namespace that exists only as long as this process.
//
// The far ends of the pairs in exception/ live here, out of everybody's sight. The namespace has no
// name and no process in it; a file descriptor keeps it. When the process goes away, by whatever
// death, so does the namespace, and with it every pair: nothing is left behind in the kernel.
#pragma once

#include <functional>

#include "dataplane/net/file_descriptor.h"
#include "drivers/driver_error.h"

namespace lastmile {

class PrivateNamespace {
 public:
  [[nodiscard]] static Result<PrivateNamespace> create();

  /// Runs `work` on a thread that is inside the namespace and waits for it: sockets that it opens
  /// belong to the namespace for good, wherever they are used afterwards.
  [[nodiscard]] Result<void> run_inside(const std::function<Result<void>()>& work) const;

  [[nodiscard]] int fd() const { return fd_.get(); }

 private:
  explicit PrivateNamespace(FileDescriptor fd) : fd_(std::move(fd)) {}
  FileDescriptor fd_;
};

}  // namespace lastmile
