// The writer's shadow of the tables: which prefixes exist, and what they point at.
//
// A node covers one 8-bit stride: a base (the address bits above the stride) and every prefix that
// adds 1 to 8 bits to it. A prefix that adds d bits b has the position 2^d + b, as in a binary
// heap:
//
//   position   1        2, 3        4 … 7     …    256 … 511
//   prefix     (base)   base + 1    base + 2  …    base + 8 = the node's 256 slots
//
// so a parent is position / 2, and the 512 presence bits are one cache line. The values of the
// present prefixes stand in order of position, found by counting the bits before. Most nodes keep
// them inside (two cache lines in all), crowded ones in the arena.
//
// Position 1 is the base itself, which belongs to the node above as one of its slots; only the root
// uses it, for the default route.
//
// FIB writer only. All-zero bytes are an empty node.
#pragma once

#include <array>
#include <bit>
#include <cassert>
#include <cstdint>
#include <cstring>

#include "dataplane/fib/value_arena.h"

#if defined(__BMI2__)
#include <immintrin.h>
#endif

namespace lastmile {

/// One bit for each of a node's 256 slots.
using SlotMask = std::array<std::uint64_t, 4>;

class alignas(64) PrefixNode {
 public:
  using Value = ValueArena::Value;
  using Position = unsigned;  ///< 1 to 511

  static constexpr unsigned kSlots = 256;
  static constexpr unsigned kInline = 28;
  static constexpr Position kBase = 1;

  /// Position of the prefix that adds the first `depth` (0 to 8) bits of `byte` to the base.
  [[nodiscard]] static constexpr Position position(unsigned depth, std::uint8_t byte) {
    return 1U << depth | unsigned{byte} >> (8 - depth);
  }
  [[nodiscard]] static constexpr unsigned depth(Position position) {
    return static_cast<unsigned>(std::bit_width(position)) - 1;
  }
  [[nodiscard]] static constexpr unsigned first_slot(Position position) {
    return position << (8 - depth(position)) & 0xff;
  }
  [[nodiscard]] static constexpr unsigned slot_count(Position position) {
    return 1U << (8 - depth(position));
  }

  [[nodiscard]] bool contains(Position position) const {
    return (present_[position >> 6] >> (position & 63) & 1) != 0;
  }
  [[nodiscard]] unsigned routes() const { return count_; }
  /// Slots of this node that lead to a second-level group. The FIB keeps the number.
  [[nodiscard]] unsigned children() const { return children_; }
  void add_child() { ++children_; }
  void drop_child() { --children_; }
  [[nodiscard]] bool empty() const { return (count_ | children_) == 0; }

  /// The value at a position that the node contains; may be assigned.
  [[nodiscard]] Value& value(Position position) { return values()[rank(position)]; }
  [[nodiscard]] Value value(Position position) const { return values()[rank(position)]; }

  /// Adds a position that the node doesn't contain.
  void insert(Position position, Value value, ValueArena& arena);
  /// Takes away a position that the node contains; returns its value.
  Value erase(Position position, ValueArena& arena);

  /// The longest prefix in this node that covers `position`, itself included; 0 if there is none.
  /// Position 1 is not looked at.
  [[nodiscard]] Position nearest(Position position) const;

  /// Slots that belong to a prefix more specific than `position`. Only the slots of `position` have
  /// a meaning.
  [[nodiscard]] SlotMask covered_below(Position position) const;

  /// Starts fetching the node; a hint.
  void prefetch() const {
    __builtin_prefetch(this, 1);
    __builtin_prefetch(reinterpret_cast<const char*>(this) + 64, 1);
  }

 private:
  /// Bits set before `position`: where its value stands.
  [[nodiscard]] unsigned rank(Position position) const;
  [[nodiscard]] Value* values() { return capacity_class_ == 0 ? inside_ : outside_; }
  [[nodiscard]] const Value* values() const { return capacity_class_ == 0 ? inside_ : outside_; }
  [[nodiscard]] unsigned capacity() const {
    return capacity_class_ == 0 ? kInline : ValueArena::kCapacity[capacity_class_ - 1U];
  }
  void move_to_class(unsigned capacity_class, ValueArena& arena);

