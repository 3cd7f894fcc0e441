// Identifiers that can't be mixed up: a port number is not a next-hop number.
//
//   PortId port{3};
//   table[port.value()];
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <functional>

namespace lastmile {

/// An index with a name. `Tag` makes each kind a type of its own; there is no implicit conversion
/// in or out. Trivial, so it may live in tables that workers read.
template <class Tag, std::unsigned_integral Rep>
class StrongId {
 public:
  using Representation = Rep;

  constexpr StrongId() = default;
  explicit constexpr StrongId(Rep value) : value_(value) {}

  [[nodiscard]] constexpr Rep value() const { return value_; }
  friend constexpr auto operator<=>(StrongId, StrongId) = default;

 private:
  Rep value_ = 0;
};

/// A port of the configuration, numbered densely from 0 in the order of the file.
using PortId = StrongId<struct PortTag, std::uint16_t>;
/// An entry of the next-hop table (port + link-layer rewrite + liveness).
using NextHopId = StrongId<struct NextHopTag, std::uint16_t>;
/// An entry of the group table. Group 0 is "no route" in every FIB entry.
using GroupId = StrongId<struct GroupTag, std::uint16_t>;
/// A poll-mode worker, numbered densely from 0.
using WorkerId = StrongId<struct WorkerTag, std::uint8_t>;

inline constexpr GroupId kNoGroup{0};

}  // namespace lastmile

template <class Tag, class Rep>
struct std::hash<lastmile::StrongId<Tag, Rep>> {
  std::size_t operator()(lastmile::StrongId<Tag, Rep> id) const noexcept {
    return std::hash<Rep>{}(id.value());
  }
};
