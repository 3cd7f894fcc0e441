// Reading and writing of big-endian fields, with the bounds kept in one place.
//
//   OctetReader in(bytes);
//   while (in.left() >= 2) use(in.u16());
//
// A reader is never asked for more than `left()`: that is a mistake of the caller, asserted in
// debug builds, because a caller that checks a field's length also knows which NOTIFICATION a short
// one deserves.
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace lastmile::bgp {

using Octets = std::span<const std::uint8_t>;

/// The value of `T` that stands big-endian at `at`, which need not be aligned.
template <class T>
[[nodiscard]] inline T load_big_endian(const std::uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) return value;
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(value));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(value));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(value));
}

/// A cursor over bytes that somebody else owns.
class OctetReader {
 public:
  explicit OctetReader(Octets octets) : at_(octets.data()), end_(octets.data() + octets.size()) {}

  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  [[nodiscard]] bool empty() const { return at_ == end_; }
  [[nodiscard]] Octets rest() const { return {at_, end_}; }

  std::uint8_t u8() { return read<std::uint8_t>(); }
  std::uint16_t u16() { return read<std::uint16_t>(); }
  std::uint32_t u32() { return read<std::uint32_t>(); }
  std::uint64_t u64() { return read<std::uint64_t>(); }
  /// The next `count` bytes, not copied.
  Octets take(std::size_t count) {
    assert(count <= left());
    const Octets taken{at_, count};
    at_ += count;
    return taken;
  }
  /// The next `N` bytes with their number in the type.
  template <std::size_t N>
  std::span<const std::uint8_t, N> take() {
    return take(N).template first<N>();
  }

 private:
  template <class T>
  T read() {
    assert(sizeof(T) <= left());
    const T value = load_big_endian<T>(at_);
    at_ += sizeof(T);
    return value;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
};

/// Appends to a vector that somebody else owns. Lengths that stand before what they count are
/// reserved first (`hold_u16`) and filled in when the end is known (`fill_u16`).
class OctetWriter {
 public:
  explicit OctetWriter(std::vector<std::uint8_t>& out) : out_(out) {}

  [[nodiscard]] std::size_t size() const { return out_.size(); }

  void u8(std::uint8_t value) { out_.push_back(value); }
  void u16(std::uint16_t value) {
    u8(static_cast<std::uint8_t>(value >> 8));
    u8(static_cast<std::uint8_t>(value));
  }
  void u32(std::uint32_t value) {
    u16(static_cast<std::uint16_t>(value >> 16));
    u16(static_cast<std::uint16_t>(value));
  }
  void u64(std::uint64_t value) {
    u32(static_cast<std::uint32_t>(value >> 32));
    u32(static_cast<std::uint32_t>(value));
  }
  void octets(Octets octets) { out_.insert(out_.end(), octets.begin(), octets.end()); }

  /// Leaves room for a length; returns its place.
  [[nodiscard]] std::size_t hold_u16() {
    const std::size_t place = out_.size();
    u16(0);
    return place;
  }
  /// Writes at `place` how many bytes follow the length that stands there.
  void fill_u16(std::size_t place) {
    const std::size_t length = out_.size() - place - 2;
    assert(length <= 0xffff);
    out_[place] = static_cast<std::uint8_t>(length >> 8);
    out_[place + 1] = static_cast<std::uint8_t>(length);
  }

 private:
  std::vector<std::uint8_t>& out_;
};

}  // namespace lastmile::bgp
