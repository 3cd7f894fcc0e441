#include "drivers/offload/port_offload.h"

#include <fmt/format.h>

#include "drivers/ports/af_packet_steering.h"
#include "logging/log.h"

namespace lastmile::offload {
namespace {

// Its queues are those of a tun device, which deals frames out by their hash.
constexpr std::string_view kTap = "net_tap";

std::vector<RuleReport> rules_of_the_kernel(const DeviceFacts& facts) {
  std::vector<RuleReport> rules;
  if (facts.steering != Steering::kKernelFilter) return rules;
  for (const auto& [name, rule] : kPriorityFilterRules) {
    rules.push_back({.name = name, .state = RuleState::kInstalled, .rule = rule, .reason = {}});
  }
  return rules;
}

Footing footing(const DeviceFacts& facts) {
  return {.mac = facts.mac,
          .priority_queue = facts.priority_queue,
          .why_no_priority_queue = facts.why_no_priority_queue,
          .hairpin_queue = facts.hairpin_queue,
          .why_no_hairpin_queue = facts.why_no_hairpin_queue,
          .steered_already = rules_of_the_kernel(facts),
          .spreads_the_rest = facts.driver == kTap};
}

void log_ladder(const DeviceFacts& facts, const LadderReport& report) {
  const Step reached = report.reached();
  const StepReport& there = report.steps[static_cast<std::size_t>(reached)];
  std::string text =
      fmt::format("offload step {} ({}{})", static_cast<unsigned>(reached), facts_of(reached).name,
                  there.state == StepState::kPartly ? ", in part" : "");
  if (const StepReport* refused = report.next_refused()) {
    text +=
        fmt::format("; step {} refused: {}", static_cast<unsigned>(refused->step), refused->reason);
  }
  log::info("port {}: {}", facts.name, text);
  for (const StepReport& step : report.steps) {
    for (const RuleReport& rule : step.rules) {
      log::debug("port {}: offload {}: {}: {}", facts.name, rule.name, rule.rule,
                 rule.state == RuleState::kInstalled ? "installed" : rule.reason);
    }
  }
}

}  // namespace

PortOffload::PortOffload(const DeviceFacts& facts)
    : device_(facts.ethdev), ladder_(device_, footing(facts)) {}

Result<std::unique_ptr<PortOffload>> PortOffload::start(Port& port) {
  std::unique_ptr<PortOffload> offload{new PortOffload{port.facts()}};
  offload->ladder_.climb();
  const auto& steering = offload->report().steps[static_cast<std::size_t>(Step::kPriorityQueue)];
  if (port.facts().priority_queue && steering.state == StepState::kRefused) {
    const std::string reason = steering.reason;
    offload.reset();
    if (auto done = port.give_up_priority_queue(reason); !done) return tl::unexpected(done.error());
    offload.reset(new PortOffload{port.facts()});
    offload->ladder_.climb();
  }
  log_ladder(port.facts(), offload->report());
  return offload;
}

Result<void> PortOffload::restart(Port& port) {
  ladder_.step_down();
  port.stop();
  if (auto started = port.start(); !started) return started;
  ladder_.climb();
  log_ladder(port.facts(), report());
  return {};
}

}  // namespace lastmile::offload
