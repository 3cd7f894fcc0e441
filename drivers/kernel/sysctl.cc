#include "drivers/kernel/sysctl.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "drivers/kernel/file_descriptor.h"

namespace lastmile {
namespace {

std::string path_of(const std::string& interface, Family family, std::string_view key) {
  return fmt::format("/proc/sys/net/{}/conf/{}/{}", family == Family::kIpv4 ? "ipv4" : "ipv6",
                     interface, key);
}

}  // namespace

std::optional<int> read_setting(const std::string& interface, Family family, std::string_view key) {
  const FileDescriptor file(::open(path_of(interface, family, key).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  char text[32];
  const ssize_t length = ::read(file.get(), text, sizeof text);
  int value = 0;
  if (length <= 0 || std::from_chars(text, text + length, value).ec != std::errc{}) {
    return std::nullopt;
  }
  return value;
}

Result<void> write_setting(const std::string& interface, const InterfaceSetting& setting) {
  const std::string path = path_of(interface, setting.family, setting.key);
  const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(setting.value);
  if (!file || ::write(file.get(), text.data(), text.size()) < 0) {
    const int code = errno;
    return failure(fmt::format("cannot write {} to {}: {}", text, path, std::strerror(code)), code);
  }
  return {};
}

std::optional<OpenSetting> OpenSetting::open(const std::string& interface, Family family,
                                             std::string_view key) {
  std::string path = path_of(interface, family, key);
  FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  return OpenSetting(std::move(path), std::move(file));
}

Result<void> OpenSetting::write(int value) const {
  const std::string text = std::to_string(value);
  if (::pwrite(file_.get(), text.data(), text.size(), 0) >= 0) return {};
  const int code = errno;
  return failure(fmt::format("cannot write {} to {}: {}", text, path_, std::strerror(code)), code);
}

Result<void> write_settings(const std::string& interface,
                            std::span<const InterfaceSetting> settings) {
  for (const InterfaceSetting& setting : settings) {
    const auto written = write_setting(interface, setting);
    if (!written && written.error().code != ENOENT) return written;
  }
  return {};
}

}  // namespace lastmile
