// How much to read from a connection at a time.
//
//   const ssize_t length = recv(fd, buffer, pace.octets(), 0);
//   handle(buffer, length);
//   pace.took(length, processor_time_of_that);
//
// What an octet costs depends on what it says: an UPDATE of a real table has three routes in sixty
// octets, another a thousand in four thousand, and each may have to be asked of a policy. So the
// amount follows the time that the last ones have taken: halved when that was long, and back up in
// steps. Only reads are sized by the clock, never what is done with them, so a recorded run can be
// replayed.
//
// Control thread only.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>

namespace lastmile {

class ReadPace {
 public:
  /// About 1000 routes of a full table: more at a time saves nothing.
  static constexpr std::size_t kMost = 16 * 1024;
  static constexpr std::size_t kLeast = 2 * 1024;
  static constexpr std::size_t kStep = 1024;
  /// Well under what a slice of the control thread may take, 5 ms: the next read may cost more than
  /// the last one.
  static constexpr std::chrono::microseconds kLong{2000};

  [[nodiscard]] std::size_t octets() const { return octets_; }

  /// Handling so many octets, just read, has taken so much processor time.
  void took(std::size_t octets, std::chrono::nanoseconds time) {
    if (time > kLong) {
      octets_ = std::max(std::min(octets, octets_) / 2, kLeast);
    } else if (octets == octets_ && time < kLong / 2) {
      octets_ = std::min(octets_ + kStep, kMost);
    }
  }

 private:
  std::size_t octets_ = kMost;
};

}  // namespace lastmile
