// What a member that does not read misses: by route, so that it hears outcomes and not history.
//
//   missed.note(batch, member.id, lap);
//   while (!missed.empty()) {                          // when it reads again
//     const auto [route, was_told] = missed.take();    // tell how it stands by now
//   }
//
// It is told in rounds: what it misses during one comes with the next, so that nothing waits for
// ever.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include "controlplane/rib/update_batch.h"

namespace lastmile::rib {

template <class Address>
class MissedRoutes {
 public:
  using Route = bgp::Nlri<Address>;
  /// Whether a lap is to tell the member of everything: perhaps of a route before its turn here.
  enum class Lap : std::uint8_t { kNone, kUnderWay };

  /// What of the batch is for the member.
  void note(const UpdateBatch<Address>& batch, bgp::PeerId member, Lap lap);
  /// A lap tells the member of all that stands here.
  void lap_begins();

  [[nodiscard]] bool empty() const { return now_.empty() && later_.empty(); }
  struct Missed {
    Route route;
    bool was_told;  ///< the member knows of the route
  };
  /// One of this round, or of the next if this one is told. Not if it is empty().
  Missed take();
  /// If this round is told, what was missed meanwhile is the next.
  void go_on();
  /// Rounds that are told.
  [[nodiscard]] std::uint64_t rounds() const { return rounds_; }

  [[nodiscard]] std::size_t memory_bytes() const {
    return (now_.size() + later_.size()) * (sizeof(Route) + 4 * sizeof(void*));
  }

 private:
  struct RouteHash {
    std::size_t operator()(const Route& route) const {
      return hash_value(route.prefix) + route.path_id * std::size_t{0x9e3779b97f4a7c15};
    }
  };
  using Routes = std::unordered_map<Route, bool, RouteHash>;  ///< was_told

  Routes& list_for(const Route& route) { return now_.contains(route) ? now_ : later_; }

  Routes now_, later_;
  std::uint64_t rounds_ = 0;
};

extern template class MissedRoutes<Ipv4Address>;
extern template class MissedRoutes<Ipv6Address>;

}  // namespace lastmile::rib
