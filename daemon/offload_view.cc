#include "daemon/offload_view.h"

namespace lastmile {
namespace {

const char* name_of(offload::StepState state) {
  switch (state) {
    case offload::StepState::kReached:
      return "reached";
    case offload::StepState::kPartly:
      return "partly";
    case offload::StepState::kPossible:
      return "possible";
    case offload::StepState::kRefused:
      return "refused";
  }
  return "";
}

OffloadStepView view_of(const offload::StepReport& report) {
  OffloadStepView view;
  const auto& facts = offload::facts_of(report.step);
  view.step = static_cast<unsigned>(report.step);
  view.name = facts.name;
  view.help = facts.text;
  view.state = name_of(report.state);
  view.reason = report.reason;
  for (const offload::RuleReport& rule : report.rules) {
    view.rules.push_back(
        {rule.name, rule.state == offload::RuleState::kInstalled, rule.rule, rule.reason});
  }
  return view;
}

}  // namespace

OffloadView offload_view(const DeviceFacts& port, const offload::LadderReport& report) {
  OffloadView view;
  view.port = port.name;
  view.driver = port.driver;
  view.step = static_cast<unsigned>(report.reached());
  view.step_name = offload::facts_of(report.reached()).name;
  view.priority_queue = port.priority_queue;
  for (const offload::StepReport& step : report.steps) view.steps.push_back(view_of(step));
  return view;
}

}  // namespace lastmile
