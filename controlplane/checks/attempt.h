// One check that is under way: a value of its own descriptors, asked when one of them is ready.
//
// Who uses it: the runner's thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/config/config.h"
#include "controlplane/event/event.h"

namespace lastmile {

struct CheckResult {
  CheckOutcome outcome = CheckOutcome::kFailed;
  std::string detail;  ///< for people
};

/// As much of what others say as becomes the reason.
inline constexpr std::size_t kMostReason = 200;

/// What others said, for logs and terminals: its first line, cut, without what a terminal would
/// obey.
[[nodiscard]] std::string first_line(std::string text);

class Attempt {
 public:
  /// A descriptor that it waits for.
  struct Wanted {
    int fd;
    enum class For : std::uint8_t { kReading, kWriting } what;
  };

  virtual ~Attempt() = default;
  [[nodiscard]] virtual std::vector<Wanted> wanted() const = 0;
  /// Looks what has happened; never blocks. The result if the check has ended.
  [[nodiscard]] virtual std::optional<CheckResult> look() = 0;
  /// Its time is over: gives up. wanted() may still name descriptors then; the attempt is looked at
  /// until is_gone().
  virtual void abandon() {}
  /// Nothing of it is left in the system.
  [[nodiscard]] virtual bool is_gone() const { return true; }
};

/// A TCP connection; its end is the check's.
[[nodiscard]] std::unique_ptr<Attempt> connect_attempt(const IpAddress& address,
                                                       std::uint16_t port);
/// A program in a process group of its own.
[[nodiscard]] std::unique_ptr<Attempt> program_attempt(const std::vector<std::string>& words);

}  // namespace lastmile
