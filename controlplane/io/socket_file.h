// A Unix socket's place in the file system: claimed for one instance, given up at exit.
//
// A socket file that a dead instance left behind is replaced; that of a live one is an error. Two
// instances that start at the same time can't both win: the directory is locked meanwhile. The file
// appears under its name only when it listens and has its owner and mode.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

#include "dataplane/net/file_descriptor.h"

namespace lastmile {

/// Who may connect, as far as the file says it.
enum class SocketDoor : std::uint8_t {
  kGroup,     ///< the owner, and members of the group if there is one
  kEveryone,  ///< everybody: the server looks at who it is
};

/// A socket's path, and what errors call it. They are one line: "control socket PATH: ...".
struct SocketPlace {
  std::string path;
  std::string_view what;  ///< "control socket"
  std::string_view key;   ///< what names the path in the configuration: "\"socket\" in \"control\""

  /// "control socket PATH".
  [[nodiscard]] std::string name() const;
};

/// The number of a group that may use a socket. `key`: what names the group in "control".
[[nodiscard]] tl::expected<gid_t, std::string> group_id(const SocketPlace& place,
                                                        const std::string& name,
                                                        std::string_view key = "group");

class SocketFile {
 public:
  /// `group`: its members may connect (mode 0660); empty: only the owner (0600). A missing last
  /// directory of the path is made. The error names the place and the reason.
  [[nodiscard]] static tl::expected<SocketFile, std::string> claim(
      const SocketPlace& place, const std::string& group, SocketDoor door = SocketDoor::kGroup);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  /// Removes the file if it is still ours. A descriptor that was not released is closed.
  ~SocketFile();

  /// The listening, non-blocking socket; from now on the caller's.
  [[nodiscard]] int release() { return listener_.release(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  SocketFile(std::string path, FileDescriptor listener, dev_t device, ino_t inode)
      : path_(std::move(path)), listener_(std::move(listener)), device_(device), inode_(inode) {}

  std::string path_;         ///< empty: moved from
  FileDescriptor listener_;  ///< none: released
  dev_t device_;
  ino_t inode_;
};

}  // namespace lastmile
