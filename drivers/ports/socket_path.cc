#include "drivers/ports/socket_path.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "dataplane/net/file_descriptor.h"

namespace lastmile {
namespace {

bool somebody_listens(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const FileDescriptor probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  const int connected = ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
                                  static_cast<socklen_t>(sizeof address));
  // Any other failure (a full backlog, a socket of another kind) is somebody's, too.
  return connected == 0 || errno != ECONNREFUSED;
}

}  // namespace

std::optional<std::string> listening_socket(const DeviceString& device) {
  if (device.is("net_vhost")) {
    if (device.argument("client") == "1") return std::nullopt;
    return device.argument("iface");
  }
  if (device.is("net_memif")) {
    const std::string role = device.argument("role").value_or("client");
    const bool server = role == "server" || role == "master";
    if (!server || device.argument("socket-abstract") != "no") return std::nullopt;
    return device.argument("socket");
  }
  return std::nullopt;
}

Result<void> make_room_for_socket(const std::string& path) {
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return failure(fmt::format("socket path '{}' is too long; expected at most {} bytes", path,
                               sizeof(sockaddr_un::sun_path) - 1),
                   ENAMETOOLONG);
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno != ENOENT) {
      return failure(fmt::format("socket {}: {}", path, std::strerror(errno)), errno);
    }
    const std::string folder = std::filesystem::path{path}.parent_path();
    if (!folder.empty() && ::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) {
      return failure(fmt::format("cannot make directory {}: {}", folder, std::strerror(errno)),
                     errno);
    }
    return {};
  }
  if (!S_ISSOCK(status.st_mode)) {
    return failure(fmt::format("{} is there and is no socket", path), EEXIST);
  }
  if (somebody_listens(path)) {
    return failure(fmt::format("somebody else listens on {}", path), EADDRINUSE);
  }
  if (::unlink(path.c_str()) != 0) {
    return failure(fmt::format("cannot remove the old socket {}: {}", path, std::strerror(errno)),
                   errno);
  }
  return {};
}

}  // namespace lastmile
