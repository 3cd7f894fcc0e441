// "Did you mean": the word of a list that a misspelled one was probably meant to be. Shared by the
// configuration, the control socket and the operator's command.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace lastmile {

/// How many insertions, deletions, replacements and swaps of neighbors turn one word into the
/// other. Case does not count, and `_` is as good as `-`.
[[nodiscard]] unsigned edit_distance(std::string_view a, std::string_view b);

/// The candidate nearest to `word`, unless even that one is too far to have been meant (more than a
/// third of its letters differ). The first of equals.
[[nodiscard]] std::optional<std::string> nearest(std::string_view word,
                                                 std::span<const std::string> candidates);

/// What an error says behind a word that is none of `known`: `did you mean "up1"?`, or `otherwise`
/// if none of them is near.
[[nodiscard]] std::string hint(std::string_view word, std::span<const std::string> known,
                               std::string_view otherwise);
/// ... or else "expected one of: up1, up2".
[[nodiscard]] std::string hint(std::string_view word, std::span<const std::string> known);

}  // namespace lastmile
