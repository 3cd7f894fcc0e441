// The kernel's settings of an interface (/proc/sys/net/FAMILY/conf/NAME/KEY).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "drivers/driver_error.h"
#include "drivers/kernel/file_descriptor.h"

namespace lastmile {

enum class Family : std::uint8_t { kIpv4, kIpv6 };

/// One setting, for tables.
struct InterfaceSetting {
  Family family;
  std::string_view key;
  int value;
};

/// nullopt where this kernel has no such setting (IPv6 compiled or booted out, older kernel).
[[nodiscard]] std::optional<int> read_setting(const std::string& interface, Family family,
                                              std::string_view key);
[[nodiscard]] Result<void> write_setting(const std::string& interface,
                                         const InterfaceSetting& setting);
/// A setting that is open for writing: of the interface and the network namespace that it was
/// opened for, wherever the thread is when it writes.
class OpenSetting {
 public:
  /// nullopt where this kernel has no such setting, or it can't be written.
  [[nodiscard]] static std::optional<OpenSetting> open(const std::string& interface, Family family,
                                                       std::string_view key);
  [[nodiscard]] Result<void> write(int value) const;

 private:
  OpenSetting(std::string path, FileDescriptor file)
      : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  FileDescriptor file_;
};
/// Writes all of them; settings that this kernel does not know are passed over.
[[nodiscard]] Result<void> write_settings(const std::string& interface,
                                          std::span<const InterfaceSetting> settings);

}  // namespace lastmile
