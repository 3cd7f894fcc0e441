// `lastmile doctor`: why a session is not up, or the router not as fast as it could be, in plain
// words, with the next step. A table of checks (diagnose.cc); each is a function of the facts.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "controlplane/doctor/facts.h"

namespace lastmile::doctor {

enum class Severity : std::uint8_t {
  kProblem,  ///< something does not work
  kAdvice,   ///< it works, and could do better
};

struct Finding {
  std::string check;  ///< the row's name: a promise to scripts
  Severity severity = Severity::kProblem;
  std::string subject;  ///< a neighbor, a port; empty: the machine
  std::string cause;
  std::string next;  ///< what to do about it
};

struct CheckInfo {
  const char* name;
  const char* about;  ///< what it looks for
};
/// All checks, in the order in which they are made.
[[nodiscard]] std::vector<CheckInfo> checks();

/// What is wrong. Of a session that is not up only the first cause is named: the others follow
/// from it.
[[nodiscard]] std::vector<Finding> diagnose(const Facts& facts);

}  // namespace lastmile::doctor
