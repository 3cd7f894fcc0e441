// The schema of the configuration as a JSON schema (draft 07): editors complete and check the YAML
// by it. Comes from the same table as the reader. It says less than `lastmiled --check`: what one
// value shows, not how values fit together.
#pragma once

#include <string>

namespace lastmile {

/// With a newline at the end.
[[nodiscard]] std::string config_json_schema();

}  // namespace lastmile
