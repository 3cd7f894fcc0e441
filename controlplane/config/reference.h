// The reference of the configuration, printed from the schema: docs/configuration.md and
// `lastmiled --help-config`.
#pragma once

#include <string>

namespace lastmile {

/// Markdown, for docs/configuration.md.
[[nodiscard]] std::string config_reference_markdown();
/// Plain text for a terminal of 80 columns.
[[nodiscard]] std::string config_reference_text();

}  // namespace lastmile
