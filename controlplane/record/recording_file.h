// Writes a recording without holding up the thread that records: frames go into a bounded buffer,
// and a thread of its own writes them to the file as fast as the disk takes them.
//
//   auto file = RecordingFile::create("/var/tmp/run.rec");
//   file->append(FrameKind::kEvent, payload);     // copies and returns
//
// Where the disk is slower than the router for so long that the buffer is full, or can't be written
// to, the recording ends there, which is said once in the log; the router goes on. What was
// written is a good recording up to that point.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include <tl/expected.hpp>

#include "controlplane/record/frame.h"
#include "dataplane/net/file_descriptor.h"

namespace lastmile::record {

class RecordingFile {
 public:
  static constexpr std::size_t kBuffer = 64U << 20;

  /// Readable by its owner alone. A file that is there already becomes PATH.old: it may be the
  /// recording of a run that has just crashed. The error is "PATH: can't be ...".
  [[nodiscard]] static tl::expected<std::unique_ptr<RecordingFile>, std::string> create(
      const std::string& path, std::size_t buffer = kBuffer);
  /// Writes what is in the buffer.
  ~RecordingFile();
  RecordingFile(const RecordingFile&) = delete;
  RecordingFile& operator=(const RecordingFile&) = delete;

  /// One thread only.
  void append(FrameKind kind, std::string_view payload);

 private:
  RecordingFile(std::string path, FileDescriptor file, std::size_t buffer);
  void write_loop();
  /// False if the file takes no more; says why in the log.
  [[nodiscard]] bool write(std::string_view bytes);

  const std::string path_;
  const FileDescriptor file_;
  const std::size_t buffer_;
  bool ended_ = false;  ///< appending thread: nothing more is recorded

  std::mutex mutex_;
  std::condition_variable more_;
  // Both threads, under the mutex.
  std::deque<std::string> waiting_;  ///< in pieces, so that a long queue is never copied
  std::size_t waiting_bytes_ = 0;
  bool closing_ = false;
  bool failed_ = false;

  std::thread writer_;
};

}  // namespace lastmile::record
