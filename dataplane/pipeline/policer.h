// Token bucket in units of the cycle counter: no division and no wall clock on the packet path.
#pragma once

#include <algorithm>
#include <cstdint>

namespace lastmile {

/// Lets `rate` packets a second pass on average and `burst` at once. One thread.
class TokenBucket {
 public:
  TokenBucket() = default;
  TokenBucket(std::uint64_t cycles_per_second, std::uint32_t rate, std::uint32_t burst)
      : cost_(std::max<std::uint64_t>(cycles_per_second / rate, 1)),
        depth_(cost_ * burst),
        credit_(depth_) {}

  /// `now`: cycle counter, never decreasing.
  [[nodiscard]] bool take(std::uint64_t now) {
    credit_ = std::min(depth_, credit_ + (now - last_));
    last_ = now;
    if (credit_ < cost_) return false;
    credit_ -= cost_;
    return true;
  }

 private:
  std::uint64_t cost_ = 0;
  std::uint64_t depth_ = 0;
  std::uint64_t credit_ = 0;
  std::uint64_t last_ = 0;
};

}  // namespace lastmile
