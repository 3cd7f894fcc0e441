// A number that one thread writes and all may read.
#pragma once

#include <atomic>
#include <cstdint>

namespace lastmile {

/// The one writer uses plain loads and stores (relaxed atomics: no locked instruction, so counting
/// on the packet path costs nothing measurable). Readers see some value it had; never a torn one.
class SingleWriter {
 public:
  /// The writer only.
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::uint64_t amount) { set(read() + amount); }
  void raise_to(std::uint64_t value) {
    if (value > read()) set(value);
  }
  /// Any thread.
  [[nodiscard]] std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace lastmile
