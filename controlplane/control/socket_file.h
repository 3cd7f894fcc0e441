// The Unix socket's place in the file system: claimed for one instance, given up at exit.
//
// A socket file that a dead instance left behind is replaced; that of a live one is an error. Two
// instances that start at the same time can't both win: the directory is locked meanwhile. The file
// appears under its name only when it listens and has its owner and mode.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include <tl/expected.hpp>

namespace lastmile {

/// Who may connect, as far as the file says it.
enum class SocketDoor : std::uint8_t {
  kGroup,     ///< the owner, and members of the group if there is one
  kEveryone,  ///< everybody: the server looks at who it is
};

/// A group's number. `key`: what names it in "control", for the error, which is one line.
[[nodiscard]] tl::expected<gid_t, std::string> group_id(const std::string& path,
                                                        const std::string& name,
                                                        const std::string& key = "group");

class SocketFile {
 public:
  /// `group`: its members may connect (mode 0660); empty: only the owner (0600). A missing last
  /// directory of the path is made. The error is one line that names the path and the reason.
  [[nodiscard]] static tl::expected<SocketFile, std::string> claim(
      const std::string& path, const std::string& group, SocketDoor door = SocketDoor::kGroup);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  /// Removes the file if it is still ours. A descriptor that was not released is closed.
  ~SocketFile();

  /// The listening, non-blocking socket; from now on the caller's.
  [[nodiscard]] int release();
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  SocketFile(std::string path, int descriptor, dev_t device, ino_t inode)
      : path_(std::move(path)), descriptor_(descriptor), device_(device), inode_(inode) {}

  std::string path_;  ///< empty: moved from
  int descriptor_;    ///< -1: released
  dev_t device_;
  ino_t inode_;
};

}  // namespace lastmile
