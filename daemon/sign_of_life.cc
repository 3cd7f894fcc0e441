#include "daemon/sign_of_life.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <utility>

#include "drivers/kernel/boot_clock.h"
#include "drivers/kernel/regular_file.h"
#include "logging/log.h"

namespace lastmile {
namespace {

constexpr const char* kWord = "lastmile-alive-1";

std::string boot() {
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string id;
  file >> id;
  return id;
}

}  // namespace

SignOfLife::SignOfLife(std::string path) : path_(std::move(path)) {
  constexpr std::size_t kLongest = 200;
  const auto text = read_regular_file(path_, kLongest);
  if (!text) {
    if (errno != ENOENT) {
      log::warn("{}: can't be read: {}; this counts as no restart", path_, std::strerror(errno));
    }
    return;
  }
  std::istringstream file{*text};
  std::string word, of_boot;
  Duration::rep at = -1;
  file >> word >> of_boot >> at;
  if (word.empty()) return;  // an orderly end that could not remove it
  if (!file || word != kWord || at < 0) {
    log::warn("{}: not what a router leaves behind; this counts as no restart", path_);
    return;
  }
  const Duration away = since_boot() - Duration{at};
  if (of_boot == boot() && away >= Duration{0}) found_ = away;
}

void SignOfLife::give() {
  if (!file_) {
    file_ = FileDescriptor{
        ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600)};
  }
  // As long as ever, so that one write replaces the last one whole.
  const std::string text = fmt::format("{} {} {:020}\n", kWord, boot(), since_boot().count());
  const bool written = file_ && ::pwrite(file_.get(), text.data(), text.size(), 0) ==
                                    static_cast<ssize_t>(text.size());
  if (written || std::exchange(complained_, true)) return;
  log::warn("{}: can't be written: {}; neighbors will not be told of a restart", path_,
            std::strerror(errno));
}

void SignOfLife::end() {
  if (!file_) return;
  // Emptied first: the folder may be one that the router's user can't remove files from.
  if (::ftruncate(file_.get(), 0) != 0)
    log::warn("{}: can't be emptied: {}", path_, std::strerror(errno));
  file_ = FileDescriptor{};
  ::unlink(path_.c_str());
}

}  // namespace lastmile
