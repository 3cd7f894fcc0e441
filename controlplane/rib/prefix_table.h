// Records keyed by prefix, each with a number that stays until it is erased.
//
//   PrefixTable<RouteRecord<Ipv4Address>> table;
//   auto [number, fresh] = table.find_or_insert(prefix);
//   table[number].paths …
//
// Records live in pages that never move, so growing copies nothing and a walk by number is a walk
// through memory. `Record` is default-constructible and has the members `prefix` and `used`, both
// written by the table only; erased records are default ones until their number is given out again.
#pragma once

#include <cassert>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "dataplane/net/hash_index.h"
#include "dataplane/net/ip.h"

namespace lastmile::rib {

template <class Record>
class PrefixTable {
 public:
  using Key = decltype(Record::prefix);
  static constexpr std::uint32_t kNotFound = HashIndex::kNotFound;

  [[nodiscard]] std::uint32_t find(const Key& prefix) const {
    return index_.find(hash_value(prefix),
                       [&](std::uint32_t number) { return (*this)[number].prefix == prefix; });
  }

  /// The record's number, and whether it is new (all but its prefix default).
  std::pair<std::uint32_t, bool> find_or_insert(const Key& prefix) {
    const std::uint64_t hash = hash_value(prefix);
    const std::uint32_t found =
        index_.find(hash, [&](std::uint32_t number) { return (*this)[number].prefix == prefix; });
    if (found != kNotFound) return {found, false};
    return {add(prefix, hash), true};
  }

  /// A record of its own, all but its prefix default, even if others have that prefix. A table is
  /// filled by this or by find_or_insert(), not by both.
  std::uint32_t insert(const Key& prefix) { return add(prefix, hash_value(prefix)); }
  /// Visits the numbers of all records of a prefix.
  template <class Visitor>
  void for_each(const Key& prefix, Visitor&& visit) const {
    const auto see = [&](std::uint32_t number) {
      if ((*this)[number].prefix == prefix) visit(number);
      return false;  // go on
    };
    (void)index_.find(hash_value(prefix), see);
  }

  void erase(std::uint32_t number) {
    index_.erase(hash_value((*this)[number].prefix), number);
    (*this)[number] = Record{};
    free_.push_back(number);
    --size_;
  }

  void clear() { *this = PrefixTable{}; }

  [[nodiscard]] Record& operator[](std::uint32_t number) {
    assert(number < end_);
    return pages_[number / kPage][number % kPage];
  }
  [[nodiscard]] const Record& operator[](std::uint32_t number) const {
    assert(number < end_);
    return pages_[number / kPage][number % kPage];
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// All numbers are below this one.
  [[nodiscard]] std::uint32_t end() const { return end_; }

  void prefetch(const Key& prefix) const { index_.prefetch(hash_value(prefix)); }

  [[nodiscard]] std::size_t memory_bytes() const {
    return index_.memory_bytes() + pages_.size() * kPage * sizeof(Record) +
           pages_.capacity() * sizeof(pages_[0]) + free_.capacity() * sizeof(std::uint32_t);
  }

 private:
  static constexpr std::uint32_t kPage = 1024;

  std::uint32_t add(const Key& prefix, std::uint64_t hash) {
    const std::uint32_t number = allocate();
    Record& record = (*this)[number];
    record.prefix = prefix;
    record.used = true;
    index_.insert(hash, number);
    ++size_;
    return number;
  }

  std::uint32_t allocate() {
    if (!free_.empty()) {
      const std::uint32_t number = free_.back();
      free_.pop_back();
      return number;
    }
    if (end_ % kPage == 0) pages_.push_back(std::make_unique<Record[]>(kPage));
    return end_++;
  }

  HashIndex index_;
  std::vector<std::unique_ptr<Record[]>> pages_;
  std::vector<std::uint32_t> free_;
  std::uint32_t end_ = 0;
  std::size_t size_ = 0;
};

}  // namespace lastmile::rib
