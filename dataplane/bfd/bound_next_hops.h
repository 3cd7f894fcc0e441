// Which next hops die with which session.
//
// Lists through an array, so that a session may have any number of them, and binding one more
// allocates nothing. One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/bfd/command.h"
#include "dataplane/net/strong_id.h"

namespace lastmile::bfd {

class BoundNextHops {
 public:
  /// NextHopId values are below `next_hops`. 0 is no next hop that is ever bound.
  explicit BoundNextHops(std::size_t next_hops) : next_(next_hops, 0), owner_(next_hops, kNobody) {}

  /// May it be bound?
  [[nodiscard]] bool exists(NextHopId next_hop) const {
    return next_hop.value() != 0 && next_hop.value() < owner_.size();
  }
  /// Whose it is; nullopt: nobody's.
  [[nodiscard]] std::optional<SessionId> owner(NextHopId next_hop) const {
    if (!exists(next_hop) || owner_[next_hop.value()] == kNobody) return std::nullopt;
    return SessionId{owner_[next_hop.value()]};
  }
  /// One that the session has; nullopt: it has none.
  [[nodiscard]] std::optional<NextHopId> first(SessionId session) const {
    const std::uint16_t hop = first_[session.value()];
    return hop != 0 ? std::optional{NextHopId{hop}} : std::nullopt;
  }
  /// Calls `visit(NextHopId)` for each that the session has.
  template <class Visitor>
  void for_each(SessionId session, Visitor&& visit) const {
    for (std::uint16_t hop = first_[session.value()]; hop != 0; hop = next_[hop]) {
      visit(NextHopId{hop});
    }
  }

  /// It exists and is nobody's.
  void bind(SessionId session, NextHopId next_hop) {
    std::uint16_t& first = first_[session.value()];
    owner_[next_hop.value()] = session.value();
    next_[next_hop.value()] = first;
    first = next_hop.value();
  }
  /// It has an owner.
  void unbind(NextHopId next_hop) {
    const std::uint16_t hop = next_hop.value();
    std::uint16_t* link = &first_[owner_[hop]];
    while (*link != hop) link = &next_[*link];
    *link = next_[hop];
    owner_[hop] = kNobody;
  }

 private:
  static constexpr std::uint16_t kNobody = 0xffff;

  std::array<std::uint16_t, kMaxSessions> first_{};  ///< by session: where its list begins
  std::vector<std::uint16_t> next_;                  ///< follows in the list; 0 ends it
  std::vector<std::uint16_t> owner_;                 ///< SessionId, or kNobody
};

}  // namespace lastmile::bfd
