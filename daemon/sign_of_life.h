// By which the next process knows that this one was broken off: killed, crashed, out of memory.
//
//   SignOfLife life("/run/lastmile/lastmile.sock.alive");
//   life.found();    // how long ago a process before us gave its last sign, and never said goodbye
//   life.give();     // every kEvery, as long as the router runs
//   life.end();      // an orderly end
//
// A file in the runtime directory with the kernel's boot and the time since it, so that neither a
// clock that is set nor a reboot is taken for a restart. It needs nothing of the process that dies:
// kill -9 leaves it behind with its last sign.
//
// Control thread only.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "controlplane/event/time.h"
#include "dataplane/net/file_descriptor.h"

namespace lastmile {

class SignOfLife {
 public:
  static constexpr std::chrono::seconds kEvery{1};

  /// Looks for the file; one that can't be understood is none, which is said in the log.
  explicit SignOfLife(std::string path);
  SignOfLife(const SignOfLife&) = delete;
  SignOfLife& operator=(const SignOfLife&) = delete;

  /// At most kEvery longer than it was.
  [[nodiscard]] std::optional<Duration> found() const { return found_; }
  /// A file that can't be written is said once.
  void give();
  void end();

 private:
  const std::string path_;
  std::optional<Duration> found_;
  FileDescriptor file_;
  bool complained_ = false;
};

}  // namespace lastmile
