// What is to be said to the members of an update group at one time, and which of them it concerns.
#pragma once

#include <cstdint>
#include <vector>

#include "controlplane/rib/advertised.h"

namespace lastmile::rib {

/// Who hears of a change: all members but one, or that one alone.
struct Audience {
  bgp::PeerId peer = kNobody;
  enum class Who : std::uint8_t { kOthers, kAlone };
  Who who = Who::kOthers;

  [[nodiscard]] bool includes(bgp::PeerId id) const { return (id == peer) == (who == Who::kAlone); }
};

template <class Address>
struct UpdateBatch {
  struct Announce {
    AttributeId attributes;
    bgp::Nlri<Address> route;
    Audience to;
    bool fresh = false;  ///< nobody had been told of the route
  };
  struct Withdraw {
    bgp::Nlri<Address> route;
    Audience to;
  };

  std::vector<Withdraw> withdraw;
  std::vector<Announce> announce;
  std::vector<bgp::PeerId> named;  ///< who hears something else than the others

  void name(bgp::PeerId peer) {
    if (peer != kNobody) named.push_back(peer);
  }
  [[nodiscard]] bool empty() const { return withdraw.empty() && announce.empty(); }
};

}  // namespace lastmile::rib
