// Standard error as a place for log lines, that never holds up who writes one.
//
// Who reads the log may be slow, stopped, or gone: a terminal with its output held (Ctrl-S), a pipe
// to a program that hangs, a journal whose disk does not answer. A line that would have to wait for
// it is dropped and counted; the first line that finds room again comes with the number of those
// that were lost. So a log costs its reader, and not the sessions of the router.
#pragma once

#include <spdlog/sinks/ansicolor_sink.h>

#include <cstdint>
#include <cstdio>
#include <mutex>

namespace lastmile::log {

/// Any thread. Lines are as long as a pipe takes in one piece (PIPE_BUF) at most.
class PatientSink final : public spdlog::sinks::ansicolor_sink<spdlog::details::console_mutex> {
 public:
  /// `target` is unbuffered, as standard error is, and outlives the sink.
  explicit PatientSink(std::FILE* target);
  void log(const spdlog::details::log_msg& message) override;

 private:
  using Base = spdlog::sinks::ansicolor_sink<spdlog::details::console_mutex>;
  /// Whether a line can be written now without waiting for anybody.
  [[nodiscard]] bool has_room() const;

  const int fd_;
  std::mutex mutex_;        ///< from the question for room until the line is written
  std::uint64_t lost_ = 0;  ///< lines since the last one that was written; under mutex_
};

}  // namespace lastmile::log
