// The directory in which DPDK keeps a process's telemetry socket: one for each instance, gone with
// it.
#pragma once

#include <string>

#include "dataplane/net/file_descriptor.h"
#include "drivers/driver_error.h"

namespace lastmile {

/// Creates `BASE/dpdk/NAME-PID` and holds a lock on it; removes it at the end. Before that, removes
/// directories `NAME-*` that nobody holds a lock on: their instances were killed.
class RuntimeDirectory {
 public:
  RuntimeDirectory() = default;
  [[nodiscard]] static Result<RuntimeDirectory> create(const std::string& name);

  RuntimeDirectory(RuntimeDirectory&& other) noexcept = default;
  RuntimeDirectory& operator=(RuntimeDirectory&& other) noexcept;
  RuntimeDirectory(const RuntimeDirectory&) = delete;
  RuntimeDirectory& operator=(const RuntimeDirectory&) = delete;
  ~RuntimeDirectory();

  [[nodiscard]] const std::string& path() const { return path_; }
  /// The last component: what DPDK calls the file prefix.
  [[nodiscard]] std::string prefix() const { return path_.substr(path_.rfind('/') + 1); }

 private:
  RuntimeDirectory(std::string path, FileDescriptor lock)
      : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  FileDescriptor lock_;
};

}  // namespace lastmile
