// The daemon's answers of one moment.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

namespace lastmile::cli::top {

using Json = nlohmann::ordered_json;

struct Sample {
  std::chrono::steady_clock::time_point at;
  std::map<std::string, Json, std::less<>> answers;  ///< by verb

  /// An array in an answer, `list("show ports", "ports")`; empty if there is none.
  [[nodiscard]] const Json& list(std::string_view verb, const char* key) const;
  /// An answer; null if there is none.
  [[nodiscard]] const Json& answer(std::string_view verb) const;
};

/// Counters of two moments as rates. Nothing is known before the second sample, nor where a counter
/// fell: the daemon has started anew.
class Rates {
 public:
  Rates(const Sample* before, const Sample& now);

  /// A second, of `item[counter]`; the item before is the one in the same list whose `name_key` is
  /// the same.
  [[nodiscard]] std::optional<double> of(std::string_view verb, const char* list,
                                         const char* name_key, const Json& item,
                                         const char* counter) const;

 private:
  const Sample* before_;
  double seconds_ = 0;
};

/// A number of an object, or 0.
[[nodiscard]] double number(const Json& object, const char* key);
/// A text of an object, or what stands in its place.
[[nodiscard]] std::string text(const Json& object, const char* key, std::string_view otherwise);

}  // namespace lastmile::cli::top
