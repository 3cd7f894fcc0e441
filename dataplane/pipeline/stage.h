// The stages of the pipeline by name, for the table of cycles per stage. No DPDK here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lastmile {

enum class Stage : std::uint8_t {
  kReceive,
  kClassify,
  kValidate,
  kLookup,
  kSelect,
  kRewrite,
  kTransmit,
};

inline constexpr std::array<std::string_view, 7> kStageNames{
    "receive", "classify", "validate", "lookup", "select", "rewrite", "transmit"};
inline constexpr std::size_t kStageCount = kStageNames.size();

[[nodiscard]] constexpr std::string_view to_string(Stage stage) {
  return kStageNames[static_cast<std::size_t>(stage)];
}

}  // namespace lastmile
