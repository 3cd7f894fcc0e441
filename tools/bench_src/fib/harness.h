// What the benchmarks share: EAL, pinning, interleaved rounds, and the figures printed.
//
// These machines drift by a fifth within minutes. So contenders take turns, round by round, and
// only figures of one run are compared; the ratio is taken between medians.
#pragma once

#include <functional>
#include <memory>
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

enum class Side {
  kOurs,
  kPeer,
  kFloor,  ///< what the machine could do at best; no competitor
};

/// One of those compared. `run` does its work once and returns its cost, such as cycles per unit:
/// less is better.
struct Contender {
  std::string name;
  Side side;
  std::function<double()> run;
};

enum class Output { kText, kJson };

/// Median and quartiles of what was measured.
struct Figure {
  double median;
  double low;
  double high;
};
[[nodiscard]] Figure figure(std::vector<double> samples);

/// The figures of one benchmark: cases, of which the first is what it is judged by.
///
///   Report report{"fib-lookup", output};
///   report.about("512621 routes");                 // text only
///   report.compare("random destinations", "cycles", contenders, rounds);
///   report.finish();                               // JSON: one object
class Report {
 public:
  Report(std::string name, Output output);
  ~Report();
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  /// Runs all contenders `rounds` times in turn, after one round that warms up and doesn't count;
  /// prints medians, quartiles, the ratio of our best to the best peer's, and the share of the
  /// floor's rate that we reach.
  void compare(const std::string& name, const std::string& unit, std::vector<Contender>& contenders,
               unsigned rounds);

  /// A line for people.
  void about(const std::string& text) const;
  /// A fact of the case just compared, for people and in JSON under "facts".
  void fact(const std::string& name, double value);

  /// Prints the JSON object: the fields of the first case, and all cases under "cases".
  void finish() const;

 private:
  struct Cases;
  std::string name_;
  Output output_;
  std::unique_ptr<Cases> cases_;
};

}  // namespace lastmile::bench
