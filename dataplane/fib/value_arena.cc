#include "dataplane/fib/value_arena.h"

#include <new>

namespace lastmile {
namespace {

// Every block of a class holds at least `shrink_below` values, so `max_routes` bounds how many
// blocks of it can be alive; the sum over all classes bounds the arena, whatever order the routes
// come in. One block more in each class: while a node moves, it owns two.
std::size_t worst_case_bytes(std::size_t max_routes, unsigned inline_capacity) {
  std::size_t bytes = 0;
  for (unsigned c = 0; c < ValueArena::kClasses; ++c) {
    const std::size_t fewest = ValueArena::shrink_below(c, inline_capacity);
    bytes += (max_routes / fewest + 1) * ValueArena::kCapacity[c] * sizeof(ValueArena::Value);
  }
  return bytes;
}

}  // namespace

ValueArena::ValueArena(std::size_t max_routes, unsigned inline_capacity)
    : memory_(worst_case_bytes(max_routes, inline_capacity), PageSize::kHuge) {}

ValueArena::Value* ValueArena::take(unsigned size_class) {
  if (FreeBlock* const block = free_[size_class]) {
    free_[size_class] = block->next;
    return reinterpret_cast<Value*>(block);
  }
  std::byte* const block = memory_.data() + used_;
  used_ += kCapacity[size_class] * sizeof(Value);
  return reinterpret_cast<Value*>(block);
}

void ValueArena::give_back(Value* block, unsigned size_class) {
  free_[size_class] = new (block) FreeBlock{free_[size_class]};
}

}  // namespace lastmile
