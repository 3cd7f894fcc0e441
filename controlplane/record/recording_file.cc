#include "controlplane/record/recording_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "controlplane/io/quiet_thread.h"
#include "logging/log.h"

namespace lastmile::record {
namespace {

constexpr std::size_t kPiece = 256U << 10;

}  // namespace

tl::expected<std::unique_ptr<RecordingFile>, std::string> RecordingFile::create(
    const std::string& path, std::size_t buffer) {
  const auto failed = [&](const char* what) {
    return tl::unexpected(fmt::format("{}: can't be {}: {}", path, what, std::strerror(errno)));
  };
  if (std::rename(path.c_str(), (path + ".old").c_str()) != 0 && errno != ENOENT) {
    return failed("renamed");
  }
  FileDescriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (!file) return failed("created");
  return std::unique_ptr<RecordingFile>{new RecordingFile{path, std::move(file), buffer}};
}

RecordingFile::RecordingFile(std::string path, FileDescriptor file, std::size_t buffer)
    : path_(std::move(path)), file_(std::move(file)), buffer_(buffer) {
  waiting_.push_back(first_line());
  writer_ = quiet_thread([this] { write_loop(); });
}

RecordingFile::~RecordingFile() {
  {
    const std::lock_guard lock{mutex_};
    closing_ = true;
  }
  more_.notify_one();
  writer_.join();
}

void RecordingFile::append(FrameKind kind, std::string_view payload) {
  if (ended_) return;
  bool full = false;
  {
    const std::lock_guard lock{mutex_};
    if (failed_) {
      ended_ = true;
      return;
    }
    if (waiting_.empty() || waiting_.back().size() > kPiece) waiting_.emplace_back();
    std::string& piece = waiting_.back();
    const std::size_t before = piece.size();
    full = waiting_bytes_ + payload.size() > buffer_;
    if (full) {
      append_frame(FrameKind::kEnd, "the disk was too slow", piece);
    } else {
      append_frame(kind, payload, piece);
    }
    waiting_bytes_ += piece.size() - before;
  }
  more_.notify_one();
  if (!full) return;
  ended_ = true;
  log::error("recording {}: the disk is too slow; the recording ends here, the router goes on",
             path_);
}

bool RecordingFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      log::error("recording {}: can't be written: {}; it ends here, the router goes on", path_,
                 std::strerror(errno));
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

void RecordingFile::write_loop() {
  std::unique_lock lock{mutex_};
  for (;;) {
    more_.wait(lock, [this] { return !waiting_.empty() || closing_; });
    if (waiting_.empty()) return;
    const std::string piece = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    const bool good = write(piece);
    lock.lock();
    waiting_bytes_ -= std::min(waiting_bytes_, piece.size());
    if (good) continue;
    failed_ = true;
    waiting_.clear();
    return;
  }
}

}  // namespace lastmile::record
