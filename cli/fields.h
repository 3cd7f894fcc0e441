// Fields of the daemon's answers, as people read them in tables and lines.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/render.h"
#include "cli/table.h"

namespace lastmile::cli {

inline constexpr auto kRight = Align::kRight;

/// A text that may be empty or null.
[[nodiscard]] inline std::string text_or(const Json& value, std::string_view otherwise) {
  return value.is_string() && !value.get_ref<const std::string&>().empty()
             ? value.get<std::string>()
             : std::string{otherwise};
}
/// A number that may be null.
[[nodiscard]] inline std::string number_or(const Json& value, std::string_view otherwise) {
  return value.is_number() ? fmt::format("{}", value.get<std::uint64_t>()) : std::string{otherwise};
}
/// A number that may be large: "12.3k".
[[nodiscard]] inline std::string count(const Json& object, const char* key) {
  return short_count(object.at(key).get<std::uint64_t>());
}
/// Seconds that may be null.
[[nodiscard]] inline std::string duration_or(const Json& value, std::string_view otherwise) {
  return value.is_number() ? short_duration(value.get<std::uint64_t>()) : std::string{otherwise};
}
/// A list of texts.
[[nodiscard]] inline std::string joined(const Json& list, std::string_view separator) {
  std::string out;
  for (const Json& item : list) {
    if (!out.empty()) out += separator;
    out += item.get_ref<const std::string&>();
  }
  return out;
}

}  // namespace lastmile::cli
