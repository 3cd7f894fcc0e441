#include "daemon/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>

namespace lastmile {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// $WATCHDOG_USEC, if it is meant for this process.
std::chrono::microseconds watchdog_patience() {
  const std::string pid = environment("WATCHDOG_PID");
  if (!pid.empty() && number(pid) != static_cast<std::uint64_t>(::getpid())) return {};
  return std::chrono::microseconds{
      static_cast<std::int64_t>(number(environment("WATCHDOG_USEC")).value_or(0))};
}

}  // namespace

ServiceManager::ServiceManager()
    : socket_(environment("NOTIFY_SOCKET")), patience_(watchdog_patience()) {
  if (!socket_.empty()) {
    descriptor_ = FileDescriptor(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  }
}

void ServiceManager::say(std::string_view state) const {
  sockaddr_un address{};
  if (!descriptor_ || socket_.size() >= sizeof address.sun_path) return;
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, sizeof address.sun_path - 1);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  ::sendto(descriptor_.get(), state.data(), state.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), length);  // the sockets API's own idiom
}

}  // namespace lastmile
