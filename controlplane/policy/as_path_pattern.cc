#include "controlplane/policy/as_path_pattern.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

namespace lastmile::policy {
namespace {

constexpr std::size_t kMaxItems = 60;  // states are the bits of a number, and one more accepts

using Range = std::pair<std::uint32_t, std::uint32_t>;

std::optional<std::uint32_t> read_number(std::string_view text) {
  std::uint32_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || stop != text.data() + text.size() || text.empty()) return {};
  return value;
}

std::optional<Range> read_range(std::string_view text) {
  if (text == ".") return Range{0, std::numeric_limits<std::uint32_t>::max()};
  const std::size_t dash = text.find('-');
  const auto first = read_number(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : read_number(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return Range{*first, *last};
}

std::string_view take_until(std::string_view& text, char end) {
  const std::size_t at = std::min(text.find(end), text.size());
  const std::string_view taken = text.substr(0, at);
  text.remove_prefix(std::min(at + 1, text.size()));
  return taken;
}

}  // namespace

bool AsPathPattern::Item::takes(bgp::Asn asn) const {
  return std::ranges::any_of(ranges, [&](const Range& range) {
    return range.first <= asn.value() && asn.value() <= range.second;
  });
}

tl::expected<AsPathPattern, std::string> AsPathPattern::parse(std::string_view text) {
  AsPathPattern pattern;
  pattern.text_ = text;
  if (text.starts_with('^')) {
    pattern.from_start_ = true;
    text.remove_prefix(1);
  }
  if (text.ends_with('$')) {
    pattern.to_end_ = true;
    text.remove_suffix(1);
  }
  while (!text.empty()) {
    std::string_view word = take_until(text, ' ');
    if (word.empty()) continue;
    Item item;
    bool again = false;  // '+' is one, and then any number
    const char last = word.back();
    if (last == '*' || last == '+' || last == '?') {
      word.remove_suffix(1);
      if (word.empty())
        return tl::unexpected(std::string{"has nothing in front of '"} + last + '\'');
      again = last == '+';
      if (last == '*') item.times = Times::kAnyNumber;
      if (last == '?') item.times = Times::kAtMostOnce;
    }
    if (word.ends_with('|')) return tl::unexpected(std::string{"has nothing behind '|'"});
    while (!word.empty()) {
      const std::string_view one = take_until(word, '|');
      const auto range = read_range(one);
      if (!range) return tl::unexpected('"' + std::string{one} + "\" in it is no AS number");
      item.ranges.push_back(*range);
    }
    pattern.items_.push_back(item);
    if (again) {
      item.times = Times::kAnyNumber;
      pattern.items_.push_back(item);
    }
    if (pattern.items_.size() > kMaxItems) {
      return tl::unexpected(std::string{"has more than 60 items"});
    }
  }
  if (pattern.items_.empty() && !(pattern.from_start_ && pattern.to_end_)) {
    return tl::unexpected(std::string{"matches everything"});
  }
  return pattern;
}

/// Adds the states that are reached without taking a number.
std::uint64_t AsPathPattern::with_skipped(std::uint64_t states) const {
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const bool here = (states >> i & 1) != 0;
    if (here && items_[i].times != Times::kOnce) states |= std::uint64_t{1} << (i + 1);
  }
  return states;
}

bool AsPathPattern::matches(const bgp::AsPath& path) const {
  const std::uint64_t accepting = std::uint64_t{1} << items_.size();
  std::uint64_t states = with_skipped(1);
  for (const bgp::AsPath::Segment& segment : path.segments) {
    for (const bgp::Asn asn : segment.asns) {
      if (!to_end_ && (states & accepting) != 0) return true;
      std::uint64_t next = from_start_ ? 0 : 1;
      for (std::size_t i = 0; i < items_.size(); ++i) {
        if ((states >> i & 1) == 0 || !items_[i].takes(asn)) continue;
        const bool stays = items_[i].times == Times::kAnyNumber;
        next |= std::uint64_t{1} << (stays ? i : i + 1);
      }
      states = with_skipped(next);
    }
  }
  return (states & accepting) != 0;
}

}  // namespace lastmile::policy
