// The kernel's settings of an interface (/proc/sys/net/FAMILY/conf/NAME/KEY).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "dataplane/net/file_descriptor.h"
#include "drivers/driver_error.h"

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
/// The settings of a family's interfaces in the network namespace that they were opened in,
/// wherever the thread is when it writes, and whatever an interface is called by then.
class OpenSettings {
 public:
  /// nullopt where this kernel has none.
  [[nodiscard]] static std::optional<OpenSettings> open(Family family);
  [[nodiscard]] Result<void> write(const std::string& interface, std::string_view key,
                                   int value) const;

 private:
  explicit OpenSettings(FileDescriptor folder) : folder_(std::move(folder)) {}
  FileDescriptor folder_;
};
/// Writes all of them; settings that this kernel does not know are passed over.
[[nodiscard]] Result<void> write_settings(const std::string& interface,
                                          std::span<const InterfaceSetting> settings);

}  // namespace lastmile
