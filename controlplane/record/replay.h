// A recorded run once more: the same control plane, told the same things in the same order, with
// nothing behind it. No socket, no device, no clock.
//
//   const Replayed run = replay("/var/tmp/run.rec");
//   std::fputs(run.dump.c_str(), stdout);
//   if (run.error) die(*run.error);
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lastmile::record {

struct Replayed {
  /// Sessions and routes (dump.h) at the last checkpoint, which a router sets before it ends its
  /// sessions; without one, at the end of the recording.
  std::string dump;
  std::string program;            ///< that made the recording
  std::uint64_t inputs = 0;       ///< replayed
  std::uint64_t checkpoints = 0;  ///< at which the state was the recorded one
  std::string end;                ///< why the recording ends, in its own words; empty: it just does
  /// Why the replay ended early, or is not the recorded run: "FILE: byte N: ...". `dump` is good up
  /// to there.
  std::optional<std::string> error;
};

[[nodiscard]] Replayed replay(const std::string& path);

}  // namespace lastmile::record
