#include "drivers/kernel/sysctl.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "dataplane/net/file_descriptor.h"

namespace lastmile {
namespace {

const char* folder_of(Family family) {
  return family == Family::kIpv4 ? "/proc/sys/net/ipv4/conf" : "/proc/sys/net/ipv6/conf";
}

std::string path_of(const std::string& interface, Family family, std::string_view key) {
  return fmt::format("{}/{}/{}", folder_of(family), interface, key);
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

std::optional<OpenSettings> OpenSettings::open(Family family) {
  FileDescriptor folder(::open(folder_of(family), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return std::nullopt;
  return OpenSettings(std::move(folder));
}

Result<void> OpenSettings::write(const std::string& interface, std::string_view key,
                                 int value) const {
  const std::string path = fmt::format("{}/{}", interface, key);
  const FileDescriptor file(::openat(folder_.get(), path.c_str(), O_WRONLY | O_CLOEXEC));
  const std::string text = std::to_string(value);
  if (file && ::write(file.get(), text.data(), text.size()) >= 0) return {};
  const int code = errno;
  return failure(fmt::format("cannot write {} to {}: {}", text, path, std::strerror(code)), code);
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
