#include "controlplane/config/time_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace lastmile::config {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

struct Unit {
  std::string_view name;
  std::uint64_t microseconds;
};
constexpr std::array kUnits{Unit{"us", 1}, Unit{"ms", 1'000}, Unit{"s", 1'000'000},
                            Unit{"m", 60'000'000}, Unit{"h", 3'600'000'000}};
constexpr std::string_view kDurations = "expected a duration such as 500us, 10ms, 3s, 2m or 1h";
constexpr const char* kDurationPattern = "^[0-9]+(us|ms|s|m|h)$";

}  // namespace

tl::expected<microseconds, Fault> parse_duration(std::string_view text) {
  const auto* const unit_start = std::find_if_not(text.begin(), text.end(), is_digit);
  const auto digits = static_cast<std::size_t>(unit_start - text.begin());
  const std::string_view unit = text.substr(digits);
  if (digits == 0) return fault("is not a duration", std::string{kDurations});
  if (unit.empty()) return fault("has no unit", std::string{kDurations});
  const auto* const known =
      std::find_if(kUnits.begin(), kUnits.end(), [unit](const Unit& u) { return u.name == unit; });
  if (known == kUnits.end()) {
    return fault(fmt::format("has the unknown unit \"{}\"", unit), std::string{kDurations});
  }
  constexpr std::uint64_t kMax = std::uint64_t{1} << 50;  // 35 years: no product overflows
  const auto value = parse_decimal(text.substr(0, digits));
  if (!value || *value > kMax / known->microseconds) return fault("is out of range");
  return microseconds{static_cast<std::int64_t>(*value * known->microseconds)};
}

Type<std::chrono::microseconds> duration(std::chrono::microseconds min,
                                         std::chrono::microseconds max) {
  const auto text = [](microseconds time) {
    if (time.count() % 1'000'000 == 0) return fmt::format("{}s", time.count() / 1'000'000);
    if (time.count() % 1'000 == 0) return fmt::format("{}ms", time.count() / 1'000);
    return fmt::format("{}us", time.count());
  };
  return {fmt::format("a duration from {} to {}", text(min), text(max)),
          [min, max](std::string_view given, const Scope&) -> tl::expected<microseconds, Fault> {
            const auto time = parse_duration(given);
            if (!time) return tl::unexpected(time.error());
            if (*time < min || *time > max) return fault("is out of range");
            return *time;
          },
          ValueShape::of_text(kDurationPattern)};
}

Type<seconds> whole_seconds(seconds min, seconds max) {
  return {fmt::format("a duration of whole seconds from {}s to {}s", min.count(), max.count()),
          [min, max](std::string_view text, const Scope&) -> tl::expected<seconds, Fault> {
            const auto duration = parse_duration(text);
            if (!duration) return tl::unexpected(duration.error());
            const auto whole = std::chrono::duration_cast<seconds>(*duration);
            if (whole != *duration) return fault("is not a whole number of seconds");
            if (whole < min || whole > max) return fault("is out of range");
            return whole;
          },
          ValueShape::of_text(kDurationPattern)};
}

Type<seconds> hold_time() {
  constexpr seconds kLongest{65535};  // two octets in OPEN
  Type<seconds> type = whole_seconds(seconds{0}, kLongest);
  type.expected = "0s (off), or whole seconds from 3s to 65535s";
  type.read = [read = std::move(type.read)](std::string_view text,
                                            const Scope& scope) -> tl::expected<seconds, Fault> {
    auto value = read(text, scope);
    if (value && *value > seconds{0} && *value < seconds{3}) return fault("is out of range");
    return value;
  };
  return type;
}

}  // namespace lastmile::config
