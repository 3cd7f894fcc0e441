// A file that says it is a recording. If the first octet of the input is even, the rest is the file
// as it is; else it is frames, each of a kind, a length of two octets and a payload, which get the
// header and the checksums that a fuzzer doesn't find.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "controlplane/record/frame.h"
#include "controlplane/record/replay.h"
#include "logging/log.h"
#include "tests/fuzz/require.h"

using namespace lastmile;
using lastmile::fuzz::require;

namespace {

constexpr std::size_t kFrameHeader = 3;

std::string file_of(const std::uint8_t* data, std::size_t size) {
  const auto* const text = reinterpret_cast<const char*>(data);
  if (size == 0 || data[0] % 2 == 0) return {text + (size == 0 ? 0 : 1), text + size};
  std::string file = record::first_line();
  for (std::size_t at = 1; at + kFrameHeader <= size;) {
    const auto kind = static_cast<record::FrameKind>(data[at]);
    const std::size_t length = std::min(std::size_t{data[at + 1]} | std::size_t{data[at + 2]} << 8,
                                        size - at - kFrameHeader);
    record::append_frame(kind, {text + at + kFrameHeader, length}, file);
    at += kFrameHeader + length;
  }
  return file;
}

/// A file that nobody else sees.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& content) : fd_(::memfd_create("recording", MFD_CLOEXEC)) {
    require(fd_ >= 0 &&
            ::write(fd_, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  const int fd_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = [] {
    log::set_level(log::Level::kOff);
    return true;
  }();
  require(quiet);
  const MemoryFile file{file_of(data, size)};
  const record::Replayed run = record::replay(file.path());
  if (run.error) require(run.error->find(file.path()) == 0);
  // The same file is the same run.
  const record::Replayed again = record::replay(file.path());
  require(again.dump == run.dump && again.inputs == run.inputs && again.error == run.error);
  return 0;
}
