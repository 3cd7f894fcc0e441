// Whether a service is healthy, from the outcomes of its checks: `rise` passes in a row make it so,
// `fall` failures in a row make it unhealthy, and anything between leaves it as it is.
#pragma once

#include <cstdint>

#include "controlplane/event/event.h"

namespace lastmile {

enum class Health : std::uint8_t {
  kUnknown,  ///< neither `rise` passes nor `fall` failures in a row yet
  kUp,
  kDown,
};

class HealthCounter {
 public:
  HealthCounter(Health start, unsigned rise, unsigned fall)
      : health_(start), rise_(rise), fall_(fall), has_been_up_(start == Health::kUp) {}

  /// True if the health has changed.
  bool take(CheckOutcome outcome) {
    streak_ = outcome == last_ ? streak_ + 1 : 1;
    last_ = outcome;
    const bool passed = outcome == CheckOutcome::kPassed;
    const Health towards = passed ? Health::kUp : Health::kDown;
    if (health_ == towards || streak_ < (passed ? rise_ : fall_)) return false;
    health_ = towards;
    has_been_up_ = has_been_up_ || passed;
    return true;
  }
  /// Other numbers, or another check: the health stays until the checks say otherwise.
  void restart(unsigned rise, unsigned fall) {
    rise_ = rise;
    fall_ = fall;
    streak_ = 0;
  }

  [[nodiscard]] Health health() const { return health_; }
  /// At any time since the start.
  [[nodiscard]] bool has_been_up() const { return has_been_up_; }
  /// Equal outcomes in a row, the last one included.
  [[nodiscard]] unsigned streak() const { return streak_; }
  [[nodiscard]] unsigned rise() const { return rise_; }
  [[nodiscard]] unsigned fall() const { return fall_; }

 private:
  Health health_;
  unsigned rise_, fall_;
  unsigned streak_ = 0;
  CheckOutcome last_ = CheckOutcome::kPassed;
  bool has_been_up_;
};

}  // namespace lastmile
