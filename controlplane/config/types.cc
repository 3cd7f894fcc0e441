#include "controlplane/config/types.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

#include "controlplane/config/suggest.h"

namespace lastmile::config {

std::optional<std::uint64_t> parse_decimal(std::string_view text) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

Type<std::uint64_t> any_number(std::uint64_t min, std::uint64_t max) {
  return {fmt::format("a number from {} to {}", min, max),
          [min, max](std::string_view text, const Scope&) -> tl::expected<std::uint64_t, Fault> {
            const bool negative = text.size() > 1 && text.front() == '-';
            const std::string_view digits = negative ? text.substr(1) : text;
            if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) {
              return fault("is not a number");
            }
            const auto value = parse_decimal(text);
            if (!value || *value < min || *value > max) return fault("is out of range");
            return *value;
          },
          ValueShape{.numbers = ValueShape::Range{min, max}, .words = {}, .pattern = {}}};
}

Type<bool> toggle() {
  return {"true or false",
          [](std::string_view text, const Scope&) -> tl::expected<bool, Fault> {
            if (text == "true" || text == "on" || text == "yes") return true;
            if (text == "false" || text == "off" || text == "no") return false;
            return fault("is neither true nor false");
          },
          ValueShape::of_words({"true", "false", "on", "off", "yes", "no"})};
}

Type<std::string> text(std::string what, std::size_t max) {
  return {std::move(what),
          [max](std::string_view text, const Scope&) -> tl::expected<std::string, Fault> {
            if (text.empty()) return fault("is empty");
            if (text.size() > max) {
              return fault(fmt::format("is {} bytes long", text.size()),
                           fmt::format("expected at most {}", max));
            }
            const auto control = [](char c) {
              return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
            };
            if (std::any_of(text.begin(), text.end(), control)) {
              return fault("has control characters", "expected printable text on one line");
            }
            return std::string{text};
          }};
}

Type<std::size_t> word_of(std::vector<Choice<std::size_t>> words) {
  std::vector<std::string> ready;
  for (const auto& choice : words) {
    if (!choice.planned) ready.push_back(choice.word);
  }
  ValueShape shape = ValueShape::of_words(ready);
  std::string expected =
      ready.size() == 1
          ? ready.front()
          : fmt::format("{} or {}", fmt::join(ready.begin(), ready.end() - 1, ", "), ready.back());
  return {expected,
          [words = std::move(words), expected](std::string_view text,
                                               const Scope&) -> tl::expected<std::size_t, Fault> {
            std::vector<std::string> all;
            for (const auto& choice : words) {
              if (choice.word == text && choice.planned) {
                return fault("is not supported by this version", "expected " + expected);
              }
              if (choice.word == text) return choice.value;
              all.push_back(choice.word);
            }
            return fault("is unknown", hint(text, all, ""));
          },
          std::move(shape)};
}

Type<std::optional<std::uint32_t>> metric_or_none() {
  using Metric = std::optional<std::uint32_t>;
  auto metric = number<std::uint32_t>(1, std::numeric_limits<std::uint32_t>::max());
  metric.shape.words = {"none"};
  return {metric.expected + ", or none",
          [read = std::move(metric.read)](std::string_view text,
                                          const Scope& scope) -> tl::expected<Metric, Fault> {
            if (text == "none") return Metric{};
            return read(text, scope).map([](std::uint32_t value) { return Metric{value}; });
          },
          std::move(metric.shape)};
}

}  // namespace lastmile::config
