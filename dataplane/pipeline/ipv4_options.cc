#include "dataplane/pipeline/ipv4_options.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace lastmile {
namespace {

// One byte alone (RFC 791 section 3.1); all others have their length behind the type.
constexpr std::uint8_t kEndOfList = 0;
constexpr std::uint8_t kNoOperation = 1;

enum class Treatment : std::uint8_t { kPass, kRefuse };

/// An option that we know something of. The type is that of the wire: copied flag and class
/// included.
struct Option {
  std::uint8_t type;
  std::uint8_t shortest;  ///< its length, type and length included
  Treatment treatment;
};

constexpr std::array kOptions{
    Option{7, 3, Treatment::kPass},      // record route (RFC 791): ours is not recorded
    Option{68, 4, Treatment::kPass},     // timestamp (RFC 791): ours is not recorded
    Option{131, 3, Treatment::kRefuse},  // loose source and record route (RFC 7126 section 4.3)
    Option{137, 3, Treatment::kRefuse},  // strict source and record route (RFC 7126 section 4.4)
    Option{148, 4, Treatment::kPass},    // router alert (RFC 2113): no protocol of ours listens
};
constexpr Option kAnyOther{0, 2, Treatment::kPass};

const Option& facts(std::uint8_t type) {
  const auto* const found = std::ranges::find(kOptions, type, &Option::type);
  return found == kOptions.end() ? kAnyOther : *found;
}

}  // namespace

std::optional<Ipv4OptionFault> refuse_ipv4_options(std::span<const std::uint8_t> options) {
  std::size_t at = 0;
  const auto fault = [](DropReason reason, std::size_t octet) {
    return Ipv4OptionFault{reason, static_cast<std::uint8_t>(octet)};
  };
  while (at < options.size() && options[at] != kEndOfList) {
    if (options[at] == kNoOperation) {
      ++at;
      continue;
    }
    const Option& option = facts(options[at]);
    if (option.treatment == Treatment::kRefuse) {
      return fault(DropReason::kIpv4SourceRoute, at);
    }
    if (at + 1 == options.size()) return fault(DropReason::kIpv4BadOption, at);
    const std::uint8_t length = options[at + 1];
    if (length < option.shortest || length > options.size() - at) {
      return fault(DropReason::kIpv4BadOption, at + 1);
    }
    at += length;
  }
  return std::nullopt;
}

}  // namespace lastmile
