#include "controlplane/config/suggest.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace lastmile {
namespace {

std::string folded(std::string_view word) {
  std::string result{word};
  for (char& c : result) {
    c = c == '_' ? '-' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

}  // namespace

// Optimal string alignment: three rows of the usual table, the third for swaps.
unsigned edit_distance(std::string_view left, std::string_view right) {
  const std::string a = folded(left);
  const std::string b = folded(right);
  std::vector<unsigned> before(b.size() + 1);
  std::vector<unsigned> above(b.size() + 1);
  std::vector<unsigned> row(b.size() + 1);
  for (unsigned j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = static_cast<unsigned>(i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const unsigned replaced = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, above[j] + 1, row[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates) {
  constexpr std::size_t kLongestWord = 64;  // nobody misspells a key by writing an essay
  if (word.empty() || word.size() > kLongestWord) return std::nullopt;
  std::optional<std::string> best;
  unsigned best_distance = 0;
  for (const std::string& candidate : candidates) {
    const unsigned distance = edit_distance(word, candidate);
    const auto allowed = static_cast<unsigned>(std::max<std::size_t>(
        1, std::min<std::size_t>(4, (std::max(word.size(), candidate.size()) + 1) / 3)));
    if (distance <= allowed && (!best || distance < best_distance)) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string hint(std::string_view word, std::span<const std::string> known,
                 std::string_view otherwise) {
  const auto meant = nearest(word, known);
  return meant ? "did you mean \"" + *meant + "\"?" : std::string{otherwise};
}

std::string hint(std::string_view word, std::span<const std::string> known) {
  std::string all = "expected one of: ";
  for (const std::string& one : known) all += (&one == known.data() ? "" : ", ") + one;
  return hint(word, known, all);
}

}  // namespace lastmile
