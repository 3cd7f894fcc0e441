#include "drivers/kernel/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "dataplane/net/file_descriptor.h"

namespace lastmile {

std::optional<std::string> read_regular_file(const std::string& path, std::size_t most) {
  const FileDescriptor file(
      ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return std::nullopt;
  if (!S_ISREG(status.st_mode)) {
    errno = EINVAL;
    return std::nullopt;
  }
  std::string text(most + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) {
      text.resize(size);
      return text;
    }
    size += static_cast<std::size_t>(got);
  }
  errno = EFBIG;
  return std::nullopt;
}

}  // namespace lastmile
