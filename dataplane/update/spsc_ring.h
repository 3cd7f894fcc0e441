// A bounded queue from one thread to one other, without locks.
//
//   SpscRing<FibOperation> ring{16384};
//   // producer                                  // consumer
//   if (ring.stage(operation)) ...               for (const auto& op : ring.front(256)) apply(op);
//   ring.publish();                              ring.consume(n);
//
// Both sides work in batches: the producer stages items and publishes them with one release store;
// the consumer looks at items in place and gives their room back with one release store. Each side
// keeps a copy of the other's index and looks at the real one only when the copy says full or
// empty, so that in steady flow the index lines cross between cores once a batch, not once an item.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>

namespace lastmile {

template <class T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T>, "items are copied, never destroyed");

 public:
  /// `capacity` is rounded up to a power of two.
  explicit SpscRing(std::size_t capacity)
      : mask_(std::bit_ceil(std::max<std::size_t>(capacity, 2)) - 1),
        items_(std::make_unique<T[]>(mask_ + 1)) {}
  SpscRing(const SpscRing&) = delete;
  SpscRing& operator=(const SpscRing&) = delete;

  [[nodiscard]] std::size_t capacity() const { return mask_ + 1; }

  // ---- producer

  /// Writes an item that the consumer can't see before `publish`. False when the ring is full.
  [[nodiscard]] bool stage(const T& item) {
    if (producer_.staged - producer_.seen_head > mask_) {
      producer_.seen_head = head_.value.load(std::memory_order_acquire);
      if (producer_.staged - producer_.seen_head > mask_) return false;
    }
    items_[producer_.staged & mask_] = item;
    ++producer_.staged;
    return true;
  }
  /// Items staged and not yet published.
  [[nodiscard]] std::size_t staged() const {
    return static_cast<std::size_t>(producer_.staged - producer_.published);
  }
  void publish() {
    producer_.published = producer_.staged;
    tail_.value.store(producer_.staged, std::memory_order_release);
  }
  /// Stages and publishes as many items as fit; returns how many.
  std::size_t push(std::span<const T> items) {
    std::size_t count = 0;
    while (count < items.size() && stage(items[count])) ++count;
    publish();
    return count;
  }
  [[nodiscard]] bool push(const T& item) { return push(std::span<const T>{&item, 1}) == 1; }

  // ---- consumer

  /// Up to `most` published items, oldest first, in place; fewer at the end of the storage, none
  /// when the ring is empty. They stay valid until `consume`.
  [[nodiscard]] std::span<const T> front(std::size_t most) {
    const std::uint64_t head = consumer_.head;
    if (consumer_.seen_tail - head < most) {
      consumer_.seen_tail = tail_.value.load(std::memory_order_acquire);
    }
    const auto ready = static_cast<std::size_t>(consumer_.seen_tail - head);
    const auto index = static_cast<std::size_t>(head & mask_);
    return {&items_[index], std::min({ready, most, mask_ + 1 - index})};
  }
  /// Gives back the room of the first `count` items of `front`.
  void consume(std::size_t count) {
    consumer_.head += count;
    assert(consumer_.head <= consumer_.seen_tail);
    head_.value.store(consumer_.head, std::memory_order_release);
  }
  /// Copies up to `items.size()` items out; returns how many.
  std::size_t pop(std::span<T> items) {
    std::size_t count = 0;
    while (count < items.size()) {
      const std::span<const T> ready = front(items.size() - count);
      if (ready.empty()) break;
      std::copy(ready.begin(), ready.end(), items.begin() + static_cast<std::ptrdiff_t>(count));
      count += ready.size();
      consume(ready.size());
    }
    return count;
  }

  // ---- either side

  /// Published and not consumed; a snapshot when the other side is running.
  [[nodiscard]] std::size_t size() const {
    const std::uint64_t head = head_.value.load(std::memory_order_acquire);
    return static_cast<std::size_t>(tail_.value.load(std::memory_order_acquire) - head);
  }

 private:
  struct alignas(64) Index {
    std::atomic<std::uint64_t> value{0};
  };
  struct alignas(64) Producer {
    std::uint64_t staged = 0;
    std::uint64_t published = 0;
    std::uint64_t seen_head = 0;
  };
  struct alignas(64) Consumer {
    std::uint64_t head = 0;
    std::uint64_t seen_tail = 0;
  };

  const std::size_t mask_;
  const std::unique_ptr<T[]> items_;
  Index head_;         // consumer: writes; producer: reads
  Index tail_;         // producer: writes; consumer: reads
  Producer producer_;  // producer only
  Consumer consumer_;  // consumer only
};

}  // namespace lastmile
