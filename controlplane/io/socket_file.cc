#include "controlplane/io/socket_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>
#include <thread>
#include <vector>

namespace lastmile {
namespace {

tl::unexpected<std::string> failed(const SocketPlace& place, std::string_view what) {
  return tl::unexpected(fmt::format("{}: {}: {}", place.name(), what, std::strerror(errno)));
}

/// sockaddr_un of a path that is known to fit.
struct Address {
  sockaddr_un value{};
  explicit Address(const std::string& path) {
    value.sun_family = AF_UNIX;
    path.copy(value.sun_path, sizeof value.sun_path - 1);
  }
  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&value);  // the sockets API's own idiom
  }
};

int new_socket() {
  return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

/// Does anyone accept connections there? A full backlog (EAGAIN) is someone too.
bool answers(const std::string& path) {
  const FileDescriptor probe{new_socket()};
  const Address address{path};
  return ::connect(probe.get(), address.get(), sizeof address.value) == 0 ||
         (errno != ECONNREFUSED && errno != ENOENT);
}

/// Locks the directory so that only one instance at a time looks and acts. Others hold the lock for
/// milliseconds; whoever holds it longer is no instance of ours.
tl::expected<void, std::string> lock(int directory, const SocketPlace& place) {
  for (int attempt = 0; attempt < 50; ++attempt) {
    if (::flock(directory, LOCK_EX | LOCK_NB) == 0) return {};
    if (errno != EWOULDBLOCK) return failed(place, "its directory can't be locked");
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
  return failed(place, "its directory stays locked");
}

/// What stands at the path now: nothing, or a socket that nobody serves any more.
tl::expected<void, std::string> expect_free(const SocketPlace& place) {
  struct stat status {};
  if (::lstat(place.path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return failed(place, "can't be looked at");
  }
  if (!S_ISSOCK(status.st_mode)) {
    return tl::unexpected(
        fmt::format("{}: a file that is no socket has this name; remove it or choose another name",
                    place.name()));
  }
  if (answers(place.path)) {
    return tl::unexpected(
        fmt::format("{}: another instance is running; stop it or give this one another {}",
                    place.name(), place.key));
  }
  return {};
}

}  // namespace

std::string SocketPlace::name() const {
  return fmt::format("{} {}", what, path);
}

tl::expected<gid_t, std::string> group_id(const SocketPlace& place, const std::string& name,
                                          std::string_view key) {
  std::vector<char> buffer(16384);
  group entry{};
  group* found = nullptr;
  if (::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
      found == nullptr) {
    return tl::unexpected(fmt::format(
        "{}: there is no group \"{}\"; make it (groupadd --system {}) or change \"{}\" in "
        "\"control\"",
        place.name(), name, name, key));
  }
  return found->gr_gid;
}

tl::expected<SocketFile, std::string> SocketFile::claim(const SocketPlace& place,
                                                        const std::string& group, SocketDoor door) {
  const std::string& path = place.path;
  if (path.size() >= sizeof(sockaddr_un::sun_path)) {
    return tl::unexpected(fmt::format("{}: the path is longer than {} bytes", place.name(),
                                      sizeof(sockaddr_un::sun_path) - 1));
  }
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                                           : path.substr(0, slash);
  if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
    return failed(place, "its directory can't be made");
  }
  const FileDescriptor parent{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!parent) return failed(place, "its directory can't be opened");
  if (auto locked = lock(parent.get(), place); !locked) return tl::unexpected(locked.error());
  if (auto free = expect_free(place); !free) return tl::unexpected(free.error());

  FileDescriptor listener{new_socket()};
  if (!listener) return failed(place, "no socket");
  // Under the lock and beside the real name, so the name needs to be unique to us only; cut to fit.
  std::string temporary = fmt::format("{}/.{}", directory, ::getpid());
  if (temporary.size() >= sizeof(sockaddr_un::sun_path)) temporary = path;
  ::unlink(temporary.c_str());
  const Address address{temporary};
  // Its mode from the beginning: to a name in a folder that is not ours alone nothing is done later
  // that would follow a link.
  const mode_t kept_out = door == SocketDoor::kEveryone ? 0111 : group.empty() ? 0177 : 0117;
  const mode_t before = ::umask(kept_out);
  const bool bound = ::bind(listener.get(), address.get(), sizeof address.value) == 0;
  ::umask(before);  // leaves errno alone
  if (!bound) return failed(place, "can't be bound");
  const auto give_up = [&temporary](tl::unexpected<std::string> error) {
    ::unlink(temporary.c_str());
    return error;
  };
  if (!group.empty()) {
    const auto gid = group_id(place, group);
    if (!gid) return give_up(tl::unexpected(gid.error()));
    if (::lchown(temporary.c_str(), static_cast<uid_t>(-1), *gid) != 0) {
      return give_up(failed(place, fmt::format("can't be given to group \"{}\"", group)));
    }
  }
  struct stat status {};
  if (::listen(listener.get(), SOMAXCONN) != 0 || ::lstat(temporary.c_str(), &status) != 0 ||
      ::rename(temporary.c_str(), path.c_str()) != 0) {
    return give_up(failed(place, "can't be set up"));
  }
  return SocketFile{path, std::move(listener), status.st_dev, status.st_ino};
}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      listener_(std::move(other.listener_)),
      device_(other.device_),
      inode_(other.inode_) {}

SocketFile::~SocketFile() {
  if (path_.empty()) return;
  struct stat status {};
  // A successor may have taken the name over after we stopped answering.
  if (::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

}  // namespace lastmile
