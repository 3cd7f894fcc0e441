#include "controlplane/rib/missed_routes.h"

namespace lastmile::rib {

template <class Address>
void MissedRoutes<Address>::note(const UpdateBatch<Address>& batch, bgp::PeerId member, Lap lap) {
  for (const auto& entry : batch.announce) {
    if (!entry.to.includes(member)) continue;
    const bool was_told = !entry.fresh || lap == Lap::kUnderWay;
    list_for(entry.route).try_emplace(entry.route, was_told);
  }
  for (const auto& entry : batch.withdraw) {
    if (!entry.to.includes(member)) continue;
    Routes& list = list_for(entry.route);
    const auto [missed, fresh] = list.try_emplace(entry.route, true);
    // It came and went, and the member need not know.
    if (!fresh && !missed->second) list.erase(missed);
  }
}

template <class Address>
void MissedRoutes<Address>::lap_begins() {
  for (Routes* routes : {&now_, &later_}) {
    for (auto& [route, was_told] : *routes) was_told = true;  // it will have been
  }
}

template <class Address>
auto MissedRoutes<Address>::take() -> Missed {
  go_on();
  const auto [route, was_told] = *now_.begin();
  now_.erase(now_.begin());
  return {route, was_told};
}

template <class Address>
void MissedRoutes<Address>::go_on() {
  if (!now_.empty()) return;
  std::swap(now_, later_);
  ++rounds_;
}

template class MissedRoutes<Ipv4Address>;
template class MissedRoutes<Ipv6Address>;

}  // namespace lastmile::rib
