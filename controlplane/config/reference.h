// The reference of the configuration, printed from the schema: docs/configuration.md,
// `lastmiled --help-config` and lastmile.yaml(5).
#pragma once

#include <string>
#include <string_view>

namespace lastmile {

/// Markdown, for docs/configuration.md.
[[nodiscard]] std::string config_reference_markdown();
/// Plain text for a terminal of 80 columns.
[[nodiscard]] std::string config_reference_text();
/// The manual page lastmile.yaml(5). `version`: "lastmile 0.1.0".
[[nodiscard]] std::string config_reference_man(std::string_view version);

namespace config {
struct Key;
}

// How each of them, and the JSON schema, speaks of a key.
namespace reference {

/// "1500", "required", "a third of hold", or nothing. `quote` stands around a literal value.
[[nodiscard]] std::string default_of(const config::Key& key, std::string_view quote);
/// "a number from 1 to 64", "list of sections".
[[nodiscard]] std::string type_of(const config::Key& key);
/// How a section's path continues inside of it: "bgp.neighbors[]", "ports.NAME".
[[nodiscard]] std::string inner_path(const config::Key& key, const std::string& path);

}  // namespace reference

}  // namespace lastmile
