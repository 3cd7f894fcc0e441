#include "controlplane/control/doctor_command.h"

#include <utility>

namespace lastmile {

Json examination(const doctor::Facts& facts) {
  Json findings = Json::array();
  for (const doctor::Finding& finding : doctor::diagnose(facts)) {
    const bool problem = finding.severity == doctor::Severity::kProblem;
    findings.push_back({{"check", finding.check},
                        {"severity", problem ? "problem" : "advice"},
                        {"subject", finding.subject},
                        {"cause", finding.cause},
                        {"next", finding.next}});
  }
  Json checks = Json::array();
  for (const doctor::CheckInfo& check : doctor::checks()) checks.push_back(check.name);
  return {{"findings", std::move(findings)}, {"checks", std::move(checks)}};
}

void add_doctor_command(CommandTable& table, std::function<doctor::Facts()> facts) {
  table.add(
      {"doctor",
       "why a session is not up, or the router not as fast as it could be",
       {},
       [facts = std::move(facts)](const Json&) -> CommandResult { return examination(facts()); }});
}

}  // namespace lastmile
