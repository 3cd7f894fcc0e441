// Patterns over AS paths.
//
//   ^65001 .* 64512$      starts with 65001, ends with 64512
//   65001|65002           one of them stands somewhere
//   ^64512-65534+$        nothing but private numbers, at least one
//   ^$                    the empty path: a route of our own AS
//
// An item is an AS number, a range, alternatives joined by '|', or '.' for any; behind it may stand
// '*' (any number of times), '+' (at least once) or '?' (at most once). Items are separated by
// blanks. Without '^' or '$' a pattern may start or end anywhere. Members of a set count as if they
// stood in a row.
//
// A pattern is an automaton of at most 60 states that are all followed at once, so the time is
// linear in the path whatever the pattern is: paths come from outside.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tl/expected.hpp>

#include "controlplane/bgp/wire/types.h"

namespace lastmile::policy {

class AsPathPattern {
 public:
  /// The error says what is wrong with the text: "has nothing in front of '*'".
  [[nodiscard]] static tl::expected<AsPathPattern, std::string> parse(std::string_view text);

  [[nodiscard]] bool matches(const bgp::AsPath& path) const;
  [[nodiscard]] const std::string& text() const { return text_; }

  friend bool operator==(const AsPathPattern& a, const AsPathPattern& b) {
    return a.text_ == b.text_;
  }

 private:
  enum class Times : std::uint8_t { kOnce, kAtMostOnce, kAnyNumber };
  struct Item {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges;  ///< first and last, inclusive
    Times times = Times::kOnce;

    [[nodiscard]] bool takes(bgp::Asn asn) const;
  };

  [[nodiscard]] std::uint64_t with_skipped(std::uint64_t states) const;

  std::string text_;
  std::vector<Item> items_;
  bool from_start_ = false;
  bool to_end_ = false;
};

}  // namespace lastmile::policy
