// UPDATEs in a form that can be compared: one may be cut into several, or several may say what one
// could.
#pragma once

#include <map>
#include <utility>
#include <vector>

#include "controlplane/bgp/wire/message.h"

namespace lastmile::bgp::test {

struct Merged {
  std::map<Family, std::vector<NlriList>> unreach;
  std::map<Family, std::vector<std::pair<NextHop, NlriList>>> reach;
  std::vector<PathAttributes> attributes;
  friend bool operator==(const Merged&, const Merged&) = default;
};

/// Appends routes of the same family.
inline void join(NlriList& to, const NlriList& more) {
  std::visit(
      [&](auto& list) {
        const auto& other = std::get<std::decay_t<decltype(list)>>(more);
        list.insert(list.end(), other.begin(), other.end());
      },
      to);
}

/// Adds an UPDATE.
inline void merge(const Update& update, Merged& to) {
  for (const Update::Unreach& unreach : update.unreach) {
    auto& lists = to.unreach[unreach.family];
    if (lists.empty()) {
      lists.push_back(unreach.nlri);
    } else {
      join(lists.back(), unreach.nlri);
    }
  }
  for (const Update::Reach& reach : update.reach) {
    auto& lists = to.reach[reach.family];
    if (!lists.empty() && lists.back().first == reach.next_hop) {
      join(lists.back().second, reach.nlri);
    } else {
      lists.emplace_back(reach.next_hop, reach.nlri);
    }
    if (to.attributes.empty() || to.attributes.back() != update.attributes) {
      to.attributes.push_back(update.attributes);
    }
  }
}

}  // namespace lastmile::bgp::test
