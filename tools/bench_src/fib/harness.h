// What the FIB benchmarks share: EAL, pinning, interleaved rounds, and the figures printed.
//
// These machines drift by a fifth within minutes. So contenders take turns, round by round, and
// only figures of one run are compared; the ratio is taken between medians.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace lastmile::bench {

struct EalOptions {
  bool huge_pages = false;
  unsigned megabytes = 2048;
};

/// Starts DPDK for its tables' sake: no devices, AVX-512 allowed. Throws std::runtime_error.
void start_eal(const EalOptions& options);

/// Binds the calling thread to one CPU; quietly does nothing if it isn't there.
void pin_to(unsigned cpu);

/// Measures the calling thread's own CPU time, in TSC cycles: on a machine that others use, too,
/// the time in which somebody else had the CPU says nothing about the code.
class CycleTimer {
 public:
  CycleTimer();
  /// Cycles since construction.
  [[nodiscard]] double elapsed() const;

 private:
  double begin_;
};

/// One of those compared. `run` does its work once and returns cycles per unit.
struct Contender {
  std::string name;
  bool ours;
  bool yardstick;  ///< of the machine, not a competitor
  std::function<double()> run;
};

enum class Output { kText, kJson };

/// Runs all contenders `rounds` times in turn, after one round that warms up and doesn't count, and
/// prints medians, quartiles and the ratio of our best to the best peer's.
void compare(const std::string& name, const std::string& unit, std::vector<Contender>& contenders,
             unsigned rounds, Output output);

/// Median and quartiles of what was measured.
struct Figure {
  double median;
  double low;
  double high;
};
[[nodiscard]] Figure figure(std::vector<double> samples);

}  // namespace lastmile::bench