  std::array<std::uint64_t, 8> present_;
  std::uint16_t count_;
  std::uint16_t children_;
  std::uint16_t capacity_class_;  // 0: inside_, else 1 + size class of outside_
  std::uint16_t unused_;
  union {
    Value inside_[kInline];
    Value* outside_;
  };
};
static_assert(sizeof(PrefixNode) == 128, "two cache lines that the prefetcher fetches as a pair");

namespace detail {

/// Doubles every bit: a prefix that covers slot i of one depth covers 2i and 2i + 1 of the next.
inline std::uint64_t doubled(std::uint32_t bits) {
#if defined(__BMI2__)
  return _pdep_u64(bits, 0x5555555555555555ULL) * 3;
#else
  std::uint64_t x = bits;
  x = (x | x << 16) & 0x0000ffff0000ffffULL;
  x = (x | x << 8) & 0x00ff00ff00ff00ffULL;
  x = (x | x << 4) & 0x0f0f0f0f0f0f0f0fULL;
  x = (x | x << 2) & 0x3333333333333333ULL;
  x = (x | x << 1) & 0x5555555555555555ULL;
  return x * 3;
#endif
}

}  // namespace detail

inline unsigned PrefixNode::rank(Position position) const {
  // All eight words, masked: a loop that ends at the right word would be guessed wrong each time.
  const unsigned word = position >> 6;
  const std::uint64_t partial = (std::uint64_t{1} << (position & 63)) - 1;
  unsigned count = 0;
  for (unsigned i = 0; i < 8; ++i) {
    const std::uint64_t mask = i < word ? ~std::uint64_t{0} : i == word ? partial : 0;
    count += static_cast<unsigned>(std::popcount(present_[i] & mask));
  }
  return count;
}

inline PrefixNode::Position PrefixNode::nearest(Position position) const {
  // One bit for each ancestor, the longest in the lowest bit; position 1 is left out.
  const unsigned steps = depth(position);
  std::uint32_t present = 0;
  for (unsigned up = 0; up < 8; ++up) {
    const Position ancestor = position >> up;
    present |= static_cast<std::uint32_t>(present_[ancestor >> 6] >> (ancestor & 63) & 1) << up;
  }
  present &= (1U << steps) - 1;
  return present == 0 ? 0 : position >> std::countr_zero(present);
}

inline SlotMask PrefixNode::covered_below(Position position) const {
  const unsigned own = depth(position);
  // Depth 1 to 5 live in the first word, side by side.
  std::uint64_t covered = 0;
  for (unsigned d = own + 1; d <= 5; ++d) {
    const std::uint64_t here = present_[0] >> (1U << d) & ((std::uint64_t{1} << (1U << d)) - 1);
    covered = detail::doubled(static_cast<std::uint32_t>(covered)) | here;
  }
  if (own < 6) covered = detail::doubled(static_cast<std::uint32_t>(covered)) | present_[1];
  std::array<std::uint64_t, 2> depth7{};
  if (own < 7) {
    depth7[0] = detail::doubled(static_cast<std::uint32_t>(covered)) | present_[2];
    depth7[1] = detail::doubled(static_cast<std::uint32_t>(covered >> 32)) | present_[3];
  }
  SlotMask mask{};
  if (own < 8) {
    for (unsigned i = 0; i < 4; ++i) {
      const std::uint64_t half = depth7[i / 2] >> (i % 2 * 32);
      mask[i] = detail::doubled(static_cast<std::uint32_t>(half)) | present_[4 + i];
    }
  }
  return mask;
}

inline void PrefixNode::move_to_class(unsigned capacity_class, ValueArena& arena) {
  std::array<Value, kInline> kept;
  Value* const old = values();
  const unsigned old_class = capacity_class_;
  if (capacity_class == 0) {
    std::memcpy(kept.data(), old, count_ * sizeof(Value));
    arena.give_back(old, old_class - 1);
    std::memcpy(inside_, kept.data(), count_ * sizeof(Value));
  } else {
    Value* const block = arena.take(capacity_class - 1);
    std::memcpy(block, old, count_ * sizeof(Value));
    if (old_class != 0) arena.give_back(old, old_class - 1);
    outside_ = block;
  }
  capacity_class_ = static_cast<std::uint16_t>(capacity_class);
}

inline void PrefixNode::insert(Position position, Value value, ValueArena& arena) {
  assert(!contains(position));
  if (count_ == capacity()) move_to_class(capacity_class_ + 1U, arena);
  const unsigned at = rank(position);
  Value* const all = values();
  std::memmove(all + at + 1, all + at, (count_ - at) * sizeof(Value));
  all[at] = value;
  present_[position >> 6] |= std::uint64_t{1} << (position & 63);
  ++count_;
}

inline PrefixNode::Value PrefixNode::erase(Position position, ValueArena& arena) {
  assert(contains(position));
  const unsigned at = rank(position);
  Value* const all = values();
  const Value value = all[at];
  --count_;
  std::memmove(all + at, all + at + 1, (count_ - at) * sizeof(Value));
  present_[position >> 6] &= ~(std::uint64_t{1} << (position & 63));
  if (capacity_class_ != 0 && count_ <= ValueArena::shrink_below(capacity_class_ - 1U, kInline)) {
    move_to_class(capacity_class_ <= 2 ? 0 : capacity_class_ - 2U, arena);
  }
  return value;
}

}  // namespace lastmile
