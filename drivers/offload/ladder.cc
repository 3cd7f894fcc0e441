#include "drivers/offload/ladder.h"

#include <algorithm>

#include "drivers/offload/rte_rule.h"
#include "logging/log.h"

namespace lastmile::offload {
namespace {

LadderReport untried() {
  LadderReport report;
  for (std::size_t i = 0; i < kStepCount; ++i) {
    report.steps[i].step = static_cast<Step>(i);
    report.steps[i].reason = i == 0 ? "" : "not asked for";
  }
  report.steps[0].state = StepState::kReached;
  return report;
}

void refuse(StepReport& step, std::string reason) {
  step.state = StepState::kRefused;
  step.reason = std::move(reason);
  step.rules.clear();
}

}  // namespace

Step LadderReport::reached() const {
  Step highest = Step::kSoftware;
  for (const StepReport& step : steps) {
    if (step.state == StepState::kRefused) break;
    highest = step.step;
  }
  return highest;
}

const StepReport* LadderReport::next_refused() const {
  // Of what is possible the reason is why it is not used.
  const auto found = std::ranges::find_if(steps, [](const StepReport& step) {
    return step.state != StepState::kPossible && !step.reason.empty();
  });
  return found == steps.end() ? nullptr : &*found;
}

Ladder::Ladder(FlowDevice& device, Footing footing)
    : device_(device), footing_(std::move(footing)), report_(untried()) {}

Ladder::~Ladder() {
  step_down();
}

void Ladder::climb() {
  step_down();
  climbed_ = true;
  climb_steering();
  climb_reflection();
  climb_drops();
}

void Ladder::step_down() {
  for (const Step step : {Step::kDropRules, Step::kEchoReflection, Step::kPriorityQueue}) {
    remove(step);
  }
  report_ = untried();
  climbed_ = false;
}

void Ladder::reflect(std::vector<MacAddress> neighbors, std::vector<IpAddress> own_addresses) {
  if (neighbors == neighbors_ && own_addresses == own_addresses_) return;
  neighbors_ = std::move(neighbors);
  own_addresses_ = std::move(own_addresses);
  if (!climbed_) return;
  remove(Step::kEchoReflection);
  climb_reflection();
}

void Ladder::drop(std::vector<DropMatch> matches) {
  drops_ = std::move(matches);
  if (!climbed_) return;
  remove(Step::kDropRules);
  climb_drops();
}

void Ladder::climb_steering() {
  StepReport& report = step(Step::kPriorityQueue);
  if (!footing_.priority_queue) return refuse(report, footing_.why_no_priority_queue);
  if (!footing_.steered_already.empty()) {
    report.state = StepState::kReached;
    report.reason.clear();
    report.rules = footing_.steered_already;
    return;
  }
  install_all(report, steering(*footing_.priority_queue));
  // Without it the priority queue gets a share of everything: slower, not wrong.
  if (footing_.spreads_the_rest && report.state != StepState::kRefused) {
    report.rules.push_back(install(Step::kPriorityQueue, the_rest()));
  }
}

void Ladder::climb_reflection() {
  StepReport& report = step(Step::kEchoReflection);
  if (!footing_.hairpin_queue) return refuse(report, footing_.why_no_hairpin_queue);
  if (!footing_.priority_queue) return refuse(report, footing_.why_no_priority_queue);
  std::vector<EchoPeer> peers;
  for (const MacAddress& neighbor : neighbors_) peers.push_back({footing_.mac, neighbor});
  if (!peers.empty()) {
    return install_all(report, reflection(peers, own_addresses_, *footing_.hairpin_queue,
                                          *footing_.priority_queue));
  }
  // No neighbor yet: would the NIC do it for one? A locally administered address is nobody's.
  const MacAddress nobody{{0x02, 0, 0, 0, 0, 1}};
  const auto wishes =
      reflection({{footing_.mac, nobody}}, {}, *footing_.hairpin_queue, *footing_.priority_queue);
  if (auto taken = device_.validate(wishes.front().ways.front()); !taken) {
    return refuse(report, taken.error().message);
  }
  report.state = StepState::kPossible;
  report.reason.clear();
}

void Ladder::climb_drops() {
  StepReport& report = step(Step::kDropRules);
  std::vector<Wish> wishes;
  for (const DropMatch& match : drops_) wishes.push_back(offload::drop(match));
  if (!wishes.empty()) return install_all(report, wishes);
  const Wish probe = offload::drop(drop_probe());
  if (auto taken = device_.validate(probe.ways.front()); !taken) {
    return refuse(report, taken.error().message);
  }
  report.state = StepState::kPossible;
  report.reason = "nothing in the router asks for discards yet";
}

void Ladder::install_all(StepReport& report, const std::vector<Wish>& wishes) {
  report.rules.clear();
  report.reason.clear();
  std::size_t taken = 0;
  for (const Wish& wish : wishes) {
    const RuleReport& rule = report.rules.emplace_back(install(report.step, wish));
    if (rule.state == RuleState::kInstalled) {
      ++taken;
    } else if (report.reason.empty()) {
      report.reason = rule.reason;
    }
  }
  report.state = taken == wishes.size() ? StepState::kReached
                 : taken > 0            ? StepState::kPartly
                                        : StepState::kRefused;
}

RuleReport Ladder::install(Step step, const Wish& wish) {
  RuleReport report{.name = wish.name, .state = RuleState::kRefused, .rule = {}, .reason = {}};
  for (const Rule& way : wish.ways) {
    const std::string text = testpmd_text(way);
    const auto note_refusal = [&](const DriverError& error) {
      if (!report.rule.empty()) return;
      report.rule = text;
      report.reason = error.message;
    };
    // Two wishes may come to the same rule; a NIC may refuse it the second time.
    bool installed =
        std::ranges::any_of(installed_, [&](const Installed& known) { return known.rule == text; });
    if (!installed) {
      if (auto valid = device_.validate(way); !valid) {
        note_refusal(valid.error());
        continue;
      }
      auto handle = device_.create(way);
      if (!handle) {
        note_refusal(handle.error());
        continue;
      }
      installed_.push_back({step, text, *handle});
    }
    return {.name = wish.name, .state = RuleState::kInstalled, .rule = text, .reason = {}};
  }
  return report;
}

void Ladder::remove(Step step) {
  // The last one first: some drivers keep rules in the order of their making.
  for (auto rule = installed_.rbegin(); rule != installed_.rend(); ++rule) {
    if (rule->step != step) continue;
    if (auto done = device_.destroy(rule->handle); !done) {
      log::warn("offload: cannot remove rule '{}': {}", rule->rule, done.error().message);
    }
  }
  std::erase_if(installed_, [step](const Installed& rule) { return rule.step == step; });
}

}  // namespace lastmile::offload
