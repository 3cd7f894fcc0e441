#include "drivers/eal/runtime_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "drivers/kernel/folder.h"
#include "logging/log.h"

namespace lastmile {
namespace {

namespace fs = std::filesystem;

// Where DPDK itself would look (systemd's RuntimeDirectory= first).
std::string base_directory() {
  if (const char* given = std::getenv("RUNTIME_DIRECTORY")) return given;
  if (::getuid() == 0) return "/var/run";
  const char* user = std::getenv("XDG_RUNTIME_DIR");
  return user != nullptr ? user : "/tmp";
}

// Never by a link: the user that earlier instances became (daemon/privileges.h) could make one.
FileDescriptor open_directory(const std::string& path) {
  return FileDescriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

// False: somebody else's, and stays so. What earlier instances handed to their user is root's again
// until this one does the same, and nobody but root writes there meanwhile.
bool take_over(const FileDescriptor& directory) {
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0) return false;
  if (::geteuid() != 0) return status.st_uid == ::geteuid() || status.st_uid == 0;
  if (status.st_uid != 0 && ::fchown(directory.get(), 0, 0) != 0) return false;
  constexpr mode_t kOthersWrite = S_IWGRP | S_IWOTH;
  return (status.st_mode & kOthersWrite) == 0 ||
         ::fchmod(directory.get(), status.st_mode & ALLPERMS & ~kOthersWrite) == 0;
}

// What is in it is removed and made as root: it has to stand where it seems to. (What it stands in
// is root's: systemd sees to that at each start.)
Result<void> make_parent(const std::string& parent) {
  std::error_code error;
  fs::create_directories(parent, error);
  const FileDescriptor directory = open_directory(parent);
  if (!directory) {
    const int code = error ? error.value() : errno;
    // ENOTDIR or EEXIST, which would not help whoever looks.
    if (fs::is_symlink(fs::symlink_status(parent, error))) {
      return failure(fmt::format("{} is a link, and not followed; remove it", parent), ELOOP);
    }
    return failure(fmt::format("cannot create {}: {}", parent, std::strerror(code)), code);
  }
  if (take_over(directory)) return {};
  return failure(fmt::format("{} is another user's; remove it", parent), EPERM);
}

// The lock of a directory, or nothing if somebody holds it.
FileDescriptor lock(const std::string& path) {
  FileDescriptor fd = open_directory(path);
  if (fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) < 0) return {};
  return fd;
}

bool is_still_at(const FileDescriptor& fd, const std::string& path) {
  struct stat held {};
  struct stat there {};
  return ::fstat(fd.get(), &held) == 0 && ::lstat(path.c_str(), &there) == 0 &&
         held.st_ino == there.st_ino && held.st_dev == there.st_dev;
}

void remove_stale(const std::string& parent, const std::string& name) {
  for (const std::string& leaf : names_in(parent)) {
    if (!leaf.starts_with(name + "-")) continue;
    if (leaf.find_first_not_of("0123456789", name.size() + 1) != std::string::npos) continue;
    const std::string path = parent + "/" + leaf;
    if (const FileDescriptor held = lock(path)) {
      std::error_code error;
      fs::remove_all(path, error);
      if (error) {
        log::warn("cannot remove {}: {}", path, error.message());
      } else {
        log::debug("removed {}, left behind by an instance that was killed", path);
      }
    }
  }
}

}  // namespace

Result<RuntimeDirectory> RuntimeDirectory::create(const std::string& name) {
  const std::string parent = base_directory() + "/dpdk";
  if (auto made = make_parent(parent); !made) return tl::unexpected(made.error());
  remove_stale(parent, name);
  const std::string path = fmt::format("{}/{}-{}", parent, name, ::getpid());
  // Another instance that is starting may take our directory for a stale one between mkdir and
  // lock; then it is gone from its place, and we try again.
  for (int attempt = 0; attempt < 10; ++attempt) {
    if (::mkdir(path.c_str(), 0700) < 0 && errno != EEXIST) {
      return failure(fmt::format("cannot create {}: {}", path, std::strerror(errno)), errno);
    }
    FileDescriptor held = lock(path);
    if (held && is_still_at(held, path)) return RuntimeDirectory(path, std::move(held));
  }
  return failure(fmt::format("cannot lock {}: it is in use", path), EWOULDBLOCK);
}

RuntimeDirectory& RuntimeDirectory::operator=(RuntimeDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

RuntimeDirectory::~RuntimeDirectory() {
  if (!lock_) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace lastmile
