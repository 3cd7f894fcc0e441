// The paths of one prefix: the first one inline, more in a chunk of a shared arena.
//
// A server with one uplink pays for no more than the path itself, one with two for a chunk of two.
// Chunks come in powers of two from pages of one size each, with a free list for each size; there
// is no allocator call and no header for a chunk.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "controlplane/rib/path.h"

namespace lastmile::rib {

/// Chunks of 2^1 … 2^15 paths.
class PathArena {
 public:
  static constexpr unsigned kLastOrder = 15;

  [[nodiscard]] std::uint32_t allocate(unsigned order);
  void release(unsigned order, std::uint32_t chunk) { classes_[order].free.push_back(chunk); }
  [[nodiscard]] Path* at(unsigned order, std::uint32_t chunk) {
    const unsigned shift = chunks_per_page_shift(order);
    return &classes_[order].pages[chunk >> shift][(chunk & ((1U << shift) - 1)) << order];
  }
  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  static constexpr unsigned kOrders = kLastOrder + 1;
  static constexpr unsigned kPageOrder = 11;  // 2048 paths a page, or one chunk if that is larger
  static unsigned chunks_per_page_shift(unsigned order) {
    return order < kPageOrder ? kPageOrder - order : 0;
  }
  struct Class {
    std::vector<std::unique_ptr<Path[]>> pages;
    std::vector<std::uint32_t> free;
    std::uint32_t end = 0;
  };
  std::array<Class, kOrders> classes_;
};

/// A small vector of paths; all functions that may change or reach a chunk are given the arena.
/// Must be cleared before it is destroyed.
class PathList {
 public:
  /// As many as the largest chunk has.
  static constexpr std::size_t kMost = std::size_t{1} << PathArena::kLastOrder;

  [[nodiscard]] std::size_t size() const { return count_; }
  [[nodiscard]] bool empty() const { return count_ == 0; }

  [[nodiscard]] std::span<Path> paths(PathArena& arena) {
    return {order_ == 0 ? &storage_.inline_path : arena.at(order_, storage_.chunk), count_};
  }
  [[nodiscard]] std::span<const Path> paths(PathArena& arena) const {
    return {order_ == 0 ? &storage_.inline_path : arena.at(order_, storage_.chunk), count_};
  }

  /// Fewer than kMost are there. Invalidates spans.
  Path& add(PathArena& arena, const Path& path);
  /// Removes the path at `position`; the last one takes its place. Invalidates spans.
  void remove(PathArena& arena, std::size_t position);

 private:
  void move_to(PathArena& arena, unsigned order);

  union Storage {
    Path inline_path;
    std::uint32_t chunk;
    Storage() : inline_path{} {}
  } storage_;
  std::uint16_t count_ = 0;
  std::uint8_t order_ = 0;  ///< 0: inline, else a chunk of 2^order_ paths
};

}  // namespace lastmile::rib
