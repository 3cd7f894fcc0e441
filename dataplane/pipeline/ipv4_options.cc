#include "dataplane/pipeline/ipv4_options.h"

#include <cstddef>

namespace lastmile {
namespace {

// Option types, copied flag and class included (RFC 791 3.1).
constexpr std::uint8_t kEndOfList = 0;
constexpr std::uint8_t kNoOperation = 1;
constexpr std::uint8_t kLooseSourceRoute = 131;
constexpr std::uint8_t kStrictSourceRoute = 137;

}  // namespace

std::optional<DropReason> refuse_ipv4_options(std::span<const std::uint8_t> options) {
  std::size_t at = 0;
  while (at < options.size() && options[at] != kEndOfList) {
    const std::uint8_t type = options[at];
    if (type == kNoOperation) {
      ++at;
      continue;
    }
    if (type == kLooseSourceRoute || type == kStrictSourceRoute)
      return DropReason::kIpv4SourceRoute;
    if (at + 1 == options.size()) return DropReason::kIpv4BadOption;
    const std::uint8_t length = options[at + 1];
    if (length < 2 || length > options.size() - at) return DropReason::kIpv4BadOption;
    at += length;
  }
  return std::nullopt;
}

}  // namespace lastmile
