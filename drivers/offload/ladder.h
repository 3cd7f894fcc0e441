// The offload ladder of one port: asks the NIC for as much as it takes, and says how far that is.
//
//   Ladder ladder{device, {.priority_queue = 2}};
//   ladder.climb();                                  // the port is started
//   log(ladder.report().reached(), ...);
//   ladder.step_down(); port.stop(); ... port.start(); ladder.climb();
//
// Each rule is first validated, then created. What the NIC refuses stays on the worker, where
// everything works without any of this: no step is needed for the router to be right.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/offload/catalog.h"
#include "drivers/offload/flow_device.h"

namespace lastmile::offload {

enum class RuleState : std::uint8_t { kInstalled, kRefused };

struct RuleReport {
  std::string name;
  RuleState state = RuleState::kRefused;
  std::string rule;    ///< in testpmd's words; as installed, or the first way that was refused
  std::string reason;  ///< the driver's, if refused
};

enum class StepState : std::uint8_t {
  kReached,   ///< all that is wanted is installed
  kPartly,    ///< some of it is
  kPossible,  ///< the NIC takes such rules; none is wanted now
  kRefused,
};

struct StepReport {
  Step step = Step::kSoftware;
  StepState state = StepState::kRefused;
  /// Why (some of) it was refused, or, of what is possible, why it is not used; empty if it is.
  std::string reason;
  std::vector<RuleReport> rules;
};

struct LadderReport {
  std::array<StepReport, kStepCount> steps;

  /// The highest step that stands on steps which the NIC took.
  [[nodiscard]] Step reached() const;
  /// Why the ladder ends there: the first refusal above (or within) the step reached.
  [[nodiscard]] const StepReport* next_refused() const;
};

/// What the port has for the ladder.
struct Footing {
  MacAddress mac{};
  std::optional<std::uint16_t> priority_queue{};
  std::string why_no_priority_queue{};  ///< if there is none
  std::optional<std::uint16_t> hairpin_queue{};
  std::string why_no_hairpin_queue{};  ///< if there is none
  /// What steers packets to the priority queue without a rule of ours; with it none is asked for.
  std::vector<RuleReport> steered_already{};
  /// True for devices that spread what no rule matches over the priority queue as well.
  bool spreads_the_rest = false;
};

/// Control thread only.
class Ladder {
 public:
  /// `device` outlives the ladder.
  Ladder(FlowDevice& device, Footing footing);
  /// Removes every rule.
  ~Ladder();
  Ladder(const Ladder&) = delete;
  Ladder& operator=(const Ladder&) = delete;

  /// Asks for every step, the present wishes included. The port is started.
  void climb();
  /// Removes every rule: before the port is stopped, and at exit. What was wished for is kept, for
  /// the next climb().
  void step_down();

  /// Echo of these neighbors is to be reflected, and no other's. Takes effect at once.
  void reflect(std::vector<MacAddress> neighbors, std::vector<IpAddress> own_addresses);
  /// These packets are to be dropped, and no others. Takes effect at once.
  void drop(std::vector<DropMatch> matches);

  [[nodiscard]] const LadderReport& report() const { return report_; }

 private:
  struct Installed {
    Step step;
    std::string rule;
    RuleHandle handle;
  };

  void climb_steering();
  void climb_reflection();
  void climb_drops();
  void remove(Step step);
  [[nodiscard]] RuleReport install(Step step, const Wish& wish);
  /// Installs all; the step's state follows from how many were taken.
  void install_all(StepReport& report, const std::vector<Wish>& wishes);
  [[nodiscard]] StepReport& step(Step step) {
    return report_.steps[static_cast<std::size_t>(step)];
  }

  FlowDevice& device_;
  Footing footing_;
  std::vector<MacAddress> neighbors_;
  std::vector<IpAddress> own_addresses_;
  std::vector<DropMatch> drops_;
  std::vector<Installed> installed_;
  LadderReport report_;
  bool climbed_ = false;
};

}  // namespace lastmile::offload
