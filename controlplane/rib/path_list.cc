#include "controlplane/rib/path_list.h"

#include <algorithm>
#include <cassert>

namespace lastmile::rib {

std::uint32_t PathArena::allocate(unsigned order) {
  assert(order < kOrders);
  Class& c = classes_[order];
  if (!c.free.empty()) {
    const std::uint32_t chunk = c.free.back();
    c.free.pop_back();
    return chunk;
  }
  const unsigned shift = chunks_per_page_shift(order);
  if ((c.end & ((1U << shift) - 1)) == 0) {
    c.pages.push_back(std::make_unique<Path[]>(std::size_t{1} << (shift + order)));
  }
  return c.end++;
}

std::size_t PathArena::memory_bytes() const {
  std::size_t bytes = sizeof *this;
  for (unsigned order = 0; order < kOrders; ++order) {
    const Class& c = classes_[order];
    bytes += c.pages.size() * (sizeof(Path) << (chunks_per_page_shift(order) + order));
    bytes += c.free.capacity() * sizeof(std::uint32_t) + c.pages.capacity() * sizeof(void*);
  }
  return bytes;
}

void PathList::move_to(PathArena& arena, unsigned order) {
  const std::span<Path> from = paths(arena);
  const unsigned old_order = order_;
  if (order == 0) {
    const std::uint32_t old_chunk = storage_.chunk;
    const Path only = from.empty() ? Path{} : from.front();
    storage_.inline_path = only;
    arena.release(old_order, old_chunk);
  } else {
    const std::uint32_t chunk = arena.allocate(order);
    std::copy(from.begin(), from.end(), arena.at(order, chunk));
    if (old_order != 0) arena.release(old_order, storage_.chunk);
    storage_.chunk = chunk;
  }
  order_ = static_cast<std::uint8_t>(order);
}

Path& PathList::add(PathArena& arena, const Path& path) {
  if (count_ == (1U << order_)) move_to(arena, order_ + 1U);
  ++count_;
  Path& added = paths(arena).back();
  added = path;
  return added;
}

void PathList::remove(PathArena& arena, std::size_t position) {
  const std::span<Path> all = paths(arena);
  assert(position < all.size());
  all[position] = all.back();
  --count_;
  // Shrink at a quarter, not at a half: a path that comes and goes must not copy each time.
  if (order_ != 0 && (count_ <= 1 || count_ <= (1U << order_) / 4)) {
    move_to(arena, count_ <= 1 ? 0 : order_ - 1U);
  }
}

}  // namespace lastmile::rib
