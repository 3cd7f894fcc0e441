// How much a configuration may say.
#pragma once

#include <algorithm>
#include <cstddef>

namespace lastmile::config {

/// Of one file. With aliases, and with names for lists, a small one can say anything.
class Budget {
 public:
  static constexpr std::size_t kMost = 4'000'000;  ///< values

  /// False from the first time on that there are not so many left.
  bool take(std::size_t values) {
    exhausted_ = exhausted_ || values > left_;
    left_ -= std::min(values, left_);
    return !exhausted_;
  }
  [[nodiscard]] bool exhausted() const { return exhausted_; }

 private:
  std::size_t left_ = kMost;
  bool exhausted_ = false;
};

}  // namespace lastmile::config
