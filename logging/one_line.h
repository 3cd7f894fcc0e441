// Text of others on a line of ours.
#pragma once

#include <algorithm>
#include <string>

namespace lastmile {

/// Without what would end the line or move the terminal: a neighbor's words may hold anything.
[[nodiscard]] inline std::string one_line(std::string text) {
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  return text;
}

}  // namespace lastmile
