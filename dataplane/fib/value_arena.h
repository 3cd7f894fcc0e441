// Memory for the values of prefix nodes that hold more routes than fit inside the node.
//
// Blocks come in a few sizes; a freed block goes to the free list of its size. Nothing is ever
// split or merged, so taking and returning a block are a few instructions. The region is reserved
// once for the worst case that `max_routes` allows, and touched only as far as it is used: an
// update can never fail for want of arena memory.
//
// FIB writer only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "dataplane/fib/mapped_memory.h"

namespace lastmile {

class ValueArena {
 public:
  using Value = std::uint16_t;

  /// Values that fit in a block of each size class. A node moves up when its block is full, and
  /// down when what it holds fits two classes below; so it doesn't move to and fro at a boundary.
  static constexpr std::array<std::uint16_t, 8> kCapacity{48, 64, 96, 128, 192, 256, 384, 512};
  static constexpr unsigned kClasses = kCapacity.size();

  /// `inline_capacity`: values that a node holds without a block.
  ValueArena(std::size_t max_routes, unsigned inline_capacity);

  [[nodiscard]] Value* take(unsigned size_class);
  void give_back(Value* block, unsigned size_class);

  /// Fewest values that a block of this class may hold before it has to shrink.
  [[nodiscard]] static constexpr unsigned shrink_below(unsigned size_class,
                                                       unsigned inline_capacity) {
    if (size_class == 0) return inline_capacity * 3 / 4;
    if (size_class == 1) return inline_capacity;
    return kCapacity[size_class - 2];
  }

 private:
  struct FreeBlock {
    FreeBlock* next;
  };

  MappedArray<std::byte> memory_;
  std::size_t used_ = 0;
  std::array<FreeBlock*, kClasses> free_{};
};

}  // namespace lastmile
