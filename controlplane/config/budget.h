// How much a configuration may say.
#pragma once

#include <cstddef>

namespace lastmile::config {

/// Of one file. With aliases, and with names for lists, a small one can say anything.
class Budget {
 public:
  static constexpr std::size_t kMost = 4'000'000;  ///< values

  /// False from the first time on that there are not so many left.
  bool take(std::size_t values) {
    taken_ += values;
    return !exhausted();
  }
  [[nodiscard]] bool exhausted() const { return taken_ > kMost; }

 private:
  std::size_t taken_ = 0;
};

}  // namespace lastmile::config
